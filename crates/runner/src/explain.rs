//! In what a stage differs from what was run before.

use std::time::SystemTime;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fingerprints::{Fingerprinter, in_stage};
use super::options::RunOptions;
use super::plan::{index_of, known_part, survey_selection};
use super::reasons::Reasons;
use super::record::PlannedStatus;
use super::selection::select;
use pipeline_error::Error;
use pipeline_stage::Node;
use pipeline_store::Store;

/// More results that cannot be read are only counted.
const SHOWN: usize = 10;

/// The document of `explain --format json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The recipe's name.
    pub recipe: String,
    /// The node's name.
    pub stage: String,
    /// Its kind.
    pub kind: String,
    /// What a run would do with it.
    pub status: PlannedStatus,
    /// Why, as in a plan.
    pub reasons: Vec<String>,
    /// Its key; none while an input is not known.
    pub key: Option<String>,
    /// The result of its kind that differs least: its own, if it is cached.
    pub nearest: Option<NearestResult>,
    /// In what it differs from that, by path; inputs that are not known yet are left out.
    pub differences: Vec<ExplainedDifference>,
    /// Inputs that are not known yet, by path.
    pub unknown: Vec<UnknownInput>,
    /// Earlier results that cannot be read, so that nothing was compared with them: the first ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// The earlier result that a stage is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NearestResult {
    /// Its key.
    pub key: String,
    /// When it was committed, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
}

/// One leaf of a fingerprint that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainedDifference {
    /// Where in the fingerprint: `fields.optimizer.lr`, `inputs.data.events`, `seed`.
    pub path: String,
    /// The same in the recipe, where it states it: `stages.classifier.optimizer.lr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe_path: Option<String>,
    /// What it was; null where it is new.
    pub earlier: Value,
    /// What it is; null where it is gone.
    pub now: Value,
}

/// An input whose contents are not known before another node has run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnknownInput {
    /// Its path in the fingerprint.
    pub path: String,
    /// The node that makes it.
    pub stage: String,
}

/// Compares the fingerprint of `stage` with the nearest of an earlier result. Nothing is executed.
/// `options.targets` is of no account.
pub fn explain(
    recipe_name: &str,
    nodes: &[Node],
    stage: &str,
    options: &RunOptions,
    store: &Store,
) -> Result<Explanation, Error> {
    let options = RunOptions {
        targets: vec![stage.into()],
        ..options.clone()
    };
    let selection = select(nodes, &options)?;
    let fingerprinter = Fingerprinter::new(&selection, &options, store)?;
    let index = index_of(&selection, store);
    let surveyed = survey_selection(&selection, &fingerprinter, store, &index)?;
    // What is asked for comes after all it needs.
    let (Some(selected), Some((subject, before))) = (selection.last(), surveyed.split_last())
    else {
        return Err(Error::stage(format!("there is no stage `{stage}`")));
    };
    let part =
        known_part(selected, before, &fingerprinter).map_err(|error| in_stage(stage, error))?;
    let nearest = Reasons::new(store).nearest(&part);
    let (nearest, differences) = match nearest {
        Some(nearest) => {
            let result = NearestResult {
                key: nearest.key.to_string(),
                created: utc(nearest.committed),
            };
            (Some(result), nearest.differences)
        }
        None => (None, Vec::new()),
    };
    let planned = &subject.planned;
    Ok(Explanation {
        recipe: recipe_name.into(),
        stage: planned.name.clone(),
        kind: planned.kind.clone(),
        status: planned.status,
        reasons: planned.reasons.clone(),
        key: part.whole().map(|whole| whole.key().to_string()),
        nearest,
        differences: differences
            .into_iter()
            .map(|difference| ExplainedDifference {
                recipe_path: selected.node.path_in_recipe(&difference.path),
                path: difference.path,
                earlier: difference.earlier.unwrap_or_default(),
                now: difference.now.unwrap_or_default(),
            })
            .collect(),
        unknown: part
            .unknown
            .into_iter()
            .map(|(path, stage)| UnknownInput { path, stage })
            .collect(),
        unreadable: unreadable(store),
    })
}

/// The first of the results' files that cannot be read, and how many more there are.
fn unreadable(store: &Store) -> Vec<String> {
    let damaged = store.damaged_actions();
    let first = damaged.iter().take(SHOWN);
    let mut told: Vec<String> = first
        .map(|(path, what)| format!("{}: {what}", path.display()))
        .collect();
    if damaged.len() > SHOWN {
        told.push(format!("and {} more", damaged.len() - SHOWN));
    }
    told
}

/// To the second; none for a time that no calendar holds.
fn utc(time: SystemTime) -> Option<String> {
    let time = Timestamp::try_from(time).ok()?;
    let second = Timestamp::from_second(time.as_second()).ok()?;
    Some(second.to_string())
}
