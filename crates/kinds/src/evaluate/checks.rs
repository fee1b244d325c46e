//! What a schema cannot say of how a stage evaluates.

use super::evaluation::needs_validation;
use super::{ChosenOn, EvaluateTable};
use crate::kind::{StageCheck, StageKind};
use crate::scoring::head_of;
use pipeline_data::config::{PredictionTable, Task};
use pipeline_data::target::Target;
use pipeline_train::baseline::Baseline;

impl StageCheck<'_> {
    /// What needs one positive class is a mistake beside more than two classes, labels or numbers.
    pub(super) fn evaluate(&mut self, stage: &EvaluateTable) {
        self.subgroups_once(&stage.subgroups);
        let target = stage.target(&self.lookup());
        let stated = [
            ("operating_points", !stage.operating_points.is_empty()),
            ("recalibrate", stage.recalibrate.is_some()),
            ("subgroups", !stage.subgroups.is_empty()),
            ("baseline", stage.baseline().is_some()),
            ("compare", !stage.compare.is_empty()),
        ];
        match &target {
            None => {
                let given = stage.predictions.as_ref().map(PredictionTable::classes);
                let classes = given.or(self.model.map(|model| model.classifier.num_classes));
                self.for_two_classes(classes.unwrap_or(2), &stated);
            }
            Some(target) if target.task == Task::Classification => {
                self.of_two_classes(target, &stated);
            }
            Some(target) => self.of_two_classes(target, &stated[..2]),
        }
        if let Some((table, (field, problem))) = stage
            .predictions
            .as_ref()
            .and_then(|table| Some((table, table.unfit_for(target.as_ref())?)))
            && table.values().is_ok()
        {
            let mistake = self.mistake(&["predictions", field], &problem, "says something else");
            self.mistakes.push(mistake);
        }
        if let Some(baseline) = stage.baseline() {
            self.baseline_of_task(baseline, target.as_ref());
            self.baseline_of_all(stage);
        }
    }

    /// A column that is named twice would be reported twice.
    fn subgroups_once(&mut self, columns: &[String]) {
        for (number, column) in columns.iter().enumerate() {
            if columns[..number].contains(column) {
                let path = ["subgroups", &number.to_string()];
                let problem = format!("names `{column}` again");
                let mistake = self.mistake(&path, &problem, "would be reported twice");
                self.mistakes.push(mistake.help("name every column once"));
            }
        }
    }

    /// What is scored must be there: the label, or a target that the models say.
    pub(super) fn scored_target(&mut self, stage: &EvaluateTable) {
        let lookup = self.lookup();
        let name = stage.scored_target(&lookup);
        let said = |model: &str| head_of(&lookup, model).map(|head| head.target());
        let others = (stage.model.names()).filter_map(|model| Some((model, said(model)?)));
        let mut others = others.filter(|(_, said)| *said != name.as_deref());
        if let Some((model, said)) = others.next() {
            let learned = match (&name, said) {
                (Some(_), Some(_)) => "another one",
                (None, Some(_)) => "a target",
                (_, None) => "the label",
            };
            let scored = truth(name.as_deref());
            let problem = format!("scores {scored}, and `{model}` learned {learned}");
            let field = if stage.target.is_some() {
                "target"
            } else {
                "model"
            };
            let mistake = self.mistake(&[field], &problem, "one target is scored");
            self.mistakes
                .push(mistake.help("all models of the stage must have learned what it scores"));
        }
        let Some(name) = name else {
            self.needs_labels(&stage.data, "evaluation compares with labels");
            return;
        };
        let trained_on = |model: &str| head_of(&lookup, model)?.head_trained_on();
        if stage.recalibrate_on == ChosenOn::Development
            && needs_validation(stage.recalibrate, &stage.operating_points)
            && (stage.model.names())
                .any(|model| trained_on(model).is_some_and(|data| data != stage.data))
        {
            let problem = "has to be \"data\" where a target of other data is scored";
            let mistake = self.mistake(&["recalibrate_on"], problem, "or leave both out");
            self.mistakes.push(mistake);
        }
        self.needs_target(&stage.data, &name);
    }

    /// A difference is said of models that are asked the same.
    pub(super) fn compared(&mut self, stage: &EvaluateTable) {
        let lookup = self.lookup();
        let own = stage.scored_target(&lookup);
        for (with, name) in &stage.compare {
            let other = lookup(name).filter(|other| other.scored_split().is_some());
            let other = other.map(|other| other.scored_target(&lookup));
            let Some(other) = other.filter(|other| *other != own) else {
                continue;
            };
            let (own, other) = (truth(own.as_deref()), truth(other.as_deref()));
            let problem = format!("names `{name}`, which scores {other}; this stage scores {own}");
            let mistake = self.mistake(&["compare", with], &problem, "another truth");
            self.mistakes
                .push(mistake.help("compare stages that score the same target"));
        }
    }

    fn of_two_classes(&mut self, target: &Target, settings: &[(&str, bool)]) {
        let classes = target.outputs.len();
        for &(field, stated) in settings {
            if stated && (target.task != Task::Classification || classes != 2) {
                let what = match target.task {
                    Task::Classification => format!("has {classes}"),
                    task => format!("is a {}", task.name()),
                };
                let problem = format!("needs two classes, and the target `{}` {what}", target.name);
                let mistake = self.mistake(&[field], &problem, "for two classes");
                self.mistakes.push(mistake.help("leave it out"));
            }
        }
    }

    fn baseline_of_task(&mut self, baseline: Baseline, target: Option<&Target>) {
        let is_number = target.is_some_and(|target| target.task == Task::Regression);
        let (fits, help) = match (baseline, is_number) {
            (Baseline::LogisticRegression, true) => (false, "baseline = \"ridge\""),
            (Baseline::Ridge, false) => (false, "baseline = \"logistic-regression\""),
            _ => (true, ""),
        };
        if !fits {
            let problem = match is_number {
                true => "says a class, and a number is scored",
                false => "says a number, and classes are scored",
            };
            let mistake = self.mistake(&["baseline"], problem, "of another task");
            self.mistakes.push(mistake.help(help));
        }
    }

    /// The baseline is fitted to the stays that the models learned from: these must be the same, and there must be some.
    fn baseline_of_all(&mut self, stage: &EvaluateTable) {
        let named = self.lookup();
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

/// The target of this name, or the label, in words.
fn truth(target: Option<&str>) -> String {
    target.map_or_else(|| "the label".into(), |name| format!("the target `{name}`"))
}
