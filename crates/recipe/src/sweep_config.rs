//! The table `[sweep]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Variants of the recipe: every combination of what `grid`, `zip`, `list`, `random` and `seeds` give, without what `exclude` names. Paths are dotted and quoted: `"stages.classifier.optimizer.lr"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepConfig {
    /// What variants are compared by.
    pub objective: SweepObjective,
    /// Values by path; each path is an axis of its own. A table replaces the table at its path.
    #[serde(default)]
    pub grid: BTreeMap<String, Vec<Value>>,
    /// Values by path, as many for each; all paths move together.
    #[serde(default)]
    pub zip: BTreeMap<String, Vec<Value>>,
    /// Settings that are tried as they stand, each a table of values by path.
    #[serde(default)]
    pub list: Vec<BTreeMap<String, Value>>,
    /// Settings that are drawn.
    #[serde(default)]
    pub random: Option<RandomAxis>,
    /// Seeds by path, as many for each; all paths move together. Variants that differ in nothing else are one setting, and its metrics are their mean and standard deviation.
    #[serde(default)]
    pub seeds: BTreeMap<String, Vec<u64>>,
    /// Try every setting a little, and the better ones more.
    #[serde(default)]
    pub halving: Option<Halving>,
    /// Combinations that are left out: tables of values by path, all of which must be met.
    #[serde(default)]
    pub exclude: Vec<BTreeMap<String, Value>>,
}

/// What variants are compared by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepObjective {
    /// The stage that measures it.
    pub stage: String,
    /// Its metric.
    pub metric: String,
    /// Whether more of it is better.
    pub direction: Direction,
    /// Permit choosing by a metric of the test split. The winner's metric is then no estimate for new stays.
    #[serde(default)]
    pub allow_test: bool,
}

/// Whether more of a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More is better.
    Maximize,
    /// Less is better.
    Minimize,
}

/// Settings that are drawn, each from its own stream of random numbers: more of them, or another path, leave those that were drawn before as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomAxis {
    /// How many.
    #[schemars(range(min = 1, max = 10000))]
    pub count: u64,
    /// Seed of the draws.
    #[serde(default)]
    pub seed: u64,
    /// What is drawn, by path.
    pub draw: BTreeMap<String, Distribution>,
}

/// Successive halving (Jamieson and Talwalkar 2016): every setting is tried on the first rung; on each further one, the best share of those on the rung before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Halving {
    /// The path that grows from rung to rung, of a whole number such as a stage's `epochs`; left out: the number of seeds.
    #[serde(default)]
    pub path: Option<String>,
    /// Its values, each greater than the one before.
    #[schemars(length(min = 2))]
    pub rungs: Vec<u64>,
    /// The share of a rung's settings that goes on to the next, rounded up: more than 0, less than 1.
    #[serde(default = "Halving::default_keep")]
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub keep: f64,
}

impl Halving {
    fn default_keep() -> f64 {
        0.5
    }

    /// How many of so many settings go on.
    pub fn kept(&self, settings: usize) -> usize {
        // Shares such as 0.1 are a little more than they are written.
        let share = (settings as f64 * self.keep - 1e-9).ceil();
        (share as usize).clamp(1, settings.max(1))
    }
}

/// From what a value is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Distribution {
    /// A number between two, rounded to six significant digits.
    Uniform {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// A number whose logarithm is uniform, rounded to six significant digits.
    LogUniform {
        /// The least.
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        min: f64,
        /// The greatest.
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        max: f64,
    },
    /// A whole number.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// One of several values.
    Choice {
        /// The values.
        #[schemars(length(min = 1))]
        values: Vec<Value>,
    },
}

impl Distribution {
    /// Why nothing can be drawn from it.
    pub fn problem(&self) -> Option<String> {
        let is_empty = match self {
            Distribution::Uniform { min, max } | Distribution::LogUniform { min, max } => {
                min >= max
            }
            Distribution::Integer { min, max } => min > max,
            Distribution::Choice { .. } => false,
        };
        is_empty.then(|| "has a `min` that is not below its `max`".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_never_nothing() {
        let halving = |keep| Halving {
            path: None,
            rungs: vec![1, 2],
            keep,
        };
        assert_eq!(halving(0.1).kept(100), 10);
        assert_eq!(halving(0.1).kept(101), 11);
        assert_eq!(halving(0.1).kept(3), 1);
        assert_eq!(halving(0.5).kept(3), 2);
    }
}
