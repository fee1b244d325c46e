use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A simple model that says what the data give away easily.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// Logistic regression on mean, minimum, maximum, last, count and missingness of every variable, of several labels one each; its penalty is chosen on the validation split.
    LogisticRegression,
    /// Of a regression: ridge regression on the same numbers.
    Ridge,
    /// None, where a recipe that this one extends has one.
    None,
}
