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
        if let (Some(last), Some(gap)) = (data.last_hours, data.gap_hours)
            && last <= gap
        {
            let problem = format!("= {gap} leaves nothing of last_hours = {last}");
            let mistake = self
                .mistake(&["gap_hours"], &problem, "as long as the window")
                .and(self.place(&["last_hours"]), "the window");
            let help =
                "the gap is at the end of the window: state more last_hours, or a shorter gap";
            self.mistakes.push(mistake.help(help));
        }
        for (name, rule) in &data.cleaning {
            for (setting, problem) in rule.mistakes() {
                let path = ["cleaning", name, setting];
                let mistake = self.mistake(&path, &problem, "of no use");
                self.mistakes.push(mistake);
            }
        }
    }
}
