//! The document of `inspect --format json` for a bundle.

use schemars::JsonSchema;
use serde::Serialize;

use pipeline_data::contract::InputContract;
use pipeline_kinds::bundle::{Bundle, BundleConfig, Manifest, Provenance};

/// What is in a bundle.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "bundle")]
pub struct BundleRecord {
    /// The folder, as it was named.
    pub folder: String,
    /// Its files and their digests.
    pub manifest: Manifest,
    /// The architecture, and the files of weights.
    pub config: BundleConfig,
    /// What the inputs mean.
    pub inputs: InputContract,
    /// How probabilities are corrected: platt, isotonic or temperature; null: not at all.
    pub recalibration: Option<String>,
    /// Thresholds by the names of their columns.
    pub thresholds: Vec<Threshold>,
    /// Where it came from.
    pub provenance: Provenance,
    /// Files of the folder that are no part of it.
    pub others: Vec<String>,
}

/// From which probability a stay is predicted positive.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Threshold {
    /// The column of predictions.
    pub column: String,
    /// The probability.
    pub probability: f64,
}

impl BundleRecord {
    /// That of a bundle in the folder of this name.
    pub fn of(folder: String, bundle: Bundle) -> Self {
        let calibration = &bundle.calibration;
        let thresholds = calibration.named_thresholds();
        let thresholds = thresholds.map(|(column, probability)| Threshold {
            column,
            probability,
        });
        Self {
            folder,
            recalibration: calibration
                .recalibration
                .as_ref()
                .map(|fit| fit.name().into()),
            thresholds: thresholds.collect(),
            manifest: bundle.manifest,
            config: bundle.config,
            inputs: bundle.contract,
            provenance: bundle.provenance,
            others: bundle.others.into_iter().collect(),
        }
    }
}
