use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where numbers lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Range {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, of the whole and not of a sample.
    pub std: f64,
    /// The least.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Range {
    /// Of `values`; of none all is 0.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count() as f64;
        if count == 0.0 {
            return Self::default();
        }
        let mean = values.clone().sum::<f64>() / count;
        let square = values
            .clone()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>();
        Self {
            mean,
            std: (square / count).sqrt(),
            min: values.clone().fold(f64::INFINITY, f64::min),
            max: values.fold(f64::NEG_INFINITY, f64::max),
        }
    }
}
