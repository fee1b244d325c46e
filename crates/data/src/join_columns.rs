//! Whether the columns that tables are joined by hold ids of the kind that the source's stays have: ids of two kinds may be
//! the same numbers, and a stay would have another's label.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::config::{DataConfig, Source};
use super::id_names::{
    are_two_kinds_of_stays, names_patients, names_stays, numbers_rows, says_nothing_of_ids,
};
use super::source::{ComparedIds, EventSource, StayRow, StayTable};
use super::split::SplitAssigner;
use pipeline_error::Error;
use pipeline_error::pasted::toml_string;

/// The setting of a column of patients.
const SUBJECT: &str = "subject";
/// That of a split file, which has no setting for its column.
const SPLITS: &str = "split.file";
/// That of the rows of a source.
const OF_ROWS: &str = "source.id";

/// A column that rows are joined by.
pub(super) struct JoinColumn<'a> {
    /// What names it.
    setting: String,
    name: &'a str,
    /// The one file that it is in, if it is one.
    path: &'a Path,
    /// Whether it holds ids of patients.
    of_patients: bool,
}

impl<'a> JoinColumn<'a> {
    /// Those that a recipe names.
    pub(super) fn stated(config: &'a DataConfig) -> Vec<Self> {
        let mut stated = Vec::new();
        let mut add = |setting: String, path: &'a Path, name: &'a str, of_patients| {
            stated.push(Self {
                setting,
                name,
                path,
                of_patients,
            });
        };
        if let (Some(id), Some(_)) = config.source.row_tables() {
            add(OF_ROWS.into(), Path::new(""), id, false);
        }
        if let Some(table) = config.source.label_table() {
            add(
                "source.labels.id".into(),
                table.path.as_ref(),
                &table.id,
                false,
            );
        }
        for (name, table) in &config.targets {
            let (key, column) = key_of(&table.subject, &table.id);
            let setting = format!("targets.{name}.{key}");
            add(setting, table.path.as_ref(), column, key == SUBJECT);
        }
        if let Some(table) = &config.attributes {
            let (key, column) = key_of(&table.subject, &table.id);
            let setting = format!("attributes.{key}");
            add(setting, table.path.as_ref(), column, key == SUBJECT);
        }
        stated
    }

    /// That of a split file, if there is one.
    pub(super) fn of_assigner(assigner: &'a SplitAssigner) -> Option<Self> {
        let (path, name, of_patients) = assigner.column()?;
        Some(Self {
            setting: SPLITS.into(),
            name,
            path,
            of_patients,
        })
    }

    /// Fails if it holds ids of another kind than it is joined with; else what is worth reading of it.
    pub(super) fn check(
        &self,
        config: &DataConfig,
        source: &dyn EventSource,
        interrupted: &AtomicBool,
    ) -> Result<Option<String>, Error> {
        let own = self.own(config);
        let Some(stay_id) = own.last() else {
            return Ok(None);
        };
        let (setting, name) = (&self.setting, self.name);
        self.refuse_unknown_patients(config, &own)?;
        let compared = self.compared(config, source, interrupted)?;
        if let ComparedIds::Differ(difference) = &compared {
            let own = match self.of_patients {
                true => config.source.patient_column().unwrap_or("subject_id"),
                false => stay_id,
            };
            let what = format!("{setting}: `{name}` is another id than `{own}`: {difference}");
            return Err(Error::stage(what).with_hint(self.hint(own, config)));
        }
        if compared == ComparedIds::Equal {
            return Ok(None);
        }
        if !self.of_patients && config.source.names_patients(name) {
            let what = format!(
                "{setting}: `{name}` is called like a column of patients, and rows are joined by ids of stays, `{stay_id}`"
            );
            return Err(Error::stage(what).with_hint(by_stays(config)));
        }
        Ok(self.other_kind(&own).map(|kind| {
            format!(
                "{setting}: `{name}` is named like ids of {kind}, and is joined with `{stay_id}` of the source: ids of two \
                 kinds may be the same numbers"
            )
        }))
    }

    /// Fails if it holds patients and rows are joined by stays that have ids of their own: `SUBJECT@TIME`, where a patient of
    /// MEDS has several. Only patients with one stay would be found.
    pub(super) fn refuse_patients_of_meds(
        &self,
        config: &DataConfig,
        stays: &StayTable,
    ) -> Result<(), Error> {
        let is_named = matches!(config.source, Source::Meds(_)) && names_patients(self.name);
        let has_own =
            |stay: &&StayRow| stay.subject.as_ref().is_some_and(|whose| *whose != stay.id);
        let Some(stay) = stays.rows.iter().find(has_own) else {
            return Ok(());
        };
        if self.of_patients || !is_named {
            return Ok(());
        }
        let (setting, name) = (&self.setting, self.name);
        let what = format!(
            "{setting}: `{name}` is called like a column of patients, and rows are joined by ids of stays, such as `{}`",
            stay.id
        );
        let subject = toml_string(name);
        Err(Error::stage(what).with_hint(match setting.as_str() {
            "attributes.id" => format!("subject = {subject} in place of `id` joins by patients"),
            _ => format!(
                "subject = {subject} and time = \"prediction_time\" in place of `id` join by patients and their times of prediction"
            ),
        }))
    }

    /// The source's columns of stays that it is joined with.
    fn own<'c>(&self, config: &'c DataConfig) -> Vec<&'c str> {
        let (_, stays) = config.source.row_tables();
        match (self.setting.as_str(), stays) {
            (OF_ROWS, Some(stays)) => vec![&stays.id],
            _ => config.source.stay_columns(),
        }
    }

    /// Fails if it is joined with patients of whom the source knows none, and whose ids are those of stays: without
    /// patients a stay counts as its own.
    fn refuse_unknown_patients(&self, config: &DataConfig, own: &[&str]) -> Result<(), Error> {
        let are_stays = !own.contains(&self.name) && own.iter().any(|own| names_stays(own));
        if !self.of_patients || !are_stays || config.source.patient_column().is_some() {
            return Ok(());
        }
        let what = format!(
            "{}: `{}` joins by patients, and source.stays names no column of them",
            self.setting, self.name
        );
        let (_, stays) = config.source.row_tables();
        let hint = match (stays, own.last()) {
            (None, Some(own)) => {
                format!("rename the column to `{own}` if each stay is its own patient")
            }
            _ => "stays = { …, subject = \"COLUMN\" } names the patients".into(),
        };
        Err(Error::stage(what).with_hint(hint))
    }

    fn hint(&self, own: &str, config: &DataConfig) -> String {
        let key = if self.of_patients { SUBJECT } else { "id" };
        let (_, stays) = config.source.row_tables();
        let may_name_patients = stays.is_some() && config.source.patient_column().is_none();
        match self.setting.as_str() {
            SPLITS if names_patients(self.name) && may_name_patients => format!(
                "stays = {{ …, subject = \"{}\" }}, where the table of stays has that column, tells who the patients are, and \
                 the splits are theirs",
                self.name
            ),
            SPLITS => format!("write a first column `{own}` of the ids that the source has"),
            _ => format!(
                "{key} = \"{own}\" joins by the ids that the source has; the table needs that column"
            ),
        }
    }

    /// Whose ids its name says that it holds, if not those of stays that are called as `own`.
    fn other_kind(&self, own: &[&str]) -> Option<&'static str> {
        let name = self.name;
        let all = |is: &dyn Fn(&str) -> bool| own.iter().all(|own| is(own));
        match name {
            _ if self.of_patients || own.contains(&name) => None,
            _ if all(&|own| are_two_kinds_of_stays(name, own)) => Some("stays of another kind"),
            _ if names_patients(name) && all(&|own| !names_patients(own)) => Some("patients"),
            _ if numbers_rows(name) => Some("rows"),
            _ => None,
        }
    }

    /// Whether the source's own tables say that it is another id.
    fn compared(
        &self,
        config: &DataConfig,
        source: &dyn EventSource,
        interrupted: &AtomicBool,
    ) -> Result<ComparedIds, Error> {
        let (_, stays) = config.source.row_tables();
        let path = stays.map(|stays| -> &Path { stays.path.as_ref() });
        let is_of_stays = path == Some(self.path);
        match says_nothing_of_ids(self.name) && !is_of_stays {
            true => Ok(ComparedIds::Unknown),
            false => source.compared_ids(self.name, self.of_patients, interrupted),
        }
    }
}

/// What helps where rows are joined by patients in place of stays.
fn by_stays(config: &DataConfig) -> &'static str {
    match (config.source.row_tables().1, config.source.patient_column()) {
        (Some(_), None) => {
            "join by a column of the stays' ids; `subject` in source.stays names the patients of stays"
        }
        _ => "join by a column of the stays' ids",
    }
}

/// The setting that names the column, and the column.
fn key_of<'a>(subject: &'a Option<String>, id: &'a Option<String>) -> (&'static str, &'a str) {
    match (subject, id) {
        (Some(subject), _) => (SUBJECT, subject),
        (None, id) => ("id", id.as_deref().unwrap_or("stay_id")),
    }
}
