use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use pipeline_error::Error;
use pipeline_graph::Drawing;
use pipeline_kinds::{Outputs, StageResults, results};
use pipeline_recipe::Resolved;
use pipeline_runner::history::{self, MakingRun};
use pipeline_runner::{RunOptions, Surveyed, survey};
use pipeline_stage::Node;
use pipeline_store::Store;
use pipeline_store::action::Action;

/// Everything a report tells of a recipe: what is up to date in the store, and what is not.
#[derive(Debug)]
pub struct Gathered {
    /// The recipe's name.
    pub recipe: String,
    /// Every value of it, with its origin.
    pub resolved: Resolved,
    /// The folder that its file lies in, as it was named.
    pub folder: PathBuf,
    /// Its graph.
    pub drawing: Drawing,
    /// Its stages, in topological order.
    pub stages: Vec<GatheredStage>,
    /// The runs that made what is shown or failed at what is missing, the earliest first.
    pub runs: Vec<MakingRun>,
}

/// One stage.
#[derive(Debug)]
pub struct GatheredStage {
    /// The node's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// What there is of it.
    pub state: StageState,
}

/// What there is of a stage.
#[derive(Debug)]
pub enum StageState {
    /// A result of exactly these settings and inputs.
    UpToDate(Box<StageResult>),
    /// None.
    OutOfDate {
        /// Why it would have to run.
        reasons: Vec<String>,
        /// What the latest run that tried exactly this said.
        failure: Option<String>,
        /// That run.
        failed_in: Option<String>,
    },
}

/// The result of a stage.
#[derive(Debug)]
pub struct StageResult {
    /// What it depends on, and what it gave.
    pub action: Action,
    /// The run that executed it; none if its record is gone.
    pub run: Option<String>,
    /// What it left to be read.
    pub read: StageResults,
}

impl Gathered {
    /// Looks up every stage; executes nothing. The recipe's values come with the folder of its file.
    pub fn read(
        (resolved, folder): (Resolved, PathBuf),
        drawing: Drawing,
        nodes: &[Node],
        options: &RunOptions,
        store: &Store,
    ) -> Result<Self, Error> {
        let executions = history::executions(store)?;
        let mut runs: BTreeMap<&str, MakingRun> = BTreeMap::new();
        let mut stages = Vec::with_capacity(nodes.len());
        for Surveyed {
            planned,
            key,
            outcome,
        } in survey(nodes, options, store)?
        {
            let key = key.map(|key| key.to_string());
            let state = match outcome {
                Some(outcome) => {
                    let action = store.action(&outcome.key)?;
                    let run = executions.of(&outcome.key.to_string());
                    StageState::UpToDate(Box::new(StageResult {
                        read: results(
                            &planned.kind,
                            &Outputs {
                                outputs: &action.outputs,
                                metrics: &action.metrics,
                                store,
                            },
                        )?,
                        run: run.map(ToString::to_string),
                        action,
                    }))
                }
                None => StageState::OutOfDate {
                    reasons: planned.reasons,
                    failure: key.as_deref().and_then(|key| executions.failure(key)),
                    failed_in: key
                        .as_deref()
                        .and_then(|key| executions.failed_in(key))
                        .map(ToString::to_string),
                },
            };
            let known = match (&state, key.as_deref()) {
                (StageState::UpToDate(_), Some(key)) => executions.of(key),
                (_, Some(key)) => executions.failed_in(key),
                (_, None) => None,
            };
            if let Some(run) = known
                && !runs.contains_key(run)
            {
                runs.insert(run, history::making_run(store, run)?);
            }
            stages.push(GatheredStage {
                name: planned.name,
                kind: planned.kind,
                state,
            });
        }
        Ok(Self {
            recipe: drawing.title.clone(),
            resolved,
            folder,
            drawing,
            stages,
            runs: runs.into_values().collect(),
        })
    }

    /// What the recipe says it is about.
    pub fn description(&self) -> Option<&str> {
        self.stated("description").and_then(Value::as_str)
    }

    /// Who made the recipe.
    pub fn authors(&self) -> Vec<&str> {
        let authors = self.stated("authors").and_then(Value::as_array);
        let authors = authors.into_iter().flatten();
        authors.filter_map(Value::as_str).collect()
    }

    /// A value at the top of the recipe.
    fn stated(&self, key: &str) -> Option<&Value> {
        let mut values = self.resolved.values.iter();
        let found = values.find(|value| value.table.is_empty() && value.key == key);
        found.map(|found| &found.value)
    }

    /// The stages that are up to date, with their positions.
    pub fn results(&self) -> impl Iterator<Item = (usize, &GatheredStage, &StageResult)> {
        let stages = self.stages.iter().enumerate();
        stages.filter_map(|(position, stage)| Some((position, stage, stage.result()?)))
    }
}

impl GatheredStage {
    /// The run that made its result, or failed at it.
    pub fn run(&self) -> Option<&str> {
        match &self.state {
            StageState::UpToDate(result) => result.run.as_deref(),
            StageState::OutOfDate { failed_in, .. } => failed_in.as_deref(),
        }
    }

    /// What the latest run that tried exactly this said, if it failed.
    pub fn failure(&self) -> Option<&str> {
        match &self.state {
            StageState::UpToDate(_) => None,
            StageState::OutOfDate { failure, .. } => failure.as_deref(),
        }
    }

    /// Its result, if it is up to date.
    pub fn result(&self) -> Option<&StageResult> {
        match &self.state {
            StageState::UpToDate(result) => Some(result),
            StageState::OutOfDate { .. } => None,
        }
    }
}
