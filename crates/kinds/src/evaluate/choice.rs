//! Whether the validation split is known on which a stage chooses thresholds and corrections.

use super::ChosenOn;
use crate::kind::StageCheck;
use crate::models::Models;
use crate::scoring::head_is_foreign;
use pipeline_metrics::{RecalibrationMethod, ThresholdRule};

/// What a stage that asks models chooses, and on which data.
pub struct Choice<'a> {
    /// The models.
    pub models: &'a Models,
    /// The data stage that they are asked about.
    pub data: &'a str,
    /// How probabilities are corrected.
    pub recalibrate: Option<RecalibrationMethod>,
    /// Thresholds.
    pub operating_points: &'a [ThresholdRule],
    /// On whose validation split.
    pub chosen_on: ChosenOn,
}

impl StageCheck<'_> {
    /// The split that the head of a file was chosen on is known to nobody, and the one of the data that are asked about is
    /// another cohort's: who wants it has to say so.
    pub(crate) fn known_split(&mut self, choice: &Choice) {
        let lookup = self.lookup();
        let foreign = |model: &&str| head_is_foreign(&lookup, model);
        let model = match choice.chosen_on {
            ChosenOn::Development => choice.models.names().find(foreign),
            ChosenOn::Data => None,
        };
        let Some(model) = model else { return };
        let points = choice.operating_points.iter().zip(0_usize..);
        let mut points = points.filter(|(rule, _)| rule.is_chosen());
        let point = points.next().map(|(_, number)| number.to_string());
        let asks: &[&str] = match (choice.recalibrate, &point) {
            (Some(_), _) => &["recalibrate"],
            (None, Some(number)) => &["operating_points", number],
            (None, None) => return,
        };
        let problem = format!(
            "is chosen on the validation split of the data that the head of `{model}` was trained on, and no stage of this \
             recipe trained it: that split is not known"
        );
        let help = format!(
            "recalibrate_on = \"data\" chooses on the validation split of `{}` and fits the model to it to that extent; or \
             leave `recalibrate` out and state thresholds: {{ kind = \"fixed\", threshold = 0.5 }}",
            choice.data
        );
        let mistake = self.mistake(asks, &problem, "on which split?");
        self.mistakes.push(mistake.help(help));
    }
}
