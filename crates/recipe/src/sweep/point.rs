//! A point of the space: what a variant sets.

use serde_json::Value as Json;

use super::names;
use crate::overrides::Key;
use crate::tree::Node;

/// One path that a variant sets, and to what.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    /// The dotted path as it is written.
    pub(super) path: String,
    pub(super) keys: Vec<Key>,
    pub(super) node: Node,
    /// Whether it only repeats what is otherwise the same setting.
    pub(super) is_seed: bool,
}

/// A point of the space that a sweep spans.
#[derive(Clone, Debug)]
pub struct Point {
    /// What the variant is called: a function of what it sets, and of nothing else.
    pub name: String,
    /// What it is called without its seeds: points that share it are one setting.
    pub setting: String,
    /// The parts of its name, one a path.
    pub parts: Vec<String>,
    pub(super) assignments: Vec<Assignment>,
}

impl Point {
    pub(super) fn new(assignments: Vec<Assignment>) -> Self {
        let pair = |one: &'_ Assignment| (one.path.clone(), one.node.to_json());
        let all: Vec<_> = assignments.iter().map(pair).collect();
        let settings = assignments.iter().filter(|one| !one.is_seed);
        let settings: Vec<_> = settings.map(pair).collect();
        Self {
            name: names::name(&all),
            parts: names::parts(&all),
            setting: names::name(&settings),
            assignments,
        }
    }

    /// The same point with one more path set.
    pub(super) fn with(&self, one: Assignment) -> Self {
        Self::new([self.assignments.as_slice(), &[one]].concat())
    }

    /// Dotted paths and what they are set to.
    pub fn overrides(&self) -> Vec<(&str, Json)> {
        let all = self.assignments.iter();
        all.map(|one| (one.path.as_str(), one.node.to_json()))
            .collect()
    }

    /// The paths among these that only repeat a setting.
    pub fn seeds(&self) -> Vec<&str> {
        let seeds = self.assignments.iter().filter(|one| one.is_seed);
        seeds.map(|one| one.path.as_str()).collect()
    }

    pub(super) fn settings(&self) -> Vec<(&str, Json)> {
        let all = self.assignments.iter().filter(|one| !one.is_seed);
        all.map(|one| (one.path.as_str(), one.node.to_json()))
            .collect()
    }
}
