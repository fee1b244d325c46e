//! What a schema cannot say of how a stage trains.

use super::checks::StageCheck;
use super::stage_config::{FinetuneStage, FreezeStage, PretrainStage, StageConfig};
use crate::checkpoint::Pattern;
use crate::model::config::{ModelConfig, ModelMode};
use crate::model::seqsetvae::parameter_specs;
use crate::train::class_balance::{ClassWeights, Sampling};
use crate::train::optimizer::{Optimizer, Update};
use crate::train::schedule::Schedule;

impl StageCheck<'_> {
    pub(super) fn pretrain(&mut self, stage: &PretrainStage, model: Option<&ModelConfig>) {
        let names = model.map(|model| names(model, ModelMode::Pretrain));
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
            .map(|(model, freeze)| trainable(model, freeze));
        self.optimizer(&stage.optimizer, trainable);
        self.schedule(&stage.schedule, stage.max_steps);
        if let Some(model) = model {
            self.class_weights(stage, model.classifier.num_classes);
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

fn names(model: &ModelConfig, mode: ModelMode) -> Vec<String> {
    let specs = parameter_specs(model, mode).unwrap_or_default();
    specs.into_iter().map(|spec| spec.name).collect()
}

/// The parameters that a freeze stage leaves open; none if its patterns cannot be read.
fn trainable(model: &ModelConfig, freeze: &FreezeStage) -> Vec<String> {
    let patterns = freeze.trainable.iter().map(|text| Pattern::new(text).ok());
    let patterns: Option<Vec<Pattern>> = patterns.collect();
    let mut names = names(model, ModelMode::Classifier);
    let patterns = patterns.unwrap_or_default();
    names.retain(|name| patterns.iter().any(|pattern| pattern.matches(name)));
    names
}
