//! Which variables are read, and what is done to their values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which variables of the source become variables of the artifact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VariableSelection {
    /// Only these; left out: all.
    pub only: Option<Vec<String>>,
    /// All but these.
    pub drop: Vec<String>,
    /// Only variables that at least this many stays of the training split have.
    pub min_stays: u64,
}

/// What is done to the values of a variable, in the order of these fields, before duplicates are resolved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CleaningRule {
    /// Values that say "missing": such events are left out.
    pub missing: Vec<f64>,
    /// Values are multiplied by it: 0.4536 makes kilograms of pounds.
    pub factor: Option<f64>,
    /// The valid range, both ends in it, in the unit that `factor` leads to.
    pub range: Option<[f64; 2]>,
    /// What becomes of values outside `range`.
    pub outside: Outside,
    /// Z-scores are those of the values' logarithm.
    pub log: Option<Logarithm>,
}

impl CleaningRule {
    /// Which of its settings leave no value, and why.
    pub fn mistakes(&self) -> Vec<(&'static str, String)> {
        let mut mistakes = Vec::new();
        if let Some([low, high]) = self.range
            && (low.is_nan() || high.is_nan() || low > high)
        {
            mistakes.push(("range", format!("= [{low}, {high}] holds no number")));
        }
        if let Some(factor) = self.factor
            && !(factor.is_finite() && factor != 0.0)
        {
            let what = format!("= {factor} is not a finite number other than 0");
            mistakes.push(("factor", what));
        }
        mistakes
    }
}

/// What becomes of values outside their range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outside {
    /// The event is left out.
    #[default]
    Drop,
    /// The value becomes the nearest end of the range.
    Clip,
}

/// A logarithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Logarithm {
    /// ln(x); values of 0 or less have none, and their events are left out.
    Ln,
    /// ln(1 + x); values of −1 or less have none.
    Log1p,
}
