//! How long stages are expected to take, by what they took in earlier runs.

use std::collections::BTreeMap;

use super::subject::Subject;
use pipeline_error::Error;
use pipeline_runner::history;
use pipeline_runner::record::StageStatus;
use pipeline_stage::stage_of;
use pipeline_store::Store;

/// So many of the latest runs are looked at.
const RUNS: usize = 100;

/// Seconds by stage and kind.
#[derive(Debug)]
pub struct Expected(BTreeMap<(String, String), f64>);

impl Expected {
    /// What the stages of a sweep took in the latest run that executed them, on average over variants. Of other recipes
    /// nothing is packed.
    pub fn of(subject: &Subject, store: &Store) -> Result<Self, Error> {
        let mut expected = BTreeMap::new();
        if subject.variants.is_empty() {
            return Ok(Self(expected));
        }
        for (run, stages) in history::list(store, Some(RUNS))? {
            if run.recipe.as_ref() != Some(&subject.name) {
                continue;
            }
            let mut took: BTreeMap<(String, String), (f64, u32)> = BTreeMap::new();
            for stage in stages {
                if stage.status == StageStatus::Executed {
                    let of = (stage_of(&stage.name).to_string(), stage.kind);
                    let (seconds, count) = took.entry(of).or_default();
                    (*seconds, *count) = (*seconds + stage.seconds, *count + 1);
                }
            }
            for (of, (seconds, count)) in took {
                // The latest comes first, and stays.
                expected.entry(of).or_insert(seconds / f64::from(count));
            }
        }
        Ok(Self(expected))
    }

    /// Of a node, if its stage was executed before.
    pub fn of_node(&self, name: &str, kind: &str) -> Option<f64> {
        let of = (stage_of(name).to_string(), kind.to_string());
        self.0.get(&of).copied()
    }
}
