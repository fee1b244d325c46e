//! Whether a recipe still gives what its lock says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fingerprints::Fingerprinter;
use super::lock::{Lock, LockedStage, Metric};
use super::options::RunOptions;
use super::plan::{self, Surveyed};
use super::record::{LockDifference, LockRecord, StageRecord, StageStatus};
use super::selection::{Selected, select};
use pipeline_error::{Code, Error};
use pipeline_stage::Node;
use pipeline_store::Store;
use pipeline_store::action::Outcome;

/// The lock of results that are all in the store; else the names of those that are not.
pub fn lock_of(
    nodes: &[Node],
    options: &RunOptions,
    store: &Store,
) -> Result<Result<Lock, Vec<String>>, Error> {
    let selection = select(nodes, options)?;
    let fingerprinter = Fingerprinter::new(&selection, options, store)?;
    let index = plan::index_of(&selection, store);
    let surveyed = plan::survey_selection(&selection, &fingerprinter, store, &index)?;
    let mut stages = BTreeMap::new();
    let mut missing = Vec::new();
    for state in State::all(&selection, &fingerprinter, &surveyed)? {
        match (state.key, state.result) {
            (Some(key), Some(result)) => {
                let locked = LockedStage {
                    key,
                    settings: state.settings,
                    outputs: result.outputs,
                    metrics: result.metrics,
                    tolerances: BTreeMap::new(),
                };
                stages.insert(state.name, locked);
            }
            _ => missing.push(state.name),
        }
    }
    Ok(match missing.is_empty() {
        true => Ok(Lock {
            format: Lock::FORMAT,
            stages,
        }),
        false => Err(missing),
    })
}

/// Compares `states`, in topological order, and the recipe's stages in all.
pub(super) fn compare(lock: &Lock, names: &BTreeSet<&str>, states: &[State]) -> LockRecord {
    let mut comparison = Comparison::default();
    for name in lock.stages.keys().filter(|name| !names.contains(&***name)) {
        comparison.drift(name, vec![], "is in the lock, but not in the recipe".into());
    }
    for name in names
        .iter()
        .filter(|name| !lock.stages.contains_key(**name))
    {
        comparison.drift(name, vec![], "is in the recipe, but not in the lock".into());
    }
    for state in states {
        if let Some(locked) = lock.stages.get(&state.name) {
            comparison.stage(locked, state);
        }
    }
    comparison.record
}

/// Exit code 5, if there is drift.
pub(super) fn refuse(record: &LockRecord) -> Option<Error> {
    if record.drift.is_empty() {
        return None;
    }
    let lines = record.drift.iter().map(|difference| {
        let LockDifference { stage, message, .. } = difference;
        format!("\n  stage `{stage}` {}", message.replace('\n', "\n  "))
    });
    let error = Error::OutOfDate {
        message: format!(
            "not what the lock says:{}\nif the change is meant, run without --locked and write \
             the lock anew with `pipeline lock`",
            lines.collect::<String>()
        ),
    };
    Some(error.coded(Code::LockDrift))
}

/// What is known of a stage.
pub(super) struct State {
    name: String,
    /// Stages it reads.
    needs: Vec<String>,
    settings: String,
    key: Option<String>,
    result: Option<StateResult>,
}

struct StateResult {
    outputs: BTreeMap<String, String>,
    metrics: BTreeMap<String, Metric>,
}

impl StateResult {
    fn of(outcome: &Outcome) -> Self {
        let outputs = outcome.outputs.iter();
        let outputs = outputs.map(|(name, artifact)| (name, artifact.digest.to_string()));
        Self::new(outputs, &outcome.metrics)
    }

    fn new<'a>(
        outputs: impl Iterator<Item = (&'a String, String)>,
        metrics: &BTreeMap<String, Value>,
    ) -> Self {
        let metrics = metrics.iter();
        Self {
            outputs: outputs
                .map(|(name, digest)| (name.clone(), digest))
                .collect(),
            metrics: metrics
                .map(|(name, value)| (name.clone(), Metric::of(value)))
                .collect(),
        }
    }
}

impl State {
    /// What is known of every stage of a selection, in its order.
    pub(super) fn all(
        selection: &[Selected],
        fingerprinter: &Fingerprinter,
        surveyed: &[Surveyed],
    ) -> Result<Vec<Self>, Error> {
        let pairs = selection.iter().zip(surveyed);
        pairs
            .map(|(selected, stage)| {
                let needs = selected.inputs.iter().map(|input| input.stage.clone());
                Ok(State {
                    name: selected.name().into(),
                    needs: needs.collect(),
                    settings: fingerprinter.settings(selected)?.to_string(),
                    key: stage.key.map(|key| key.to_string()),
                    result: stage.outcome.as_ref().map(StateResult::of),
                })
            })
            .collect()
    }

    /// The same stage after the run.
    pub(super) fn after(self, records: &[StageRecord]) -> Self {
        let record = records.iter().find(|record| record.name == self.name);
        let done = record
            .filter(|record| matches!(record.status, StageStatus::Executed | StageStatus::Cached));
        let result = done.map(|record| {
            let outputs = record.outputs.iter();
            let outputs = outputs.map(|(name, output)| (name, output.digest.clone()));
            StateResult::new(outputs, &record.metrics)
        });
        State {
            key: record.and_then(|record| record.key.clone()),
            result,
            ..self
        }
    }
}

#[derive(Default)]
struct Comparison {
    record: LockRecord,
    /// Stages whose results are not the locked ones: what reads them has another key for that.
    differing: BTreeSet<String>,
    /// Of these, the ones whose metrics lie within their tolerances.
    tolerated: BTreeSet<String>,
}

impl Comparison {
    fn drift(&mut self, stage: &str, artifacts: Vec<String>, message: String) {
        self.differing.insert(stage.into());
        self.record.drift.push(LockDifference {
            stage: stage.into(),
            artifacts,
            message,
        });
    }

    fn stage(&mut self, locked: &LockedStage, state: &State) {
        if locked.settings != state.settings {
            return self.changed_settings(locked, state);
        }
        let reads_other = state.needs.iter().any(|need| self.differing.contains(need));
        if let Some(key) = state.key.as_ref().filter(|key| **key != locked.key)
            && !reads_other
        {
            let message = format!("has another key{}", beside(&locked.key, key));
            return self.drift(&state.name, vec![], message);
        }
        if let Some(result) = &state.result {
            self.result(locked, state, result);
        }
    }

    fn changed_settings(&mut self, locked: &LockedStage, state: &State) {
        let what = "has other settings, seed, inputs or code";
        let message = match &state.key {
            Some(key) => format!("{what}; its key{}", beside(&locked.key, key)),
            None => format!(
                "{what}; its key is not known yet, the digest of its settings{}",
                beside(&locked.settings, &state.settings)
            ),
        };
        self.drift(&state.name, vec![], message);
    }

    /// Digests and metrics, each whatever the other says: a lock whose metric was changed by hand is none.
    fn result(&mut self, locked: &LockedStage, state: &State, result: &StateResult) {
        let names: BTreeSet<&String> = locked.outputs.keys().chain(result.outputs.keys()).collect();
        let other = |name: &&&String| locked.outputs.get(**name) != result.outputs.get(**name);
        let other: Vec<String> = names
            .iter()
            .filter(other)
            .map(|name| (*name).clone())
            .collect();
        let metrics = MetricsBeside::of(locked, result);
        if other.is_empty() {
            return self.metrics_alone(state, &metrics);
        }
        let tolerated = metrics.fit
            && (!locked.tolerances.is_empty()
                || state.needs.iter().any(|need| self.tolerated.contains(need)));
        let mut message = format!("gave another {}", other.join(", "));
        for name in &other {
            let of = |outputs: &BTreeMap<String, String>| {
                outputs
                    .get(name)
                    .map_or("absent", String::as_str)
                    .to_string()
            };
            let (before, now) = (of(&locked.outputs), of(&result.outputs));
            message += &format!("\n  {name}{}", beside(&before, &now).replace('\n', "\n  "));
        }
        message.extend(metrics.lines.iter().map(|(line, _)| line.as_str()));
        if !tolerated {
            return self.drift(&state.name, other, message);
        }
        self.differing.insert(state.name.clone());
        self.tolerated.insert(state.name.clone());
        self.record.notes.push(LockDifference {
            stage: state.name.clone(),
            artifacts: other,
            message,
        });
    }

    /// The artifacts are the locked ones: nothing that reads them has another key for it.
    fn metrics_alone(&mut self, state: &State, metrics: &MetricsBeside) {
        let differing = metrics.lines.iter().filter(|(_, equal)| !equal);
        let differing: String = differing.map(|(line, _)| line.as_str()).collect();
        if differing.is_empty() {
            return;
        }
        let difference = LockDifference {
            stage: state.name.clone(),
            artifacts: vec![],
            message: format!("gave the locked artifacts, but other metrics{differing}"),
        };
        match metrics.fit {
            true => self.record.notes.push(difference),
            false => self.record.drift.push(difference),
        }
    }
}

/// The metrics of a lock and of a result.
struct MetricsBeside {
    /// A line for each, and whether the two are equal.
    lines: Vec<(String, bool)>,
    /// Whether each lies within its tolerance; one without must be equal.
    fit: bool,
}

impl MetricsBeside {
    fn of(locked: &LockedStage, result: &StateResult) -> Self {
        let names: BTreeSet<&String> = locked.metrics.keys().chain(result.metrics.keys()).collect();
        let mut fit = true;
        let lines = names.into_iter().map(|name| {
            let (before, now) = (locked.metrics.get(name), result.metrics.get(name));
            let within = |tolerance: f64| {
                before
                    .zip(now)
                    .is_some_and(|(before, now)| before.is_within(tolerance, *now))
            };
            let tolerance = locked.tolerances.get(name).copied();
            let fits = within(tolerance.unwrap_or(0.0));
            fit &= fits;
            let text = |metric: Option<&Metric>| metric.map_or("absent".into(), Metric::to_string);
            let mut line = format!(
                "\n  {name}: {} in the lock, {} now",
                text(before),
                text(now)
            );
            if let Some(tolerance) = tolerance {
                let whether = if fits { "within" } else { "outside" };
                line += &format!(", {whether} its tolerance {tolerance}");
            }
            (line, within(0.0))
        });
        let lines = lines.collect();
        Self { lines, fit }
    }
}

/// Two digests, one below the other.
fn beside(locked: &str, now: &str) -> String {
    format!("\n    in the lock  {locked}\n    now          {now}")
}
