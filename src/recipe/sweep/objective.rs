//! What variants are compared by, checked before anything runs.

use super::SweepRecipe;
use crate::data::dataset::Split;
use crate::recipe::evaluate_config::EvaluateStage;
use crate::recipe::load::Recipe;
use crate::recipe::mistake::Mistake;
use crate::recipe::stage_config::StageConfig;
use crate::recipe::suggest::nearest;
use crate::recipe::tree::Node;

/// Metrics of a finetune stage, besides the epoch that is kept.
const FINETUNE: [&str; 4] = [
    "validation_loss",
    "validation_auroc",
    "validation_average_precision",
    "frozen_parameters_verified",
];

/// Metrics of every evaluate stage.
const EVALUATE: [&str; 16] = [
    "auroc",
    "average_precision",
    "brier",
    "log_loss",
    "calibration_slope",
    "calibration_intercept",
    "ece",
    "accuracy",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "f1",
    "prevalence",
    "n",
    "positives",
];

/// Metrics of what an evaluate stage measures beside the model.
const BESIDE: [&str; 3] = ["auroc", "average_precision", "brier"];

impl SweepRecipe {
    /// Whoever chooses by the test split has none left to test on.
    pub(super) fn objective_mistake(&self, recipe: &Recipe) -> Option<Mistake> {
        let objective = &self.config.objective;
        let place = self.sweep.place(&["objective", "stage"]);
        let name = &objective.stage;
        let Some(stage) = recipe.stage(name) else {
            // A stage that could not be read has a mistake of its own.
            let stages = self.base.child("stages").and_then(Node::as_table)?;
            let message =
                format!("sweep.objective.stage names `{name}`, and there is no such stage");
            let mistake = Mistake::new(message, place, "no stage of this name");
            let is_unknown = stages.get(name).is_none();
            return is_unknown.then(|| no_stage(name, stages.keys(), mistake));
        };
        match stage {
            StageConfig::Evaluate(stage) if stage.split == Split::Test && !objective.allow_test => {
                let message = format!("the objective is measured on the test split, by `{name}`");
                let mistake = Mistake::new(message, place, "scores the test split").help(
                    "choose by validation: add an evaluate stage with split = \"validation\", or take \
                     a metric of the finetune stage; `allow_test = true` does it all the same",
                );
                let split = self.base.at(&["stages", name, "split"]);
                Some(match split {
                    Some(split) => mistake.and(split.origin, "stated here"),
                    None => mistake,
                })
            }
            stage => self.metric_mistake(stage),
        }
    }

    /// A misspelt metric would be found only after the first variant has run.
    fn metric_mistake(&self, stage: &StageConfig) -> Option<Mistake> {
        let known: Vec<String> = match stage {
            StageConfig::Finetune(stage) => {
                let epoch = stage.keep.metric();
                FINETUNE
                    .into_iter()
                    .chain([epoch])
                    .map(String::from)
                    .collect()
            }
            StageConfig::Evaluate(stage) => metrics_of(stage),
            _ => return None,
        };
        let objective = &self.config.objective;
        let (stage, metric) = (&objective.stage, &objective.metric);
        if known.contains(metric) {
            return None;
        }
        let place = self.sweep.place(&["objective", "metric"]);
        let message =
            format!("the stage `{stage}` has no metric `{metric}`, which is the objective");
        let mistake = Mistake::new(message, place, "no metric of this name");
        Some(match nearest(metric, known.iter().map(String::as_str)) {
            Some(near) => mistake.help(format!("did you mean `{near}`?")),
            None => mistake.help(format!("its metrics are {}", known.join(", "))),
        })
    }
}

fn metrics_of(stage: &EvaluateStage) -> Vec<String> {
    let beside = [
        ("baseline", stage.baseline.is_some()),
        ("recalibrated", stage.recalibrate.is_some()),
    ];
    let beside = beside.into_iter().filter(|(_, is_measured)| *is_measured);
    let beside = beside.flat_map(|(of, _)| BESIDE.map(|metric| format!("{of}.{metric}")));
    EVALUATE
        .into_iter()
        .map(String::from)
        .chain(beside)
        .collect()
}

/// A mistake about a stage that is not there, with the name that was meant.
pub(super) fn no_stage<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str>,
    mistake: Mistake,
) -> Mistake {
    let known: Vec<&str> = known.collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake.help(format!("the stages are {}", known.join(", "))),
    }
}
