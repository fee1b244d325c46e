//! What a recipe says of every table of a source.

use crate::config::{DataConfig, Ids, Source, StayPolicy};

/// How ids, empty cells and empty labels are read.
#[derive(Clone, Debug)]
pub(super) struct ReadRules {
    pub(super) ids: Option<Ids>,
    /// Texts that say that there is nothing, of any kind.
    pub(super) missing: Vec<String>,
    /// What a label that says nothing is.
    pub(super) without_label: StayPolicy,
    /// What a hint may propose to state.
    pub(super) settings: Settings,
}

/// Which settings a recipe has for how values are written, so that no hint names one that it has not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// `missing`, `time` and `ignore` of the source: a format that is fixed has none.
    pub(super) of_tables: bool,
    /// `categorical`: a stage that is like another takes its categories from there.
    pub(super) categorical: bool,
}

impl ReadRules {
    pub(super) fn of(config: &DataConfig) -> Self {
        Self {
            ids: config.source.ids(),
            missing: config.source.missing().to_vec(),
            without_label: config.without_label,
            settings: Settings {
                of_tables: matches!(config.source, Source::Long(_) | Source::Wide(_)),
                categorical: config.like.is_none(),
            },
        }
    }

    /// Whether the recipe says that a text says that there is nothing.
    pub(super) fn lists(&self, text: &str) -> bool {
        self.missing.iter().any(|missing| missing == text)
    }
}
