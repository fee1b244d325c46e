//! In what runs differ: their recipes, and what came out.

mod paired;
mod recorded_predictions;
mod settings;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::exec::history::PastRunRecord;
use crate::metrics::{BootstrapSettings, PairedDifference};

/// What `compare --format json` prints. Differences are those from the first run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "compare")]
pub struct Comparison {
    /// The runs, in the order in which they were named; the first is what the others are compared with.
    pub runs: Vec<ComparedRun>,
    /// Values of the recipes, of the builds and of the machines that are not the same in all runs.
    pub settings: Vec<SettingDifference>,
    /// Every evaluation that the first run and another both have.
    pub evaluations: Vec<EvaluationComparison>,
    /// How intervals were made: percentiles over resamples of the subjects, the same for both runs.
    pub bootstrap: BootstrapSettings,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedRun {
    /// Its id.
    pub run: String,
    /// The recipe's name; null if the run ended before it wrote its plan.
    pub recipe: Option<String>,
    /// When it started, UTC.
    pub started: String,
}

/// A value that is not the same in all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettingDifference {
    /// Where it stands: `stages.classifier.optimizer.lr`, `environment.host.cpu`.
    pub path: String,
    /// What it is in each run; null where there is none.
    pub values: Vec<Value>,
}

/// One evaluation of the first run beside that of the same name of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluationComparison {
    /// The stage.
    pub stage: String,
    /// The other run.
    pub run: String,
    /// Whether both left the same predictions, byte by byte.
    pub identical: bool,
    /// Stays that both scored, and that are compared.
    pub stays: usize,
    /// Stays that the first run alone scored.
    pub only_first: usize,
    /// Stays that the other run alone scored.
    pub only_other: usize,
    /// Why nothing is compared.
    pub problem: Option<String>,
    /// What was measured of the stays that both scored.
    pub metrics: Vec<MetricComparison>,
}

/// One metric of two runs, on the same stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricComparison {
    /// Its name.
    pub name: String,
    /// Of the first run; null where it is undefined.
    pub first: Option<f64>,
    /// Of the other run; null where it is undefined.
    pub other: Option<f64>,
    /// The other's value minus the first's; null where either is undefined.
    pub difference: Option<PairedDifference>,
}

impl Comparison {
    /// Compares every run with the first.
    pub fn of(runs: &[PastRunRecord], bootstrap: BootstrapSettings) -> Result<Self, Error> {
        let mut evaluations = Vec::new();
        if let Some((first, others)) = runs.split_first() {
            for other in others {
                for stage in evaluations_of_both(first, other) {
                    evaluations.push(paired::compare(&stage, first, other, bootstrap)?);
                }
            }
        }
        let compared = runs.iter().map(|record| ComparedRun {
            run: record.run.run.clone(),
            recipe: record.run.recipe.clone(),
            started: record.run.started.strftime("%F %T UTC").to_string(),
        });
        Ok(Self {
            runs: compared.collect(),
            settings: settings::differences(runs),
            evaluations,
            bootstrap,
        })
    }
}

impl EvaluationComparison {
    /// Which stays are compared.
    pub fn stays_in_words(&self) -> String {
        let mut words = format!("{} stays scored by both", self.stays);
        for (count, run) in [
            (self.only_first, "the first run"),
            (self.only_other, "this run"),
        ] {
            if count > 0 {
                words += &format!("; {count} by {run} alone, left out");
            }
        }
        if self.identical {
            words += "; the predictions are the same, byte by byte";
        }
        words + "."
    }
}

/// Evaluate stages of the first run that the other has, too, in the first's order.
fn evaluations_of_both(first: &PastRunRecord, other: &PastRunRecord) -> Vec<String> {
    let names = |record: &PastRunRecord| -> Vec<String> {
        let stages = record.stages.iter();
        let evaluations = stages
            .filter(|stage| stage.kind == "evaluate" && stage.outputs.contains_key("predictions"));
        evaluations.map(|stage| stage.name.clone()).collect()
    };
    let of_other: BTreeSet<String> = names(other).into_iter().collect();
    let mut both = names(first);
    both.retain(|name| of_other.contains(name));
    both
}
