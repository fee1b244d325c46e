use pipeline_stage::{Progress, StageContext};
use pipeline_train::watch::Watch;

/// A training loop's view of the stage it runs in.
pub struct Watched<'a>(pub &'a StageContext<'a>);

impl Watch for Watched<'_> {
    fn progress(&self, done: u64, total: u64, message: String) {
        self.0.reporter.progress(Progress {
            done,
            total,
            unit: "stays",
            message,
        });
    }

    fn note(&self, line: &str) {
        self.0.reporter.note(line);
    }

    fn is_interrupted(&self) -> bool {
        self.0.is_interrupted()
    }
}
