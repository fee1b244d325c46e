//! A training loop's view of the stage it runs in.

use super::stage::{Progress, StageContext};
use crate::train::watch::Watch;

impl Watch for StageContext<'_> {
    fn progress(&self, done: u64, total: u64, message: String) {
        self.reporter.progress(Progress { done, total, unit: "stays", message });
    }

    fn note(&self, line: &str) {
        self.reporter.note(line);
    }

    fn is_interrupted(&self) -> bool {
        StageContext::is_interrupted(self)
    }
}
