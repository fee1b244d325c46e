//! What a schema cannot say of how a stage evaluates.

use super::{ChosenOn, EvaluateTable};
use crate::kind::StageCheck;
use crate::scoring::head_of;
use pipeline_data::config::PredictionTable;

impl StageCheck<'_> {
    /// What needs one positive class is a mistake beside more than two classes.
    pub(super) fn evaluate(&mut self, stage: &EvaluateTable) {
        let given = stage.predictions.as_ref().map(PredictionTable::classes);
        let classes = given.or(self.model.map(|model| model.classifier.num_classes));
        let stated = [
            ("operating_points", !stage.operating_points.is_empty()),
            ("recalibrate", stage.recalibrate.is_some()),
            ("subgroups", !stage.subgroups.is_empty()),
            ("baseline", stage.baseline().is_some()),
            ("compare", !stage.compare.is_empty()),
        ];
        self.for_two_classes(classes.unwrap_or(2), &stated);
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
        let first = models.next();
        if first.and_then(learned_from).is_none() {
            let why =
                "no stage of the recipe trained the model, so the baseline is fitted to these data";
            self.needs_training_split(&stage.data, why);
        }
        let Some(first) = first else { return };
        if let Some(other) = models.find(|model| learned_from(model) != learned_from(first)) {
            let problem = format!(
                "is fitted to the training stays that the models learned from, and those of `{first}` and `{other}` differ"
            );
            let mistake = self.mistake(&["baseline"], &problem, "to which of them?");
            self.mistakes
                .push(mistake.help("leave the baseline out, or evaluate such models one by one"));
        }
    }

    /// Either models or a table of predictions is scored.
    pub(super) fn scored(&mut self, stage: &EvaluateTable) {
        let Some(table) = &stage.predictions else {
            if stage.model.is_empty() {
                let problem = "names no `model` to score, and no table of `predictions`";
                let mistake = self.mistake(&[], problem, "nothing is scored");
                let help = "model = \"STAGE\", or predictions = { path = \"FILE\" }";
                self.mistakes.push(mistake.help(help));
            }
            return;
        };
        if !stage.model.is_empty() {
            let problem = "is scored in place of a model, and `model` is stated too";
            let mistake = self.mistake(&["predictions"], problem, "or this");
            let place = self.place(&["model"]);
            self.mistakes
                .push(mistake.and(place, "this").help("leave one of the two out"));
        }
        if stage.recalibrate_on != ChosenOn::default() {
            let problem = "says on whose data a model's head was trained, and a table has none";
            let mistake = self.mistake(&["recalibrate_on"], problem, "without effect");
            self.mistakes.push(mistake.help("leave it out"));
        }
        for unfit in [table.key().err(), table.values().err()]
            .into_iter()
            .flatten()
        {
            let (field, problem) = unfit;
            let mistake = self.mistake(&["predictions", field], problem, "does not fit the others");
            self.mistakes.push(mistake.help("state one of them"));
        }
        if table.classes() == 1 {
            let field = if table.logits.is_empty() {
                "probabilities"
            } else {
                "logits"
            };
            let problem = "has one column, and a class each is expected";
            let mistake = self.mistake(&["predictions", field], problem, "one class");
            let help =
                "the probability of class 1 alone: predictions = { …, probability = \"COLUMN\" }";
            self.mistakes.push(mistake.help(help));
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
