//! Whether every trainable parameter gets a gradient.

use candle_core::{Var, backprop::GradStore};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Verdict};
use super::subject::Subject;
use crate::features::embeddings;
use pipeline_error::Error;
use pipeline_model::batch::Batch;
use pipeline_model::classifier::Head;
use pipeline_model::host::to_device;
use pipeline_model::noise::Noise;
use pipeline_model::parameter::ParameterSource;
use pipeline_model::seqsetvae::ClassifierModel;
use pipeline_train::config::Loss;
use pipeline_train::gradients::Variables;
use pipeline_train::loss::classification_loss;

/// Stays of the one pass.
const STAYS: usize = 32;

/// The gradient of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParameterGradient {
    /// The parameter.
    pub name: String,
    /// L2 norm of the gradient of the mean cross entropy; null where there is none or it is not finite.
    pub norm: Option<f64>,
    /// L2 norm of the parameter.
    pub parameter_norm: f64,
    /// What is wrong: `none`, `zero` or `not finite`.
    pub problem: Option<String>,
}

/// Gradients of the cross entropy of up to 32 stays of the split, evenly spaced, without dropout.
pub fn look(subject: &Subject) -> Result<(Vec<ParameterGradient>, Vec<Finding>), Error> {
    let stride = subject.stays.len().div_ceil(STAYS).max(1);
    let stays: Vec<usize> = subject.stays.iter().copied().step_by(stride).collect();
    let (variables, gradients) = backward(subject, &stays)?;
    let rows = variables
        .iter()
        .map(|(name, variable)| row(name, variable, &gradients));
    let rows: Vec<ParameterGradient> = rows.collect::<Result<_, Error>>()?;
    let finding = finding(&rows, stays.len());
    Ok((rows, vec![finding]))
}

fn backward(subject: &Subject, stays: &[usize]) -> Result<(Variables, GradStore), Error> {
    let artifact = subject.artifact;
    let is_trainable = |name: &str| match &artifact.trainable {
        Some(names) => names.contains(name),
        None => Head::owns(name),
    };
    let mut parameters = to_device(&artifact.parameters, &subject.device)?;
    let mut variables = Variables::new();
    for (name, tensor) in &mut parameters {
        if is_trainable(name) {
            let variable = Var::from_tensor(tensor)?;
            *tensor = variable.as_tensor().clone();
            variables.insert(name.clone(), variable);
        }
    }
    let model = ClassifierModel::new(&ParameterSource::given(&parameters), &artifact.config)?;
    let batch = Batch::new(subject.dataset, stays, &subject.device)?;
    let embeddings = embeddings(artifact, subject.dataset, &subject.device)?;
    let features = model.backbone.forward(&batch, &embeddings)?.features;
    let logits = model.head.forward(&features, [0.0; 3], &Noise::Off)?;
    let labels: Vec<u32> = stays
        .iter()
        .map(|stay| subject.dataset.stays[*stay].class())
        .collect::<Result<_, Error>>()?;
    let loss = Loss::CrossEntropy {
        label_smoothing: 0.0,
    };
    let gradients = classification_loss(&logits, &labels, &loss)?.backward()?;
    Ok((variables, gradients))
}

fn row(name: &str, variable: &Var, gradients: &GradStore) -> Result<ParameterGradient, Error> {
    let norm_of = |tensor: &candle_core::Tensor| -> Result<f64, Error> {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        let squares = values.into_iter().map(|value| f64::from(value).powi(2));
        Ok(squares.sum::<f64>().sqrt())
    };
    let norm = gradients
        .get(variable.as_tensor())
        .map(norm_of)
        .transpose()?;
    let problem = match norm {
        None => Some("none"),
        Some(norm) if !norm.is_finite() => Some("not finite"),
        Some(0.0) => Some("zero"),
        Some(_) => None,
    };
    Ok(ParameterGradient {
        name: name.into(),
        norm: norm.filter(|norm| norm.is_finite()),
        parameter_norm: norm_of(variable.as_tensor())?,
        problem: problem.map(str::to_string),
    })
}

fn finding(rows: &[ParameterGradient], stays: usize) -> Finding {
    let bad = rows
        .iter()
        .filter_map(|row| Some((row.name.as_str(), row.problem.as_ref()?)));
    let bad: Vec<String> = bad
        .map(|(name, problem)| format!("{name} ({problem})"))
        .collect();
    let norms = || rows.iter().filter_map(|row| row.norm);
    let what = match bad.is_empty() {
        true => format!(
            "all {} trainable parameters get a gradient, on {stays} stays",
            rows.len()
        ),
        false => format!("no gradient to learn from: {}", bad.join(", ")),
    };
    Finding::new(
        "gradient_flow",
        Verdict::of(!bad.is_empty(), rows.is_empty()),
        what,
        "fault: a trainable parameter has no gradient, one of exactly zero, or one that is not finite; warning: nothing is trainable",
        "look at `dead_units`; a parameter that takes no part in the loss belongs among the frozen ones",
    )
    .value("parameters", rows.len() as f64)
    .value("without", bad.len() as f64)
    .value("smallest_norm", norms().reduce(f64::min))
    .value("largest_norm", norms().reduce(f64::max))
}
