//! What a schema cannot say of how a stage predicts.

use super::{PredictTable, PredictionFormat};
use crate::asked::target_of;
use crate::evaluate::evaluation::needs_validation;
use crate::evaluate::{Choice, ChosenOn};
use crate::kind::StageCheck;
use crate::models::Models;
use crate::scoring::head_of;
use pipeline_data::config::Task;
use pipeline_data::target::Target;
use pipeline_metrics::RecalibrationMethod;

impl StageCheck<'_> {
    /// What needs one positive class is a mistake beside more than two classes.
    pub(super) fn predict(&mut self, stage: &PredictTable) {
        self.heads_of_one_target(&stage.model);
        let said = (stage.model.names().next())
            .and_then(|model| head_of(&self.lookup(), model))
            .and_then(|head| Some((head.head_trained_on()?, head.target()?)));
        let said = said.and_then(|(data, name)| target_of(&self.lookup(), data, name));
        let classes = match &said {
            Some(target) if target.task == Task::Classification => target.outputs.len(),
            // What is no class has no threshold either.
            Some(_) => 1,
            None => self.model.map_or(2, |model| model.classifier.num_classes),
        };
        let stated = [
            ("operating_points", !stage.operating_points.is_empty()),
            ("recalibrate", stage.recalibrate.is_some()),
            ("format", stage.format == PredictionFormat::Meds),
        ];
        self.for_two_classes(classes, &stated);
        if let Some(target) =
            said.filter(|_| needs_validation(stage.recalibrate, &stage.operating_points))
            && classes == 2
        {
            let (field, problem) = chosen_by_label(stage.recalibrate, &target);
            let mistake = self.mistake(&[field], &problem, "by which truth?");
            self.mistakes.push(mistake.help(CHOOSE_ELSEWHERE));
        }
        let choice = Choice {
            models: &stage.model,
            data: &stage.data,
            recalibrate: stage.recalibrate,
            operating_points: &stage.operating_points,
            chosen_on: stage.recalibrate_on,
        };
        self.known_split(&choice);
        if stage.recalibrate_on == ChosenOn::Data
            && needs_validation(stage.recalibrate, &stage.operating_points)
        {
            let why = "thresholds and corrections are chosen by labels";
            self.needs_labels(&stage.data, why);
        }
    }

    /// Answers to several questions have no mean.
    fn heads_of_one_target(&mut self, models: &Models) {
        let lookup = self.lookup();
        let learned = |model| Some((model, head_of(&lookup, model)?.target()));
        let learned: Vec<(&str, Option<&str>)> = models.names().filter_map(learned).collect();
        let Some((first, target)) = learned.first() else {
            return;
        };
        if let Some((other, _)) = learned.iter().find(|(_, other)| other != target) {
            let problem =
                format!("averages `{first}` and `{other}`, which learned different things");
            let mistake = self.mistake(&["model"], &problem, "no mean of these");
            self.mistakes
                .push(mistake.help("predict with each of them in a stage of its own"));
        }
    }
}

/// What helps where the label would choose for a head of a target.
pub(super) const CHOOSE_ELSEWHERE: &str = "choose it in an evaluate stage of the target, and state what it says: { kind = \"fixed\", threshold = 0.3 }";

/// The setting that the label would choose for a head that says `target`, and what is wrong with it.
pub(super) fn chosen_by_label(
    recalibrate: Option<RecalibrationMethod>,
    target: &Target,
) -> (&'static str, String) {
    let field = match recalibrate {
        Some(_) => "recalibrate",
        None => "operating_points",
    };
    let problem = format!(
        "would be chosen by the label, and the head says the target `{}`",
        target.name
    );
    (field, problem)
}
