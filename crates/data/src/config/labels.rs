//! Whether stays have labels, and where a source says which.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DataConfig, Source, SplitRule};
use crate::dataset::Split;

/// Whether stays have labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// Those that the source tells.
    #[default]
    Source,
    /// None: nothing that tells labels is read, and no stage learns or scores them.
    None,
}

impl Labels {
    /// Left out of keys and tables then, so that results from before there was a choice keep their keys.
    pub(super) fn is_default(&self) -> bool {
        *self == Labels::default()
    }
}

impl Source {
    /// The settings that say what the labels are.
    pub fn label_settings(&self) -> Vec<&'static str> {
        let stated = match self {
            Source::Synthetic(_) | Source::Physionet2019(_) => Vec::new(),
            Source::Physionet2012(source) => vec![("outcomes", !source.outcomes.is_empty())],
            Source::Meds(source) => vec![("labels", source.labels.is_some())],
            Source::PatientParquet(source) => vec![("labels", source.labels.is_some())],
            Source::Long(source) => vec![("labels", source.labels.is_some())],
            Source::Wide(source) => vec![
                ("labels", source.labels.is_some()),
                ("row_label", source.row_label.is_some()),
            ],
        };
        let stated = stated.into_iter().filter(|(_, is_stated)| *is_stated);
        stated.map(|(setting, _)| setting).collect()
    }

    /// How to say what the labels are; none where the format itself tells.
    pub fn how_to_label(&self) -> Option<&'static str> {
        const TABLE: &str = "labels = { path = …, id = …, column = … } for a table of labels";
        match self {
            Source::Synthetic(_) | Source::Physionet2019(_) => None,
            Source::Physionet2012(_) => Some("outcomes = [\"Outcomes-a.txt\"]"),
            Source::Meds(_) => {
                Some("labels = \"…\" for the task's label file, or a folder of them")
            }
            Source::PatientParquet(_) | Source::Long(_) => Some(TABLE),
            Source::Wide(_) => Some(
                "labels = { path = …, id = …, column = … } for a table of labels, row_label for a column of the rows",
            ),
        }
    }
}

impl DataConfig {
    /// The shares by which the patients of every class are divided by themselves.
    pub fn shares_of_classes(&self) -> Option<[f64; 3]> {
        match self.split {
            SplitRule::Ratio(shares) if self.labels != Labels::None => Some(shares),
            _ => None,
        }
    }

    /// Whether the statistics are those of other data: nothing has to be learned from a training split.
    pub fn has_statistics_of_its_own(&self) -> bool {
        self.statistics.is_none() && self.like.is_none()
    }

    /// Whether it is no mistake that a split has no stay.
    pub fn may_be_empty(&self, split: Split) -> bool {
        match (&self.split, split) {
            (SplitRule::All, split) => split != Split::Test,
            (_, Split::Train | Split::Validation) => false,
            // What is only pretrained on is never scored.
            (
                SplitRule::Ratio([_, _, test]) | SplitRule::Independent([_, _, test]),
                Split::Test,
            ) if *test == 0.0 => true,
            (_, Split::Test) => self.labels == Labels::None,
        }
    }
}
