//! The document that `sweep --format json` prints: part of the contract.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::node_result::{NodeResult, NodeState};
use super::ranking::distinct;
use crate::record::{RunRecord, RunStatus, StageRecord, StageStatus};
use pipeline_recipe::sweep_config::SweepObjective;

/// Metrics by stage and name.
pub type Metrics<T> = BTreeMap<String, BTreeMap<String, T>>;

/// How a sweep ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "sweep")]
pub struct SweepRecord {
    /// The run's id; with halving, that of the last rung.
    pub run: String,
    /// The recipe's name.
    pub recipe: String,
    /// How it ended.
    pub status: RunStatus,
    /// Every stage once, however many variants share it.
    pub stages: Vec<StageRecord>,
    /// How many stages of each kind were executed, and how many were in the store.
    pub counts: Counts,
    /// What variants are compared by.
    pub objective: SweepObjective,
    /// The variants, in the order of the space.
    pub variants: Vec<VariantRecord>,
    /// Variants without their seeds, the best first.
    pub settings: Vec<SettingRecord>,
}

/// An evaluation of all folds of a cross-validation together: each stay as the model said of it that did not see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PooledRecord {
    /// The setting's name.
    pub setting: String,
    /// The evaluation.
    pub stage: String,
    /// Stays of all folds.
    pub stays: usize,
    /// Repeats that have all folds; a metric's `n` is less where it is undefined in one.
    pub repeats: usize,
    /// AUROC, over the repeats.
    pub auroc: Option<Summary>,
    /// Average precision, over the repeats.
    pub average_precision: Option<Summary>,
    /// Brier score, over the repeats.
    pub brier: Option<Summary>,
}

/// What is known of a sweep's variants.
#[derive(Clone, Debug, Serialize)]
pub struct ShowRecord {
    /// The recipe's name.
    pub recipe: String,
    /// What variants are compared by.
    pub objective: SweepObjective,
    /// The variants, in the order of the space.
    pub variants: Vec<VariantRecord>,
    /// Variants without their seeds, the best first.
    pub settings: Vec<SettingRecord>,
    /// Of settings that were cross-validated: the metrics of all folds' stays together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pooled: Vec<PooledRecord>,
}

/// How many stages ended how, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Executed.
    pub executed: BTreeMap<String, usize>,
    /// Found in the store.
    pub cached: BTreeMap<String, usize>,
}

impl Counts {
    /// Those of some runs, one after the other: what one executed is not counted once more where
    /// another found it.
    pub fn of<'a>(stages: impl Iterator<Item = &'a StageRecord>) -> Self {
        let mut counts = Self::default();
        let mut seen = BTreeSet::new();
        for stage in stages {
            let of_status = match stage.status {
                StageStatus::Executed => &mut counts.executed,
                StageStatus::Cached => &mut counts.cached,
                StageStatus::Failed | StageStatus::Skipped => continue,
            };
            if stage.key.as_ref().is_none_or(|key| seen.insert(key)) {
                *of_status.entry(stage.kind.clone()).or_default() += 1;
            }
        }
        counts
    }
}

/// How one variant ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct VariantRecord {
    /// Its name: a function of what it sets.
    pub name: String,
    /// The name without seeds.
    pub setting: String,
    /// What it sets, by path.
    pub overrides: BTreeMap<String, Value>,
    /// How it ended.
    pub status: VariantStatus,
    /// The objective; null where it is undefined or not measured.
    pub objective: Option<f64>,
    /// Metrics by stage and name.
    pub metrics: Metrics<Value>,
    /// Its stages, and what they are called among the stages of the sweep.
    pub stages: BTreeMap<String, String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How one variant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VariantStatus {
    /// Every stage has its result.
    Done,
    /// A stage failed.
    Failed,
    /// A stage has not run yet.
    Unfinished,
}

/// Variants that differ in their seeds alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SettingRecord {
    /// Its name: that of its variants without seeds.
    pub name: String,
    /// What it sets, by path.
    pub overrides: BTreeMap<String, Value>,
    /// Variants with this setting.
    pub variants: usize,
    /// Results of the objective's stage that they have or will have: fewer where the stage does not use their seeds.
    pub results: usize,
    /// Those that are done.
    pub done: usize,
    /// Those that failed.
    pub failed: usize,
    /// The objective over them; null where none has it.
    pub objective: Option<Summary>,
    /// Metrics by stage and name over them.
    pub metrics: Metrics<Summary>,
}

/// A metric over the variants of one setting.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; null for one variant.
    pub std: Option<f64>,
    /// Results that it is of; variants that share one result count once.
    pub n: usize,
}

impl Summary {
    /// Of these numbers; none of none.
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let n = numbers.len();
        if n == 0 {
            return None;
        }
        // From the least of them: equal numbers have exactly their mean, and no order has another one.
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let least = sorted[0];
        let mean = least + sorted.iter().map(|number| number - least).sum::<f64>() / n as f64;
        let squares: f64 = sorted.iter().map(|number| (number - mean).powi(2)).sum();
        let std = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
        Some(Self { mean, std, n })
    }
}

/// What a variant is, before anything is known of its results.
#[derive(Clone, Debug)]
pub struct PlannedVariant {
    /// Its name.
    pub name: String,
    /// Its name without seeds.
    pub setting: String,
    /// What it sets, by path.
    pub overrides: BTreeMap<String, Value>,
    /// The paths among these that are seeds.
    pub seeds: Vec<String>,
    /// Its stages and the positions of their nodes.
    pub stages: BTreeMap<String, usize>,
}

/// Kinds whose metrics say how good a variant is.
const MEASURING: [&str; 3] = ["command", "evaluate", "finetune"];

impl VariantRecord {
    /// How a variant ended, given how its nodes did.
    pub fn of(
        planned: &PlannedVariant,
        results: &[NodeResult],
        objective: &SweepObjective,
    ) -> Self {
        let mut metrics = BTreeMap::new();
        let mut error = None;
        let mut status = VariantStatus::Done;
        for (stage, position) in &planned.stages {
            let result = &results[*position];
            match &result.state {
                NodeState::Done => {
                    let wanted = MEASURING.contains(&result.kind.as_str());
                    if (wanted || *stage == objective.stage) && !result.metrics.is_empty() {
                        metrics.insert(stage.clone(), result.metrics.clone());
                    }
                }
                NodeState::Failed(why) => {
                    status = VariantStatus::Failed;
                    error.get_or_insert_with(|| format!("stage `{}`: {why}", result.name));
                }
                NodeState::Open if status == VariantStatus::Done => {
                    status = VariantStatus::Unfinished;
                }
                NodeState::Open => {}
            }
        }
        let value = metrics
            .get(&objective.stage)
            .map(|all| all.get(&objective.metric));
        Self {
            name: planned.name.clone(),
            setting: planned.setting.clone(),
            overrides: planned.overrides.clone(),
            status,
            objective: value
                .flatten()
                .and_then(Value::as_f64)
                .filter(|value| value.is_finite()),
            metrics,
            stages: (planned.stages.iter())
                .map(|(stage, position)| (stage.clone(), results[*position].name.clone()))
                .collect(),
            error,
        }
    }
}

impl SweepRecord {
    /// The document of the runs of all rungs, of which there is at least one, and of what is known
    /// after them.
    pub fn of(runs: Vec<RunRecord>, show: ShowRecord) -> Self {
        let counts = Counts::of(runs.iter().flat_map(|run| &run.stages));
        let last = runs.last();
        let mut seen = BTreeSet::new();
        Self {
            run: last.map(|run| run.run.clone()).unwrap_or_default(),
            recipe: show.recipe,
            status: last.map_or(RunStatus::Done, |run| run.status),
            stages: (runs.into_iter())
                .flat_map(|run| run.stages)
                .filter(|stage| seen.insert((stage.name.clone(), stage.key.clone())))
                .collect(),
            counts,
            objective: show.objective,
            variants: show.variants,
            settings: show.settings,
        }
    }
}

fn paths<'a>(all: impl Iterator<Item = &'a BTreeMap<String, Value>>) -> Vec<&'a str> {
    let paths: BTreeSet<&str> = all.flat_map(|one| one.keys().map(String::as_str)).collect();
    paths.into_iter().collect()
}

/// What is told of a stage that scores a model, by the metrics that it has: of classes and labels, or of numbers.
pub(super) fn told_of<T>(metrics: &BTreeMap<String, T>) -> &'static [&'static str] {
    const TOLD: [&[&str]; 2] = [&["auroc", "average_precision"], &["mae", "r2"]];
    let has_all = |names: &&&[&str]| names.iter().all(|name| metrics.contains_key(*name));
    TOLD.iter().find(has_all).copied().unwrap_or_default()
}

impl ShowRecord {
    /// The paths that settings set, in order.
    pub fn paths(&self) -> Vec<&str> {
        paths(self.settings.iter().map(|one| &one.overrides))
    }

    /// Different results of a setting that state a metric, also those where it is undefined: of so many a [`Summary`] is,
    /// unless its `n` is less.
    pub fn stating(&self, setting: &str, stage: &str, metric: &str) -> usize {
        let variants = self.variants.iter().filter(|one| one.setting == setting);
        let states = |one: &&VariantRecord| {
            let metrics = one.metrics.get(stage);
            metrics.is_some_and(|metrics| metrics.contains_key(metric))
        };
        distinct(variants.filter(states), stage).len()
    }

    /// The paths that variants set, seeds among them.
    pub fn paths_with_seeds(&self) -> Vec<&str> {
        paths(self.variants.iter().map(|one| &one.overrides))
    }

    /// Stages and metrics of evaluations, but for the objective.
    pub fn evaluations(&self) -> BTreeSet<(String, String)> {
        let metrics = self.variants.iter().flat_map(|one| &one.metrics);
        let pairs = metrics.flat_map(|(stage, all)| {
            let names = told_of(all).iter();
            names.map(|name| (stage.clone(), name.to_string()))
        });
        let objective = (self.objective.stage.clone(), self.objective.metric.clone());
        pairs.filter(|pair| *pair != objective).collect()
    }

    /// Where every variant is done and no setting can be the best: why, in words. Running once more changes nothing.
    pub fn cannot_be_ranked(&self) -> Option<String> {
        let is_done = |one: &VariantRecord| one.status == VariantStatus::Done;
        let is_known = self.settings.iter().any(SettingRecord::is_complete);
        if is_known || !self.variants.iter().all(is_done) {
            return None;
        }
        let without = self.variants.iter().filter(|one| one.objective.is_none());
        Some(format!(
            "no setting can be ranked: all {} variants are done, and `{}` of `{}` is undefined in {}",
            self.variants.len(),
            self.objective.metric,
            self.objective.stage,
            match without.count() {
                all if all == self.variants.len() => "each of them".to_string(),
                some => format!("{some} of them, at least one of each setting"),
            }
        ))
    }

    /// How many variants ended how, in words.
    pub fn progress(&self) -> String {
        let count = |status| {
            let variants = self.variants.iter();
            variants.filter(|one| one.status == status).count()
        };
        let (done, all) = (count(VariantStatus::Done), self.variants.len());
        let mut text = format!("{done} of {all} variants are done");
        for (status, what) in [
            (VariantStatus::Failed, "failed"),
            (VariantStatus::Unfinished, "unfinished"),
        ] {
            match count(status) {
                0 => {}
                some => text += &format!(", {some} {what}"),
            }
        }
        text
    }

    /// What is known of all variants, given what is of their nodes.
    pub fn of(
        recipe: &str,
        planned: &[PlannedVariant],
        results: &[NodeResult],
        objective: &SweepObjective,
    ) -> Self {
        let variants = planned.iter();
        let variants: Vec<VariantRecord> = variants
            .map(|variant| VariantRecord::of(variant, results, objective))
            .collect();
        Self {
            recipe: recipe.into(),
            objective: objective.clone(),
            settings: super::rank(planned, &variants, objective),
            variants,
            pooled: Vec::new(),
        }
    }
}
