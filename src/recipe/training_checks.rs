//! What a schema cannot say of how a stage trains.

use super::checks::StageCheck;
use super::opened::trainable_parameters;
use super::stage_config::{FinetuneStage, PretrainStage, StageConfig};
use crate::model::backbone::Step;
use crate::model::config::{ModelConfig, ModelMode};
use crate::model::seqsetvae::parameter_specs;
use crate::train::class_balance::{ClassWeights, Sampling};
use crate::train::optimizer::{Optimizer, Update};
use crate::train::schedule::Schedule;

impl StageCheck<'_> {
    pub(super) fn pretrain(&mut self, stage: &PretrainStage, model: Option<&ModelConfig>) {
        let specs = model.and_then(|model| parameter_specs(model, ModelMode::Pretrain).ok());
        let names = specs.map(|specs| specs.into_iter().map(|spec| spec.name).collect());
        self.optimizer(&stage.optimizer, names);
        self.schedule(&stage.schedule, stage.max_steps);
    }

    pub(super) fn finetune(
        &mut self,
        stage: &FinetuneStage,
        model: Option<&ModelConfig>,
        stages: &[(String, StageConfig)],
    ) {
        let freeze = stages.iter().find_map(|(name, other)| match other {
            StageConfig::Freeze(freeze) if *name == stage.model => Some(freeze),
            _ => None,
        });
        let trainable = model
            .zip(freeze)
            .and_then(|(model, freeze)| trainable_parameters(model, &freeze.trainable));
        self.dropout(stage.dropout);
        if let Some(trainable) = &trainable {
            self.transformer_dropout(stage, trainable);
        }
        self.optimizer(&stage.optimizer, trainable);
        self.schedule(&stage.schedule, stage.max_steps);
        if let Some(model) = model {
            self.class_weights(stage, model.classifier.num_classes);
        }
    }

    /// A rate that acts on nothing would make two stages that do the same look different.
    fn transformer_dropout(&mut self, stage: &FinetuneStage, trainable: &[String]) {
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

    /// `names`: of the trainable parameters, where they are known.
    fn optimizer(&mut self, optimizer: &Optimizer, names: Option<Vec<String>>) {
        let (kind, others): (&str, &[&str]) = match &optimizer.update {
            Update::AdamW(adamw) => {
                self.betas(adamw.betas);
                ("adamw", &["momentum", "nesterov"])
            }
            Update::Sgd(sgd) => {
                self.momentum(sgd.momentum, sgd.nesterov);
                self.stated_rate();
                ("sgd", &["betas", "eps"])
            }
        };
        for key in others {
            if self.states(&["optimizer", key]) {
                let problem = format!("is no setting of `{kind}`");
                let mistake = self.mistake(&["optimizer", key], &problem, "of another optimizer");
                self.mistakes.push(mistake.help(match kind {
                    "sgd" => "`sgd` has lr, momentum, nesterov and weight_decay",
                    _ => "`adamw` has lr, betas, eps and weight_decay; `kind = \"sgd\"` has a momentum",
                }));
            }
        }
        let names = names.unwrap_or_default();
        let found = match names.is_empty() {
            true => None,
            false => optimizer.rates(names.iter().map(String::as_str)).err(),
        };
        if let Some(found) = found {
            let index = found.group.map(|group| group.to_string());
            let path = match &index {
                Some(index) => vec!["optimizer", "groups", index.as_str(), "pattern"],
                None => vec!["optimizer", "groups"],
            };
            let mistake = self.mistake(&path, &found.problem, "stated here");
            self.mistakes.push(mistake.help(found.hint));
        }
    }

    fn stated_rate(&mut self) {
        if !self.states(&["optimizer", "lr"]) {
            let problem = "states no `lr`, and `sgd` has no default";
            let mistake = self.mistake(&["optimizer"], problem, "no learning rate");
            let help =
                "with momentum 0.9 it is often ten to a hundred times AdamW's: try lr = 1e-3";
            self.mistakes.push(mistake.help(help));
        }
    }

    fn momentum(&mut self, momentum: f64, nesterov: bool) {
        if !(0.0..1.0).contains(&momentum) {
            let problem = format!("must be at least 0 and less than 1, not {momentum}");
            let mistake = self.mistake(&["optimizer", "momentum"], &problem, "not in [0, 1)");
            self.mistakes.push(mistake);
        } else if nesterov && momentum == 0.0 {
            let problem = "needs a momentum above 0";
            let mistake = self.mistake(&["optimizer", "nesterov"], problem, "without a momentum");
            self.mistakes.push(mistake);
        }
    }

    fn schedule(&mut self, schedule: &Schedule, max_steps: Option<u64>) {
        if let Schedule::Plateau { factor, .. } = schedule
            && *factor >= 1.0
        {
            let problem = format!("must be less than 1, not {factor}");
            let mistake = self.mistake(&["schedule", "factor"], &problem, "lowers no rate");
            self.mistakes.push(mistake);
        }
        let warmup = schedule.warmup_steps();
        if let Some(most) = max_steps
            && warmup >= most
        {
            let problem = format!("is {warmup}, and training ends after max_steps = {most}");
            let place = ["schedule", "warmup_steps"];
            let mistake = self.mistake(&place, &problem, "never over");
            let help = "the learning rate would never be reached: shorten the warm-up";
            self.mistakes.push(mistake.help(help));
        }
    }

    fn class_weights(&mut self, stage: &FinetuneStage, classes: usize) {
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
