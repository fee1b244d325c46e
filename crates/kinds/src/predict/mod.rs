//! Predict stages: what a model thinks of stays, labelled or not.

mod calibration;
mod checks;
mod rows;
mod stage;
mod table;

use crate::edges::{DATA, Reference, WEIGHTS, kind};
use crate::evaluate::evaluation::needs_validation;
use crate::kind::{Around, ModelUse, StageCheck, StageKind, features_of};
use crate::scoring::validation_of;
use pipeline_model::config::ModelMode;
use pipeline_stage::Node;

pub use calibration::Calibration;
pub use rows::{RowWriter, Rows};
use stage::PredictStage;
pub use table::{PredictTable, PredictionFormat};

/// The artifact that holds thresholds and correction.
pub const CALIBRATION: &str = "calibration";
/// Its file.
const CALIBRATION_FILE: &str = "calibration.json";

impl StageKind for PredictTable {
    fn kind() -> &'static str {
        "predict"
    }

    fn seed(&self) -> Option<u64> {
        None
    }

    fn references(&self) -> Vec<Reference> {
        vec![
            kind("model", &self.model, WEIGHTS),
            kind("data", &self.data, DATA),
        ]
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        vec![
            (CALIBRATION, CALIBRATION_FILE),
            ("predictions", self.format.file()),
        ]
    }

    fn check(&self, check: &mut StageCheck) {
        check.predict(self);
    }

    fn model_use(&self) -> Option<ModelUse<'_>> {
        Some(ModelUse {
            field: "model",
            stage: &self.model,
            mode: ModelMode::Classifier,
            reason: "a classifier predicts, so its import needs `into = \"classifier\"`",
            needs_all: true,
        })
    }

    fn nodes(&self, name: &str, around: &dyn Around) -> Vec<Node> {
        let validation = needs_validation(self.recalibrate, &self.operating_points)
            .then(|| validation_of(around, &self.model, &self.data));
        let stage = PredictStage {
            model: self.model.clone(),
            data: self.data.clone(),
            features: features_of(around, &self.model, &self.data),
            validation,
            threshold: self.threshold,
            operating_points: self.operating_points.clone(),
            recalibrate: self.recalibrate,
            format: self.format,
        };
        vec![Node::of_stage(name, false, stage)]
    }
}

impl PredictionFormat {
    /// The file of the artifact.
    fn file(self) -> &'static str {
        match self {
            PredictionFormat::Parquet => "predictions.parquet",
            PredictionFormat::Csv => "predictions.csv",
        }
    }
}
