//! What a schema cannot say of how a stage predicts.

use super::{PredictTable, PredictionFormat};
use crate::kind::StageCheck;

impl StageCheck<'_> {
    /// What needs one positive class is a mistake beside more than two classes.
    pub(super) fn predict(&mut self, stage: &PredictTable) {
        let classes = self.model.map_or(2, |model| model.classifier.num_classes);
        let stated = [
            ("operating_points", !stage.operating_points.is_empty()),
            ("recalibrate", stage.recalibrate.is_some()),
            ("format", stage.format == PredictionFormat::Meds),
        ];
        self.for_two_classes(classes, &stated);
    }
}
