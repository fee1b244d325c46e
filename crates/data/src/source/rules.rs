//! What a recipe says of every table of a source.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::{DataConfig, Ids, Source, StayPolicy};
use crate::like::Like;
use crate::missing::{self, MissingText};

/// How ids, empty cells and empty labels are read.
#[derive(Clone, Debug)]
pub(super) struct ReadRules {
    pub(super) ids: Option<Ids>,
    /// Texts that say that there is nothing, of any kind.
    pub(super) missing: Vec<MissingText>,
    /// What a label that says nothing is.
    pub(super) without_label: StayPolicy,
    /// The variables that a model has; none: it learns which there are. Others are left out, whatever their values.
    pub(super) known: Option<Arc<BTreeSet<String>>>,
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
    pub(super) fn of(config: &DataConfig, like: Option<&Like>) -> Self {
        let known = |like: &Like| Arc::new(like.names().into_iter().map(String::from).collect());
        Self {
            ids: config.source.ids(),
            missing: MissingText::all(config.source.missing()),
            without_label: config.without_label,
            known: like.map(known),
            settings: Settings {
                of_tables: matches!(config.source, Source::Long(_) | Source::Wide(_)),
                categorical: config.like.is_none(),
            },
        }
    }

    /// Whether a model has no such variable, so that its values are not read.
    pub(super) fn leave_out(&self, variable: &str) -> bool {
        let known = self.known.as_ref();
        known.is_some_and(|known| !known.contains(variable))
    }

    /// Whether the recipe says that a text says that there is nothing.
    pub(super) fn lists(&self, text: &str) -> bool {
        missing::lists(&self.missing, text)
    }

    /// The same of a cell that is read as a number, however the number is written.
    pub(super) fn lists_value(&self, text: &str) -> bool {
        missing::lists_value(&self.missing, text)
    }

    /// Whether the recipe says that a number says that there is nothing.
    pub(super) fn lists_number(&self, number: f64) -> bool {
        missing::lists_number(&self.missing, number)
    }
}
