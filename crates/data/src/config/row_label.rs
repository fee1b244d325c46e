//! What is made of labels that rows carry: one stay each, or many landmarks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Predictions along a stay. Each is a stay of its own, `STAY@HOURS`, which sees what was measured up to its time; all of
/// a stay are in the same split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Landmarks {
    /// Hours from one to the next.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub every_hours: f64,
    /// The label is 1 if a row is positive in so many hours after the landmark. After a stay's first positive row there
    /// are no landmarks.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub horizon_hours: f64,
    /// Hours from the begin of a stay to its first landmark; left out: `every_hours`.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub first_hours: Option<f64>,
    /// What becomes of a landmark whose stay ends, without a positive row, before its horizon does.
    #[serde(default)]
    pub unfinished: Unfinished,
}

/// What becomes of a landmark whose stay ends, without a positive row, before its horizon does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unfinished {
    /// It is left out and counted: whether the rest of the horizon would have been negative is not known.
    #[default]
    Drop,
    /// It is negative.
    Negative,
}

/// How much is seen of stays without a positive row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Negatives {
    /// All of it.
    #[default]
    Whole,
    /// Negative stays are cut, too: each at a time that is drawn, by the seed and its id, from the times at which
    /// the positive stays of the training split are cut.
    Matched,
}

impl Landmarks {
    /// What is wrong with them: the setting, and the rest of the sentence.
    pub fn mistakes(&self) -> Vec<(&'static str, String)> {
        let settings = [
            ("every_hours", Some(self.every_hours), true),
            ("horizon_hours", Some(self.horizon_hours), true),
            ("first_hours", self.first_hours, false),
        ];
        let mistake = |(name, hours, positive): (&'static str, Option<f64>, bool)| {
            let hours = hours?;
            // Beyond a hundred years, or below a second, no clinical time series goes.
            let fits = (0.0..876_600.0).contains(&hours) && (!positive || hours >= 1.0 / 3600.0);
            let least = if positive { "above" } else { "from" };
            (!fits).then(|| (name, format!("= {hours} is no number of hours {least} 0")))
        };
        settings.into_iter().filter_map(mistake).collect()
    }
}
