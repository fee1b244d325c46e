//! What a schema cannot say of a freeze stage.

use super::FreezeTable;
use crate::kind::StageCheck;
use crate::opened::trainable_parameters;
use pipeline_checkpoint::Pattern;
use pipeline_model::classifier::Head;
use pipeline_model::config::{ModelConfig, ModelMode};
use pipeline_model::seqsetvae::parameter_specs;

impl StageCheck<'_> {
    /// The shapes of a model say how much of it is trainable.
    pub(super) fn trainable_fraction(&mut self, stage: &FreezeTable, model: Option<&ModelConfig>) {
        // How large a readout is depends on the data.
        let known =
            |model: &&ModelConfig| model.conflicts().is_empty() && model.readout().is_none();
        let Some(model) = model.filter(known) else {
            return;
        };
        let specs = parameter_specs(model, ModelMode::Classifier).ok();
        let Some((specs, trainable)) = specs.zip(trainable_parameters(model, &stage.trainable))
        else {
            return;
        };
        let numbers = |shape: &[usize]| shape.iter().product::<usize>();
        let all: usize = specs.iter().map(|spec| numbers(&spec.shape)).sum();
        let opened = specs.iter().filter(|spec| trainable.contains(&spec.name));
        let opened: usize = opened.map(|spec| numbers(&spec.shape)).sum();
        let share = Share {
            trainable: opened,
            all,
        };
        if share.fraction() <= stage.max_trainable_fraction {
            return;
        }
        let problem = format!(
            "allows less than that: {}",
            share.above(stage.max_trainable_fraction)
        );
        let label = match self.states(&["max_trainable_fraction"]) {
            true => "the limit",
            false => "`max_trainable_fraction` is not stated, so its default holds",
        };
        let trainable = self.place(&["trainable"]);
        let mut mistake = self.mistake(&["max_trainable_fraction"], &problem, label);
        if self.states(&["trainable"]) {
            mistake = mistake.and(trainable, "what is trainable");
        }
        self.mistakes.push(mistake.help(format!(
            "narrow `trainable`, or state max_trainable_fraction = {} if that is what you want",
            share.rounded_up()
        )));
    }

    /// A pattern that opens nothing is a slip of the pen.
    pub(super) fn trainable(&mut self, patterns: &[String], model: Option<&ModelConfig>) {
        for (index, text) in patterns.iter().enumerate() {
            let one = std::slice::from_ref(text);
            let matches_none = |model: &ModelConfig| {
                trainable_parameters(model, one).is_some_and(|n| n.is_empty())
            };
            if Pattern::new(text).is_ok() && model.is_some_and(matches_none) {
                let path = ["trainable", &index.to_string()];
                let mistake = self
                    .mistake(
                        &path,
                        "matches no parameter of the model",
                        "matches nothing",
                    )
                    .help(format!("the head's parameters are {}.*", Head::PREFIX));
                self.mistakes.push(mistake);
            }
        }
    }
}

/// How much of a model is trainable.
pub(super) struct Share {
    /// Numbers in trainable parameters.
    pub(super) trainable: usize,
    /// Numbers in all parameters.
    pub(super) all: usize,
}

impl Share {
    pub(super) fn fraction(&self) -> f64 {
        self.trainable as f64 / self.all as f64
    }

    /// What is wrong with it, in words.
    pub(super) fn above(&self, limit: f64) -> String {
        format!(
            "{:.1} % of the model's numbers would be trainable ({} of {}), the limit is {} %",
            100.0 * self.fraction(),
            self.trainable,
            self.all,
            (1e6 * limit).round() / 1e4
        )
    }

    /// The next hundredth: a limit that it keeps.
    fn rounded_up(&self) -> f64 {
        ((100.0 * self.fraction()).ceil() / 100.0).min(1.0)
    }
}
