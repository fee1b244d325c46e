use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was looked at, what was seen, and what that means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// What was measured, by name; null where it is undefined.
    pub values: BTreeMap<String, Option<f64>>,
    /// What was seen, in words.
    pub what: String,
    /// From which values on it is a warning or a fault.
    pub rule: String,
    /// What to do about it; none where nothing is to be done.
    #[serde(rename = "do")]
    pub remedy: Option<String>,
}

/// Whether something is as it should be.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Worth a look, or it cannot be told.
    Warning,
    /// No result of this model means anything before it is mended.
    Fault,
}

impl Verdict {
    /// The graver of two conditions that holds.
    pub fn of(fault: bool, warning: bool) -> Self {
        match (fault, warning) {
            (true, _) => Verdict::Fault,
            (false, true) => Verdict::Warning,
            (false, false) => Verdict::Ok,
        }
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Fault => "fault",
        }
    }
}

impl Finding {
    /// A finding without numbers; `remedy` is told only where something is to be done.
    pub fn new(name: &str, verdict: Verdict, what: String, rule: &str, remedy: &str) -> Self {
        Self {
            name: name.into(),
            verdict,
            values: BTreeMap::new(),
            what,
            rule: rule.into(),
            remedy: (verdict != Verdict::Ok).then(|| remedy.into()),
        }
    }

    /// With a number; one that is not finite is undefined.
    #[must_use]
    pub fn value(mut self, name: &str, value: impl Into<Option<f64>>) -> Self {
        let value = value.into().filter(|value| value.is_finite());
        self.values.insert(name.into(), value);
        self
    }
}
