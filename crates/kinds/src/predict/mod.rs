//! Predict stages: what a model thinks of stays, labelled or not.

mod calibration;
mod checks;
mod rows;
mod stage;
mod table;

use crate::edges::{DATA, Reference, kind};
use crate::ensemble::Ensemble;
use crate::evaluate::evaluation::needs_validation;
use crate::kind::{Around, ModelUse, StageCheck, StageKind};
use crate::scoring::validation_of;
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
        let data = kind("data", &self.data, DATA);
        self.model.references().chain([data]).collect()
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        vec![
            (CALIBRATION, CALIBRATION_FILE),
            ("predictions", self.format.file()),
        ]
    }

    fn check(&self, check: &mut StageCheck) {
        check.models(&self.model);
        check.predict(self);
    }

    fn model_uses(&self) -> Vec<ModelUse<'_>> {
        let reason = "a classifier predicts, so its import needs `into = \"classifier\"`";
        self.model.uses(reason)
    }

    fn nodes(&self, name: &str, around: &dyn Around) -> Vec<Node> {
        let chosen = needs_validation(self.recalibrate, &self.operating_points);
        let validation = |model: &str| {
            let validation = || validation_of(around, model, &self.data, self.recalibrate_on);
            chosen.then(validation).flatten()
        };
        let stage = PredictStage {
            ensemble: Ensemble::new(around, &self.model, &self.data, validation),
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
            PredictionFormat::Parquet | PredictionFormat::Meds => "predictions.parquet",
            PredictionFormat::Csv => "predictions.csv",
        }
    }
}
