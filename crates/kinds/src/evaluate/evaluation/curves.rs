use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use pipeline_metrics::CurveSet;

/// The curves of an evaluation: the artifact `curves`. Those with more than about 200 points are
/// thinned. Of more than two classes there are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "curves")]
pub struct EvaluationCurves {
    /// Share of the resamples that bands hold, at each place by itself.
    pub level: f64,
    /// Of the model.
    pub model: Option<CurveSet>,
    /// Of its corrected probabilities.
    pub recalibrated: Option<CurveSet>,
    /// Of the baseline.
    pub baseline: Option<CurveSet>,
}
