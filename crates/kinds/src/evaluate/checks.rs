//! What a schema cannot say of how a stage evaluates.

use super::EvaluateTable;
use crate::kind::StageCheck;
use crate::scoring::head_of;

impl StageCheck<'_> {
    /// What needs one positive class is a mistake beside more than two classes.
    pub(super) fn evaluate(&mut self, stage: &EvaluateTable) {
        let classes = self.model.map_or(2, |model| model.classifier.num_classes);
        let stated = [
            ("operating_points", !stage.operating_points.is_empty()),
            ("recalibrate", stage.recalibrate.is_some()),
            ("subgroups", !stage.subgroups.is_empty()),
            ("baseline", stage.baseline().is_some()),
        ];
        self.for_two_classes(classes, &stated);
        if stage.baseline().is_some() {
            self.baseline_of_all(stage);
        }
    }

    /// The baseline is fitted to the stays that the models learned from: these must be the same, and there must be some.
    fn baseline_of_all(&mut self, stage: &EvaluateTable) {
        let stages = self.stages;
        let named = |name: &str| {
            let found = stages.iter().find(|(other, _)| *other == name);
            found.map(|(_, stage)| *stage)
        };
        let mut models = stage.model.names();
        let learned_from = |model: &str| {
            let head = head_of(&named, model)?;
            Some((head.head_trained_on()?, head.subsample()))
        };
        let Some(first) = models.next() else { return };
        if learned_from(first).is_none() {
            let why =
                "no stage of the recipe trained the model, so the baseline is fitted to these data";
            self.needs_training_split(&stage.data, why);
        }
        if let Some(other) = models.find(|model| learned_from(model) != learned_from(first)) {
            let problem = format!(
                "is fitted to the training stays that the models learned from, and those of `{first}` and `{other}` differ"
            );
            let mistake = self.mistake(&["baseline"], &problem, "to which of them?");
            self.mistakes
                .push(mistake.help("leave the baseline out, or evaluate such models one by one"));
        }
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
