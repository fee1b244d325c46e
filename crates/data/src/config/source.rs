//! Where events and labels come from: one struct a format.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Negatives;
use super::table::{
    Ids, LabelTable, LongSource, Physionet2019Source, StaysTable, TimeColumn, WideSource,
};
use crate::id_names::{names_patients, names_stays, says_nothing_of_ids};
use crate::input_path::InputPath;

/// Where the events and labels come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "format", rename_all = "kebab-case")]
pub enum Source {
    /// An ICU-like cohort from a seeded generator.
    Synthetic(SyntheticSource),
    /// The text files of the PhysioNet/CinC Challenge 2012.
    #[serde(rename = "physionet-2012")]
    Physionet2012(Physionet2012Source),
    /// One Parquet file a stay, in one folder a split: the reference's layout.
    PatientParquet(PatientParquetSource),
    /// The Medical Event Data Standard, 0.4.
    Meds(MedsSource),
    /// Tables with one row an event.
    Long(LongSource),
    /// Tables with one row for each stay and time, and a column for each variable.
    Wide(WideSource),
    /// The hourly files of the PhysioNet/CinC Challenge 2019.
    #[serde(rename = "physionet-2019")]
    Physionet2019(Physionet2019Source),
}

impl Source {
    /// Whether a table of its own may tell splits.
    pub fn has_split_columns(&self) -> bool {
        match self {
            Source::Meds(_) => true,
            Source::Long(source) => source.stays.is_some(),
            Source::Wide(source) => source.stays.is_some(),
            _ => false,
        }
    }

    /// How ids are compared.
    pub(crate) fn ids(&self) -> Option<Ids> {
        match self {
            Source::Long(source) => source.ids,
            Source::Wide(source) => source.ids,
            Source::PatientParquet(source) => source.ids,
            // Its ids are integers: a table that spells them otherwise means the same.
            Source::Meds(_) => Some(Ids::Number),
            _ => None,
        }
    }

    /// Whether a recipe may say so: `ids = "text"`.
    pub(crate) fn has_ids_setting(&self) -> bool {
        matches!(
            self,
            Source::Long(_) | Source::Wide(_) | Source::PatientParquet(_)
        )
    }

    /// How its times are told, where the recipe says that.
    pub fn time(&self) -> Option<&TimeColumn> {
        match self {
            Source::Long(source) => Some(&source.time),
            Source::Wide(source) => Some(&source.time),
            _ => None,
        }
    }

    /// Texts that say that there is nothing.
    pub(crate) fn missing(&self) -> &[String] {
        match self {
            Source::Long(source) => &source.missing,
            Source::Wide(source) => &source.missing,
            _ => &[],
        }
    }

    /// The columns that name stays in the source's own tables, and those that name patients.
    pub(crate) fn id_columns(&self) -> (Vec<&str>, Vec<&str>) {
        match self {
            Source::Long(source) => {
                let labels = source.labels.as_ref().map(|labels| labels.id.as_str());
                of_rows(source.id.as_deref(), source.stays.as_ref(), labels)
            }
            Source::Wide(source) => {
                let labels = source.labels.as_ref().map(|labels| labels.id.as_str());
                of_rows(source.id.as_deref(), source.stays.as_ref(), labels)
            }
            Source::PatientParquet(source) => {
                let labels = source.labels.iter();
                (
                    labels.map(|labels| labels.id.as_str()).collect(),
                    Vec::new(),
                )
            }
            Source::Physionet2012(_) => (vec!["RecordID"], Vec::new()),
            Source::Meds(_) => (Vec::new(), vec!["subject_id"]),
            Source::Synthetic(_) | Source::Physionet2019(_) => (Vec::new(), Vec::new()),
        }
    }

    /// The column of stays in the tables of rows, and the table of stays.
    pub(crate) fn row_tables(&self) -> (Option<&str>, Option<&StaysTable>) {
        match self {
            Source::Long(source) => (source.id.as_deref(), source.stays.as_ref()),
            Source::Wide(source) => (source.id.as_deref(), source.stays.as_ref()),
            _ => (None, None),
        }
    }

    /// The columns of stays in the tables of rows and of stays.
    pub fn stay_columns(&self) -> Vec<&str> {
        let (id, stays) = self.row_tables();
        let of_stays = stays.map(|stays| stays.id.as_str());
        id.into_iter().chain(of_stays).collect()
    }

    /// The column of patients in the table of stays.
    pub fn patient_column(&self) -> Option<&str> {
        self.row_tables().1?.subject.as_deref()
    }

    /// Whether `column` is that of patients, and not of stays: the recipe says so, or its name does where the columns of
    /// stays are called as such usually are.
    pub(crate) fn names_patients(&self, column: &str) -> bool {
        let of_stays = self.stay_columns();
        let are_stays = !of_stays.is_empty() && of_stays.iter().all(|name| names_stays(name));
        let is_called_so = names_patients(column) && !says_nothing_of_ids(column);
        let is_named = self.patient_column() == Some(column);
        !of_stays.contains(&column) && (is_named || are_stays && is_called_so)
    }

    /// The table of labels by stay, if that is where they stand.
    pub fn label_table(&self) -> Option<&LabelTable> {
        match self {
            Source::Long(source) => source.labels.as_ref(),
            Source::Wide(source) => source.labels.as_ref(),
            Source::PatientParquet(source) => source.labels.as_ref(),
            _ => None,
        }
    }

    /// Whether every file is a stay of its own, whose id is the file's name.
    pub(crate) fn has_stays_by_file(&self) -> bool {
        match self {
            Source::Long(source) => source.id.is_none(),
            Source::Wide(source) => source.id.is_none(),
            Source::Physionet2012(_) | Source::Physionet2019(_) => true,
            Source::Synthetic(_) | Source::Meds(_) | Source::PatientParquet(_) => false,
        }
    }

    /// Whether stays without a positive row are cut as those with one are, at times that are drawn.
    pub fn has_matched_negatives(&self) -> bool {
        let negatives = match self {
            Source::Wide(source) => source.negatives,
            Source::Physionet2019(source) => source.negatives,
            _ => Negatives::Whole,
        };
        negatives == Negatives::Matched
    }

    /// Whether stays are cut at their first positive row, and others not at all.
    pub(crate) fn cuts_positives_alone(&self) -> bool {
        let landmarks = match self {
            Source::Wide(source) if source.row_label.is_some() => source.landmarks,
            Source::Physionet2019(source) => source.landmarks,
            _ => return false,
        };
        landmarks.is_none() && !self.has_matched_negatives()
    }
}

fn of_rows<'a>(
    id: Option<&'a str>,
    stays: Option<&'a StaysTable>,
    labels: Option<&'a str>,
) -> (Vec<&'a str>, Vec<&'a str>) {
    let of_stays = stays.map(|table| table.id.as_str());
    let subject = stays.and_then(|table| table.subject.as_deref());
    let stays = [id, of_stays, labels].into_iter().flatten();
    (stays.collect(), subject.into_iter().collect())
}

/// An ICU-like cohort from a seeded generator, whose label depends on the trajectories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyntheticSource {
    /// Number of stays.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub stays: usize,
}

/// The text files of the PhysioNet/CinC Challenge 2012.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Physionet2012Source {
    /// Folders of `ID.txt` files (set-a, set-b).
    #[schemars(length(min = 1))]
    pub records: Vec<InputPath>,
    /// The outcome files of those folders; left out where stays have no labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub outcomes: Vec<InputPath>,
    /// The outcome that is the label.
    #[serde(default = "in_hospital_death")]
    pub label: String,
}

fn in_hospital_death() -> String {
    "In-hospital_death".into()
}

/// One Parquet file a stay: `PATH/{train,valid,test}/ID.parquet` with columns variable, value, minute and optionally set_index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatientParquetSource {
    /// The folder that holds one folder a split.
    pub path: InputPath,
    /// The label table; left out where stays have no labels.
    #[serde(default)]
    pub labels: Option<LabelTable>,
    /// How ids are compared, also those of the labels and of a split file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Ids>,
}

/// A dataset of the Medical Event Data Standard. Every label, or time of prediction, is a stay: its patient's events up to then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MedsSource {
    /// The folder that holds `data` and `metadata`.
    pub path: InputPath,
    /// The task's label file, or a folder of them; left out where stays have no labels: every patient is a stay then.
    #[serde(default)]
    pub labels: Option<InputPath>,
    /// The column of the label: true or false, or 0, 1, ….
    #[serde(default = "boolean_value")]
    pub label: String,
    /// Without labels: a file with the columns `subject_id` and `prediction_time`, or a folder of them, such as label files. Every row is a stay; no label in them is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction_times: Option<InputPath>,
}

fn boolean_value() -> String {
    "boolean_value".into()
}
