//! Evaluate stages: a model is scored on a split.

mod baseline_stage;
mod checks;
mod choice;
mod doubts;
pub mod evaluation;
mod given;
mod headline;
mod histogram;
mod section;
mod stage;
mod table;

use crate::asked::{target_of, task_of};
use crate::edges::{DATA, EVALUATE, Reference, artifact, kind};
use crate::ensemble::Ensemble;
use crate::feature_origin::FeatureOrigin;
use crate::kind::{Around, Lookup, ModelUse, ReportPart, ReportSection, StageCheck, StageKind};
use crate::overlap::data_behind;
use crate::results::{Outputs, StageResults};
use crate::scoring::{development_of, head_of};
use evaluation::{EvaluationSettings, TargetEvaluation, needs_validation};
use pipeline_data::config::Task;
use pipeline_data::dataset::Split;
use pipeline_data::target::Target;
use pipeline_error::Error;
use pipeline_stage::Node;
use serde_json::Value;

use baseline_stage::BaselineStage;
pub(crate) use choice::Choice;
pub use headline::{BesideBaseline, Headline, Standing};
pub use histogram::ProbabilityHistogram;
use stage::EvaluateStage;
pub use table::{ChosenOn, EvaluateTable};

/// Metrics of every evaluate stage.
const METRICS: [&str; 16] = [
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

/// Metrics of what is measured beside the model.
const BESIDE: [&str; 3] = ["auroc", "average_precision", "brier"];

impl StageKind for EvaluateTable {
    fn kind() -> &'static str {
        "evaluate"
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }

    fn references(&self) -> Vec<Reference> {
        let data = kind("data", &self.data, DATA);
        let made = self.predictions.as_ref();
        let made = made.and_then(|table| artifact(given::PREDICTIONS_PATH, &table.path));
        let compared = self.compare.iter();
        let compared =
            compared.map(|(with, stage)| kind(&format!("compare.{with}"), stage, EVALUATE));
        let models = self.model.references();
        models.chain(made).chain([data]).chain(compared).collect()
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        vec![
            ("curves", "curves.json"),
            ("meds_predictions", "meds_predictions.parquet"),
            ("metrics", "metrics.json"),
            ("predictions", "predictions.parquet"),
        ]
    }

    fn check(&self, check: &mut StageCheck) {
        check.scored_target(self);
        check.compared(self);
        check.models(&self.model);
        check.scored(self);
        check.evaluate(self);
        check.known_split(&self.choice());
    }

    fn model_uses(&self) -> Vec<ModelUse<'_>> {
        let reason = "a classifier is evaluated, so its import needs `into = \"classifier\"`";
        self.model.uses(reason)
    }

    fn metrics(&self, stage: &Lookup) -> Option<Vec<String>> {
        let task = task_of(stage, &self.data, self.scored_target(stage).as_deref());
        if task != Task::Classification {
            return Some(TargetEvaluation::names(task, self.baseline().is_some()));
        }
        let beside = [
            ("baseline", self.baseline().is_some()),
            ("recalibrated", self.recalibrate.is_some()),
        ];
        let beside = beside.into_iter().filter(|(_, is_measured)| *is_measured);
        let beside = beside.flat_map(|(of, _)| BESIDE.map(|metric| format!("{of}.{metric}")));
        let own = METRICS.into_iter().map(String::from);
        Some(own.chain(beside).collect())
    }

    fn scored_split(&self) -> Option<Split> {
        Some(self.split)
    }

    /// The stated one, or that which the head of the first model learned.
    fn scored_target(&self, stage: &Lookup) -> Option<String> {
        let learned = || {
            let model = self.model.names().next()?;
            head_of(stage, model)?.target()
        };
        let name = self.target.as_deref().or_else(learned);
        name.map(str::to_string)
    }

    fn nodes(&self, name: &str, around: &dyn Around) -> Vec<Node> {
        let lookup = |name: &str| around.stage(name);
        let target = self.target(&lookup);
        let baseline = self.baseline_node(name, target.as_ref(), around);
        let made = self
            .predictions
            .as_ref()
            .and_then(|table| table.path.artifact());
        let models = self
            .model
            .names()
            .chain(made.map(|made| made.stage.as_str()));
        let stage = EvaluateStage {
            ensemble: Ensemble::new(around, &self.model, &self.data, |model| {
                self.development(model, around)
            }),
            table: self.predictions.clone(),
            compare: self.compare.clone(),
            target,
            settings: EvaluationSettings {
                split: self.split,
                threshold: self.threshold,
                operating_points: self.operating_points.clone(),
                recalibrate: self.recalibrate,
                bootstrap: self.bootstrap,
                subgroups: self.subgroups.clone(),
                baseline: self.baseline(),
            },
            baseline: baseline.as_ref().map(|node| node.name.clone()),
            behind: match self.split {
                Split::Test => data_behind(around, models, &self.data),
                Split::Train | Split::Validation => Vec::new(),
            },
            allow_overlap: self.allow_overlap.clone(),
            seed: self.seed.unwrap_or_else(|| around.seed()),
        };
        let own = Node::of_stage(name, self.seed.is_some(), stage);
        baseline.into_iter().chain([own]).collect()
    }

    fn results(outputs: &Outputs) -> Result<StageResults, Error> {
        let metrics: Option<Value> = outputs.json("metrics")?;
        let of_target = metrics
            .as_ref()
            .is_some_and(|metrics| metrics.get("task").is_some());
        Ok(StageResults {
            evaluation: match of_target {
                false => outputs.json("metrics")?,
                true => None,
            },
            target_evaluation: match of_target {
                true => outputs.json("metrics")?,
                false => None,
            },
            curves: outputs.json("curves")?,
            probabilities: match of_target {
                false => outputs
                    .read("predictions", ProbabilityHistogram::read)?
                    .flatten(),
                true => None,
            },
            ..StageResults::default()
        })
    }

    fn report(stage: &str, position: usize, results: &StageResults) -> ReportPart {
        if let Some(evaluation) = &results.target_evaluation {
            let part = section::of_target(stage, evaluation);
            return Ok(Some((ReportSection::Evaluation, part)));
        }
        let Some(evaluation) = &results.evaluation else {
            return Ok(None);
        };
        let curves = results.curves.as_ref();
        let probabilities = results.probabilities.as_ref();
        let part = section::of_stage(stage, position, evaluation, curves, probabilities)?;
        Ok(Some((ReportSection::Evaluation, part)))
    }
}

impl EvaluateTable {
    /// The node of the baseline of the stage `name`. It learns from the stays that the first model learned from, as all
    /// did; where no stage of the recipe trained that, from those of `data`.
    fn baseline_node(
        &self,
        name: &str,
        target: Option<&Target>,
        around: &dyn Around,
    ) -> Option<Node> {
        let baseline = self.baseline()?;
        let mut models = self.model.names();
        let head = models
            .next()
            .and_then(|model| head_of(&|name| around.stage(name), model));
        let learned_from = head.and_then(StageKind::head_trained_on);
        let stage = BaselineStage {
            baseline,
            data: self.data.clone(),
            split: self.split,
            target: target.cloned(),
            development: learned_from
                .filter(|data| *data != self.data)
                .map(str::to_string),
            subsample: head.and_then(StageKind::subsample).cloned(),
        };
        Some(Node::of_stage(&format!("{name}:baseline"), false, stage))
    }

    /// The target that is scored, as the data stage has it.
    fn target(&self, stage: &Lookup) -> Option<Target> {
        target_of(stage, &self.data, &self.scored_target(stage)?)
    }

    fn choice(&self) -> Choice<'_> {
        Choice {
            models: &self.model,
            data: &self.data,
            recalibrate: self.recalibrate,
            operating_points: &self.operating_points,
            chosen_on: self.recalibrate_on,
        }
    }

    /// Where thresholds and corrections are chosen, if that is not on the data that are scored.
    fn development(&self, model: &str, around: &dyn Around) -> Option<FeatureOrigin> {
        let chosen = needs_validation(self.recalibrate, &self.operating_points);
        let elsewhere = chosen && self.recalibrate_on == ChosenOn::Development;
        elsewhere
            .then(|| development_of(around, model, &self.data))
            .flatten()
    }
}
