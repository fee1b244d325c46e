//! What a schema cannot say of a finetune stage.

use super::{FinetuneTable, HeadOptimizer};
use crate::kind::StageCheck;
use crate::opened::trainable_parameters;
use pipeline_data::subsample::Subsample;
use pipeline_model::backbone::Step;
use pipeline_model::config::HeadKind;
use pipeline_train::class_balance::{ClassWeights, Sampling};

/// The largest dropout that leaves something to train on.
const MAX_DROPOUT: f64 = 0.9;

impl StageCheck<'_> {
    pub(super) fn finetune(&mut self, stage: &FinetuneTable) {
        let model = self.model;
        let freeze = self.stages.iter().find(|(name, _)| *name == stage.model);
        let patterns = freeze.and_then(|(_, stage)| stage.trainable());
        let trainable = model
            .zip(patterns)
            .and_then(|(model, patterns)| trainable_parameters(model, patterns));
        match &stage.optimizer {
            HeadOptimizer::Solver(solver) => self.solver(stage, solver, trainable.as_deref()),
            HeadOptimizer::Steps(optimizer) => {
                self.dropout(stage.dropout);
                if let Some(trainable) = &trainable {
                    self.transformer_dropout(stage, trainable);
                }
                self.optimizer(optimizer, trainable);
                self.schedule(&stage.schedule, stage.max_steps);
            }
        }
        self.subsample(stage.subsample.as_ref());
        if let Some(model) = model {
            self.class_weights(stage, model.classifier.num_classes);
        }
    }

    /// A rate that acts on nothing would make two stages that do the same look different.
    fn transformer_dropout(&mut self, stage: &FinetuneTable, trainable: &[String]) {
        let steps = Step::of_parameters(trainable);
        let has_layer = steps.iter().any(|step| matches!(step, Step::Layer(_)));
        if stage.transformer_dropout > 0.0 && !has_layer {
            let problem = "acts on no layer: every layer of the transformer is frozen";
            let mistake = self.mistake(&["transformer_dropout"], problem, "without effect");
            let trainable = self.tree.place(&["stages", &stage.model, "trainable"]);
            self.mistakes
                .push(mistake.and(trainable, "what is trainable").help(
                    "frozen layers have no dropout; open some of `transformer.layers.N.*`, or leave it out",
                ));
        }
    }

    /// How many stays are drawn is stated once.
    fn subsample(&mut self, subsample: Option<&Subsample>) {
        let problem = match subsample {
            Some(Subsample {
                stays: Some(_),
                fraction: Some(_),
                ..
            }) => "states `stays` and `fraction`",
            Some(Subsample {
                stays: None,
                fraction: None,
                ..
            }) => "states neither `stays` nor `fraction`",
            _ => return,
        };
        let mistake = self.mistake(&["subsample"], problem, "how many stays?");
        self.mistakes.push(mistake.help("state one of the two"));
    }

    fn dropout(&mut self, rates: [f64; 3]) {
        let linear = (self.model).is_some_and(|model| model.classifier.head == HeadKind::Linear);
        if linear && self.states(&["dropout"]) {
            let problem = "acts on hidden layers, and model.classifier.head is `linear`";
            let mistake = self.mistake(&["dropout"], problem, "without effect");
            let place = self.tree.place(&["model", "classifier", "head"]);
            let mistake = mistake.and(place, "it has none").help("leave it out");
            self.mistakes.push(mistake);
        }
        for (index, rate) in rates.into_iter().enumerate() {
            if !(0.0..=MAX_DROPOUT).contains(&rate) {
                let index = index.to_string();
                let mistake = self.mistake(
                    &["dropout", &index],
                    &format!("must be between 0 and {MAX_DROPOUT}, not {rate}"),
                    "not in [0, 0.9]",
                );
                self.mistakes.push(mistake);
            }
        }
    }

    fn class_weights(&mut self, stage: &FinetuneTable, classes: usize) {
        match &stage.class_weights {
            ClassWeights::Given(weights) if weights.len() != classes => {
                let problem = format!(
                    "has {} weights, and model.classifier.num_classes is {classes}",
                    weights.len()
                );
                let mistake = self.mistake(&["class_weights"], &problem, "one a class");
                self.mistakes.push(mistake);
            }
            ClassWeights::Balanced if stage.sampling == Sampling::Balanced => {
                let problem =
                    "is `balanced`, and so is `sampling`: rare classes would count twice over";
                let mistake = self.mistake(&["class_weights"], problem, "balances once more");
                self.mistakes.push(mistake.help("keep one of the two"));
            }
            _ => {}
        }
    }
}
