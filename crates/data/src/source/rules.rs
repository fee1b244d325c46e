//! What a recipe says of every table of a source.

use crate::config::{DataConfig, Ids, StayPolicy};

/// How ids, empty cells and empty labels are read.
#[derive(Clone, Debug)]
pub(super) struct ReadRules {
    pub(super) ids: Option<Ids>,
    /// Texts that say that there is nothing, of any kind.
    pub(super) missing: Vec<String>,
    /// What a label that says nothing is.
    pub(super) without_label: StayPolicy,
}

impl ReadRules {
    pub(super) fn of(config: &DataConfig) -> Self {
        Self {
            ids: config.source.ids(),
            missing: config.source.missing().to_vec(),
            without_label: config.without_label,
        }
    }

    /// Whether the recipe says that a text says that there is nothing.
    pub(super) fn lists(&self, text: &str) -> bool {
        self.missing.iter().any(|missing| missing == text)
    }
}
