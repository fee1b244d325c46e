use pipeline_data::config::Task;
use pipeline_data::target::Target;

use crate::model_artifact::ModelArtifact;

/// What the outputs of a head say of a stay.
#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    /// The logit of each of so many classes.
    Classes(usize),
    /// The logit of each of these labels.
    Labels(Vec<String>),
    /// The number that is called so.
    Number(String),
}

impl Default for Says {
    fn default() -> Self {
        Self::Classes(0)
    }
}

impl Says {
    /// What a model says.
    pub fn of_model(artifact: &ModelArtifact) -> Self {
        match &artifact.target {
            Some(target) => Self::of_target(target),
            None => Self::Classes(artifact.config.classifier.num_classes),
        }
    }

    /// What is said of a target.
    pub fn of_target(target: &Target) -> Self {
        match target.task {
            Task::Classification => Self::Classes(target.outputs.len()),
            Task::MultiLabel => Self::Labels(target.outputs.clone()),
            Task::Regression => Self::Number(target.name.clone()),
        }
    }

    /// In words, for a complaint.
    pub fn describe(&self) -> String {
        match self {
            Self::Classes(classes) => format!("one of {classes} classes"),
            Self::Labels(labels) => format!("the labels {}", labels.join(", ")),
            Self::Number(name) => format!("the number `{name}`"),
        }
    }

    /// Outputs.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Classes(classes) => *classes,
            Self::Labels(labels) => labels.len(),
            Self::Number(_) => 1,
        }
    }

    /// What outputs, row-major [stays, outputs], say: the probability of every class (softmax) or label (sigmoid), or the
    /// number itself.
    pub fn values(&self, outputs: &[f64]) -> Vec<f64> {
        match self {
            Self::Classes(classes) => pipeline_metrics::softmax(outputs, *classes),
            Self::Labels(_) => outputs
                .iter()
                .map(|odds| 1.0 / (1.0 + (-odds).exp()))
                .collect(),
            Self::Number(_) => outputs.to_vec(),
        }
    }

    /// The names of the columns of what is said: probabilities, or the number.
    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Classes(2) => vec!["probability".into()],
            Self::Classes(classes) => (0..*classes)
                .map(|class| format!("probability_{class}"))
                .collect(),
            Self::Labels(labels) => labels
                .iter()
                .map(|label| format!("probability_{label}"))
                .collect(),
            Self::Number(_) => vec!["predicted".into()],
        }
    }

    /// Of values, row-major [stays, outputs], those of each of the [columns](Self::columns).
    pub fn by_column(&self, values: &[f64]) -> Vec<Vec<f64>> {
        match self {
            Self::Classes(2) => vec![positive_of(values, 2)],
            _ => (0..self.outputs())
                .map(|output| {
                    values
                        .iter()
                        .skip(output)
                        .step_by(self.outputs())
                        .copied()
                        .collect()
                })
                .collect(),
        }
    }
}

/// The probability of every class but the first, of probabilities that are row-major [stays, classes].
pub fn positive_of(probabilities: &[f64], classes: usize) -> Vec<f64> {
    let rows = probabilities.chunks(classes.max(1));
    rows.map(|row| row[1..].iter().sum::<f64>().min(1.0))
        .collect()
}
