//! What a schema cannot say of how a stage evaluates.

use super::EvaluateTable;
use crate::kind::StageCheck;

impl StageCheck<'_> {
    /// What needs one positive class is a mistake beside more than two classes.
    pub(super) fn evaluate(&mut self, stage: &EvaluateTable) {
        let classes = self.model.map_or(2, |model| model.classifier.num_classes);
        let stated = [
            ("operating_points", !stage.operating_points.is_empty()),
            ("recalibrate", stage.recalibrate.is_some()),
            ("subgroups", !stage.subgroups.is_empty()),
            ("baseline", stage.baseline.is_some()),
        ];
        self.for_two_classes(classes, &stated);
    }

    /// Settings that need two classes, and whether each is stated.
    pub(crate) fn for_two_classes(&mut self, classes: usize, settings: &[(&str, bool)]) {
        for &(field, stated) in settings {
            if stated && classes != 2 {
                let problem =
                    format!("needs two classes, and model.classifier.num_classes is {classes}");
                let mistake = self.mistake(&[field], &problem, "for two classes");
                let place = self.tree.place(&["model", "classifier", "num_classes"]);
                self.mistakes.push(mistake.and(place, "classes"));
            }
        }
    }
}
