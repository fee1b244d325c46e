//! What a recipe gave once, written down beside it, and what it gives now.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The lock of a recipe: what every stage gave. TOML, written by `pipeline lock`; only
/// `tolerances` are written by hand, and kept when the rest is written anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "lock")]
pub struct Lock {
    /// Version of the lock's format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub format: u32,
    /// The stages by name, derived ones included.
    pub stages: BTreeMap<String, LockedStage>,
}

/// What one stage gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockedStage {
    /// Its key.
    pub key: String,
    /// Digest of what is known of its key before anything ran: settings, seed, contents of
    /// external inputs, and which stages it reads.
    pub settings: String,
    /// Digests of its artifacts, by name.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// Its metrics, by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, Metric>,
    /// How far a metric may lie from its locked value, by name. With any, artifacts may
    /// differ as long as every metric lies within its tolerance; one without must be equal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("additionalProperties" = serde_json::json!({ "type": "number", "minimum": 0.0 })))]
    pub tolerances: BTreeMap<String, f64>,
}

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Metric {
    /// A whole number.
    Count(i64),
    /// Any other number.
    Number(f64),
    /// None: what is measured has no value here.
    Undefined(Undefined),
}

/// The word for a metric without a value: TOML has no null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Undefined {
    /// The word.
    Undefined,
}

impl Metric {
    pub(super) fn of(value: &Value) -> Self {
        match (value.as_i64(), value.as_f64()) {
            (Some(count), _) => Metric::Count(count),
            (None, Some(number)) => Metric::Number(number),
            (None, None) => Metric::Undefined(Undefined::Undefined),
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Metric::Count(count) => Some(count as f64),
            Metric::Number(number) => Some(number),
            Metric::Undefined(_) => None,
        }
    }

    /// Whether the two differ by at most `tolerance`, but for the last bits that a number may
    /// lose by being read back from the store.
    pub(super) fn is_within(self, tolerance: f64, other: Self) -> bool {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => (a - b).abs() <= tolerance + 4.0 * f64::EPSILON * a.abs(),
            (None, None) => true,
            _ => false,
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Metric::Count(count) => write!(formatter, "{count}"),
            Metric::Number(number) => write!(formatter, "{number}"),
            Metric::Undefined(_) => formatter.write_str("undefined"),
        }
    }
}

impl Lock {
    /// The version of the format that this build writes.
    pub const FORMAT: u32 = 1;

    /// Takes over what was written by hand in an `earlier` lock; returns (stage, metric) of
    /// the tolerances for which there is no metric any more.
    pub fn keep_tolerances(&mut self, earlier: &Lock) -> Vec<(String, String)> {
        let mut lost = Vec::new();
        for (name, locked) in &earlier.stages {
            for (metric, tolerance) in &locked.tolerances {
                match self.stages.get_mut(name) {
                    Some(stage) if stage.metrics.contains_key(metric) => {
                        stage.tolerances.insert(metric.clone(), *tolerance);
                    }
                    _ => lost.push((name.clone(), metric.clone())),
                }
            }
        }
        lost
    }
}
