//! What a recipe gave once, written down beside it, and what it gives now.

use std::collections::BTreeMap;

use pipeline_recipe::nearest;
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

    /// Reads a lock's text; else says what is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lock: Self = toml::from_str(text).map_err(|error| format!("is no lock: {error}"))?;
        if lock.format != Self::FORMAT {
            let (found, known) = (lock.format, Self::FORMAT);
            return Err(format!("format {found}; this build knows {known}"));
        }
        for (stage, locked) in &lock.stages {
            for (metric, value) in &locked.metrics {
                if value.number().is_some_and(|number| !number.is_finite()) {
                    return Err(format!(
                        "stages.{stage}.metrics.{metric}: {value} is no value; \"undefined\" says that there is none"
                    ));
                }
            }
            let place = |metric: &str| format!("stages.{stage}.tolerances.{metric}");
            for (metric, tolerance) in &locked.tolerances {
                locked
                    .check_tolerance(metric, *tolerance)
                    .map_err(|what| format!("{}: {what}", place(metric)))?;
            }
        }
        Ok(lock)
    }

    /// Its text, which [`Self::parse`] reads.
    pub fn text(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }

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

impl LockedStage {
    fn check_tolerance(&self, metric: &str, tolerance: f64) -> Result<(), String> {
        if !self.metrics.contains_key(metric) {
            let suggestion = nearest(metric, self.metrics.keys().map(String::as_str))
                .map_or(String::new(), |name| format!("; did you mean `{name}`?"));
            return Err(format!("the stage has no such metric{suggestion}"));
        }
        match tolerance.is_finite() && tolerance >= 0.0 {
            true => Ok(()),
            false => Err(format!(
                "{tolerance} is no tolerance: a number of at least 0 is wanted"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(metric: &str) -> Result<Lock, String> {
        Lock::parse(&format!(
            "format = 1\n[stages.test]\nkey = \"\"\nsettings = \"\"\n[stages.test.metrics]\nauroc = {metric}\n"
        ))
    }

    #[test]
    fn a_lock_reads_back_as_it_was_written() {
        for metric in ["7", "0.1", "5e-324", "\"undefined\""] {
            let lock = lock(metric).unwrap();
            assert_eq!(
                Lock::parse(&lock.text().unwrap()).unwrap(),
                lock,
                "{metric}"
            );
        }
    }

    /// It would differ from everything, itself included.
    #[test]
    fn a_metric_that_is_no_number_is_refused_with_its_place() {
        for metric in ["nan", "-inf"] {
            let refusal = lock(metric).unwrap_err();
            assert!(refusal.contains("stages.test.metrics.auroc: "), "{refusal}");
            assert!(refusal.contains("\"undefined\""), "{refusal}");
        }
    }
}
