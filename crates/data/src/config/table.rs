//! Sources that are tables of rows, in files of any number: `long`, `wide`, and PhysioNet 2019.

use std::path::PathBuf;

use jiff::civil::{DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Landmarks, Negatives, StayPolicy};
use crate::delimiter::Delimiter;
use crate::input_path::{FilesOrPattern, InputPath};
use crate::time_zone;

/// Tables with one row an event: a stay, a time, a variable, a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongSource {
    /// Files, folders of them, or patterns (`events/*.csv.gz`): CSV, TSV, PSV (each also with `.gz` or `.zst`) or Parquet.
    #[schemars(length(min = 1), with = "Vec<FilesOrPattern>")]
    pub files: Vec<InputPath>,
    /// What separates fields in the files that are text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// The column of stay ids; left out: a file is one stay, and the file's name is its id.
    #[serde(default)]
    pub id: Option<String>,
    /// The column of times.
    pub time: TimeColumn,
    /// The column of variable names.
    pub variable: String,
    /// The column of values. An event without one is presence.
    pub value: String,
    /// The cohort, its clocks and its static variables; left out: every stay that has an event.
    #[serde(default)]
    pub stays: Option<StaysTable>,
    /// The label table; left out where stays have no labels.
    #[serde(default)]
    pub labels: Option<LabelTable>,
    /// How ids are compared, also those of the labels and of a split file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Ids>,
    /// Texts for a missing value, in any cell; a number among them is found however a cell of numbers writes it.
    /// Categories and names of variables have no other such texts; numbers and times also have `NA`, `N/A`, `NaN`, `nan`,
    /// `null`, `NULL`, `None`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// Tables with one row for each stay and time, and a column for each variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WideSource {
    /// Files, folders of them, or patterns (`grid/*.parquet`): CSV, TSV, PSV (each also with `.gz` or `.zst`) or Parquet.
    #[schemars(length(min = 1), with = "Vec<FilesOrPattern>")]
    pub files: Vec<InputPath>,
    /// What separates fields in the files that are text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// The column of stay ids; left out: a file is one stay, and the file's name is its id.
    #[serde(default)]
    pub id: Option<String>,
    /// The column of times.
    pub time: TimeColumn,
    /// Columns that are no variables.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Columns that repeat one value in all rows of a stay: it is an event at minute 0.
    #[serde(default)]
    pub statics: Vec<String>,
    /// The cohort, its clocks and its static variables; left out: every stay that has a row.
    #[serde(default)]
    pub stays: Option<StaysTable>,
    /// The label table; left out where stays have no labels, or rows carry them.
    #[serde(default)]
    pub labels: Option<LabelTable>,
    /// Instead of a label table: a column of 0 and 1. The label of a stay is 1 if the label of any of its rows is 1. The model does not see the first such row and
    /// later ones.
    #[serde(default)]
    pub row_label: Option<String>,
    /// How ids are compared, also those of the labels and of a split file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Ids>,
    /// Texts for a missing value, in any cell; a number among them is found however a cell of numbers writes it.
    /// Categories and names of variables have no other such texts; numbers and times also have `NA`, `N/A`, `NaN`, `nan`,
    /// `null`, `NULL`, `None`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// With `row_label`: a prediction every few hours instead of one a stay.
    #[serde(default)]
    pub landmarks: Option<Landmarks>,
    /// With `row_label`: how much is seen of stays without a positive row.
    #[serde(default)]
    pub negatives: Negatives,
}

/// The `.psv` files of the PhysioNet/CinC Challenge 2019: one stay a file, one row an hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Physionet2019Source {
    /// Folders of `ID.psv` files (training_setA, training_setB), or patterns.
    #[schemars(length(min = 1), with = "Vec<FilesOrPattern>")]
    pub records: Vec<InputPath>,
    /// A prediction every few hours instead of one a stay.
    #[serde(default)]
    pub landmarks: Option<Landmarks>,
    /// How much is seen of stays without a positive row.
    #[serde(default)]
    pub negatives: Negatives,
}

/// How ids of stays and patients are compared. Left out, whole numbers are (`200001.0` is 200001), and two other
/// spellings of one number (`0123` and `123`, `1e+05` and `100000`) are an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ids {
    /// Letter by letter: `0123`, `123` and `123.0` are three.
    Text,
    /// By value: `0123`, `123` and `1.23e2` are one.
    Number,
}

/// The column that tells when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeColumn {
    /// Its name.
    pub column: String,
    /// What its numbers or texts are.
    #[serde(rename = "as", default)]
    pub unit: TimeUnit,
    /// How timestamps are written as text, where not like `2150-01-31 14:05:00`: `"%m/%d/%Y %H:%M"`, in the letters of
    /// strptime. It holds for the times of `stays`, too.
    #[serde(default)]
    pub format: Option<String>,
    /// The time zone of timestamps that have none: a name (`"Europe/Berlin"`), an offset (`"+01:00"`) or `"UTC"`. Left out:
    /// times with a zone and times without one may not occur in one source.
    #[serde(default)]
    pub zone: Option<String>,
    /// What to do with an event before minute 0 where times are counted from there.
    #[serde(default)]
    pub negative: StayPolicy,
}

impl TimeColumn {
    /// What is wrong with its settings: the setting, and the rest of the sentence.
    pub fn mistakes(&self) -> Vec<(&'static str, String)> {
        let unit = self.unit.name();
        let mut mistakes = Vec::new();
        if let Some(format) = &self.format {
            if self.unit != TimeUnit::Timestamp {
                let what = format!("is how timestamps are written, and `as` is `{unit}`");
                mistakes.push(("format", what));
            } else if let Some(what) = why_unreadable(format) {
                mistakes.push(("format", format!("`{format}` {what}")));
            }
        }
        if let Some(zone) = &self.zone {
            if self.unit != TimeUnit::Timestamp {
                let what = format!("is where timestamps are from, and `as` is `{unit}`");
                mistakes.push(("zone", what));
            } else if let Err(what) = time_zone::read(zone) {
                mistakes.push(("zone", what));
            }
        }
        mistakes
    }

    /// The file that says what its zone is.
    pub fn zone_file(&self) -> Option<PathBuf> {
        self.zone.as_deref().and_then(time_zone::file_of)
    }
}

/// Why a format reads no dates: one that it wrote itself must come back.
fn why_unreadable(format: &str) -> Option<String> {
    let written = DateTime::constant(2024, 11, 23, 15, 9, 0, 0);
    let zoned = written.to_zoned(TimeZone::UTC).ok()?;
    let text = match strtime::format(format, &zoned) {
        Ok(text) => text,
        Err(error) => return Some(format!("is no format of times: {error}")),
    };
    let read = strtime::parse(format, &text);
    // Else the time would be taken for one without a zone.
    if let Ok(read) = &read
        && read.offset().is_none()
        && (read.iana_time_zone().is_some() || read.timestamp().is_some())
    {
        let what = "tells the zone by its name (%Q) or the time in seconds since 1970 (%s), which are not read: \
                    write an offset (%z), or name the one zone of all times in `zone`";
        return Some(what.into());
    }
    match read.and_then(|time| time.to_datetime()) {
        Ok(read) if read == written || read == written.date().to_datetime(Time::midnight()) => None,
        _ => Some("does not tell year, month, day and the hour of 24 (%H, or %I with %p)".into()),
    }
}

/// What a time is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimeUnit {
    /// Days since the stay began.
    Days,
    /// Hours since the stay began.
    Hours,
    /// Minutes since the stay began.
    #[default]
    Minutes,
    /// Seconds since the stay began.
    Seconds,
    /// A duration since the stay began: that type of Parquet, or text like `1 days 02:30:00` or `26:30`.
    Duration,
    /// A date and time: that type of Parquet, or text like `2150-01-31 14:05:00` or as `format` says.
    Timestamp,
}

impl TimeUnit {
    /// Its name in a recipe.
    pub(crate) fn name(self) -> &'static str {
        match self {
            TimeUnit::Days => "days",
            TimeUnit::Hours => "hours",
            TimeUnit::Minutes => "minutes",
            TimeUnit::Seconds => "seconds",
            TimeUnit::Duration => "duration",
            TimeUnit::Timestamp => "timestamp",
        }
    }

    /// Microseconds of one, for units that are numbers.
    pub(crate) fn microseconds(self) -> Option<f64> {
        match self {
            TimeUnit::Days => Some(86_400e6),
            TimeUnit::Hours => Some(3_600e6),
            TimeUnit::Minutes => Some(60e6),
            TimeUnit::Seconds => Some(1e6),
            TimeUnit::Duration | TimeUnit::Timestamp => None,
        }
    }
}

/// A table with one row a stay: CSV or Parquet. Events of stays that it does not hold are left out and counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaysTable {
    /// The file.
    pub path: InputPath,
    /// What separates fields where the file is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// The column of stay ids.
    pub id: String,
    /// The column of patients: all stays of one are in the same split.
    #[serde(default)]
    pub subject: Option<String>,
    /// The column of the time at which a stay begins, told as the events' times are; left out: with timestamps the first event's, else 0.
    #[serde(default)]
    pub start: Option<String>,
    /// The column of the time of prediction, told as the events' times are: no later event is seen.
    #[serde(default)]
    pub prediction: Option<String>,
    /// Columns that are static variables: events at minute 0. An empty field is not measured.
    #[serde(default)]
    pub variables: Vec<String>,
}

/// A table with one label a stay: CSV or Parquet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelTable {
    /// The file.
    pub path: InputPath,
    /// What separates fields where the file is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// The column of stay ids. Whole numbers are compared as such: `200001.0` is 200001.
    pub id: String,
    /// The column of labels: 0, 1, …. A variable that is called like another column of this table is refused.
    pub column: String,
}
