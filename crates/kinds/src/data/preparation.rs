//! What a schema cannot say of how events are prepared.

use crate::kind::StageCheck;
use pipeline_data::config::DataConfig;

impl StageCheck<'_> {
    /// Windows and rules of cleaning that leave something, and rules that have numbers to clean.
    pub(super) fn preparation(&mut self, data: &DataConfig) {
        if data.hours.is_some() && data.last_hours.is_some() {
            let problem = "has `hours` beside it";
            let mistake = self
                .mistake(&["last_hours"], problem, "a second window")
                .and(self.place(&["hours"]), "the first");
            let help = "a window is at the begin of a stay or at its end: keep one";
            self.mistakes.push(mistake.help(help));
        }
        for (name, rule) in &data.cleaning {
            for (setting, problem) in rule.mistakes() {
                let path = ["cleaning", name, setting];
                let mistake = self.mistake(&path, &problem, "of no use");
                self.mistakes.push(mistake);
            }
            if data.categorical.contains(name) {
                let problem = "is a rule for numbers, and `categorical` makes names of the values";
                let mistake = self
                    .mistake(&["cleaning", name], problem, "without effect")
                    .and(self.place(&["categorical"]), "here");
                let help = format!(
                    "leave it out; variables.drop leaves a category out: {:?}",
                    format!("{name}=-1")
                );
                self.mistakes.push(mistake.help(help));
            }
        }
    }
}
