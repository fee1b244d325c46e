//! Labels from small tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::rules::ReadRules;
use super::stay_table::StayTable;
use crate::config::{Ids, LabelTable, StayPolicy};
use crate::decimal_text::plain_whole;
use crate::delimiter::Delimiter;
use crate::ingest::Ingested;
use crate::missing::is_missing;
use crate::small_table::{Layout, SmallRow, SmallTable};
use crate::spellings::{SPELLING_HINT, twins};
use crate::stay_id::StayId;
use pipeline_error::{Code, Error};

/// The label of every stay that has one.
#[derive(Default)]
pub(super) struct Labels {
    labels: BTreeMap<StayId, Entry>,
    ids: Option<Ids>,
    /// Names of the tables' other columns: outcomes, all of them.
    columns: BTreeSet<String>,
}

struct Entry {
    /// `None` where the table says that there is none.
    label: Option<u32>,
    /// Where it is stated, for a complaint about a second statement.
    place: String,
}

impl Labels {
    /// Adds a table that a recipe describes.
    pub(super) fn read_table(
        &mut self,
        table: &LabelTable,
        rules: &ReadRules,
    ) -> Result<(), Error> {
        let path = table.path.as_ref();
        self.read(path, table.delimiter, &table.id, &table.column, rules)
    }

    /// Adds the table `path`: the stay ids in column `id`, whole numbers ≥ 0 in column `label`
    /// (`1.0` is 1), or true and false. Errors name file and line; a stay may come twice only with
    /// the same label.
    pub(super) fn read(
        &mut self,
        path: &Path,
        delimiter: Option<Delimiter>,
        id: &str,
        label: &str,
        rules: &ReadRules,
    ) -> Result<(), Error> {
        self.ids = rules.ids;
        let table = SmallTable::read_as(path, &Layout::separated_by(delimiter))?;
        let (id, column) = (table.column(id)?, table.column(label)?);
        let columns = table.header.iter().enumerate();
        let columns = columns.filter(|(at, _)| *at != id).map(|(_, name)| name);
        self.columns.extend(columns.cloned());
        for row in &table.rows {
            let stay = (table.id(row, id, rules.ids)?)
                .ok_or_else(|| table.error(row.line, "the stay id is blank"))?;
            let label = label_of(&table, row, column, &stay, rules)?;
            let place = table.place(row.line);
            match self.labels.get(&stay) {
                Some(other) if other.label != label => {
                    let shown = |label: Option<u32>| {
                        label.map_or("no label".into(), |label| format!("label {label}"))
                    };
                    let other = format!("{} at {}", shown(other.label), other.place);
                    let other = other.trim_start_matches("label ");
                    let what = format!("stay {stay} has {}, but {other}", shown(label));
                    return Err(table.error(row.line, what));
                }
                Some(_) => {}
                None => {
                    self.labels.insert(stay, Entry { label, place });
                }
            }
        }
        Ok(())
    }

    /// The columns of the tables but for that of ids.
    pub(super) fn columns(&self) -> &BTreeSet<String> {
        &self.columns
    }

    /// Gives every stay its label. Ids that are spelled in two ways are an error.
    pub(super) fn label(&self, stays: &mut StayTable, ingested: &Ingested) -> Result<(), Error> {
        let mut used = 0;
        for stay in &mut stays.rows {
            let entry = self.labels.get(&stay.id);
            stay.label = entry.and_then(|entry| entry.label);
            used += u64::from(entry.is_some());
        }
        if used < stays.rows.len() as u64 || used < self.labels.len() as u64 {
            self.refuse_second_spellings(stays, ingested)?;
        }
        stays.unused_labels = self.labels.len() as u64 - used;
        if stays.unused_labels > 0 {
            let ids: BTreeSet<&StayId> = stays.rows.iter().map(|stay| &stay.id).collect();
            let first = self.labels.keys().find(|id| !ids.contains(id));
            let first = first.map_or(String::new(), |id| format!(": for example `{id}`"));
            stays.notes.push(format!(
                "{} of {} labels belong to no stay that was read, and are left out{first}",
                stays.unused_labels,
                self.labels.len()
            ));
        }
        stays.outcomes.extend(self.columns.iter().cloned());
        Ok(())
    }

    fn refuse_second_spellings(&self, stays: &StayTable, ingested: &Ingested) -> Result<(), Error> {
        let of_stays = stays.rows.iter();
        let of_stays = of_stays.map(|stay| ((&stay.id).into(), (&stay.id, Some(stay.series))));
        let of_labels = self.labels.keys().map(|id| (id.into(), (id, None)));
        let Some(found) = twins(self.ids, of_stays.chain(of_labels)) else {
            return Ok(());
        };
        let place = |(id, series): (&StayId, Option<usize>)| match series {
            Some(series) => ingested
                .origin(&ingested.series[series])
                .display()
                .to_string(),
            None => (self.labels.get(id)).map_or(String::new(), |entry| entry.place.clone()),
        };
        let [first, second] = found.shown();
        Err(Error::stage(format!(
            "stay id {first} ({}) is also spelled {second} ({})",
            place(found.first.1),
            place(found.second.1)
        ))
        .with_hint(SPELLING_HINT))
    }
}

/// The label in a row; `None` where it says that there is none, and the recipe that such stays are
/// left out.
fn label_of(
    table: &SmallTable,
    row: &SmallRow,
    column: usize,
    stay: &StayId,
    rules: &ReadRules,
) -> Result<Option<u32>, Error> {
    let text = &row.fields[column];
    let class = class(text);
    // `missing = ["0"]` is usual of grids, and means no label.
    let is_listed = rules.lists_value(text) && !matches!(class, Some(0 | 1));
    if let Some(class) = class.filter(|_| !is_listed) {
        return Ok(Some(class));
    }
    let says_none = is_missing(text) || is_listed;
    if says_none && rules.without_label == StayPolicy::Drop {
        return Ok(None);
    }
    let what = match is_listed {
        true => "is among source.missing, so that it says nothing",
        false => "is not a whole number ≥ 0, true or false",
    };
    let what = format!("label `{text}` of stay {stay} {what}");
    let hint = match says_none {
        true => "without_label = \"drop\" leaves out stays without a label and counts them",
        false => {
            "classes are written as whole numbers from 0, or as true and false; `no` and `yes` become 0 and 1 before they are read"
        }
    };
    let error = table.error(row.line, what).with_hint(hint);
    Err(match says_none {
        true => error.coded(Code::MissingLabel),
        false => error,
    })
}

/// The class that a text tells: a whole number, or true (1) and false (0).
pub(crate) fn class(text: &str) -> Option<u32> {
    match plain_whole(text) {
        Some(whole) => whole.parse().ok(),
        None if text.eq_ignore_ascii_case("true") => Some(1),
        None if text.eq_ignore_ascii_case("false") => Some(0),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::rules::Settings;

    fn read(text: &str) -> Result<Labels, Error> {
        read_with(text, StayPolicy::Error)
    }

    fn read_with(text: &str, without_label: StayPolicy) -> Result<Labels, Error> {
        read_by(text, &rules(without_label))
    }

    fn rules(without_label: StayPolicy) -> ReadRules {
        ReadRules {
            ids: None,
            missing: vec!["?".into()],
            without_label,
            known: None,
            settings: Settings {
                of_tables: true,
                categorical: true,
            },
        }
    }

    fn read_by(text: &str, rules: &ReadRules) -> Result<Labels, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, text).unwrap();
        let mut labels = Labels::default();
        labels.read(&path, None, "id", "y", rules)?;
        Ok(labels)
    }

    #[test]
    fn a_label_that_is_no_class_is_named_with_its_line() {
        for bad in ["-1", "0.5", "", "yes", "nan", "1e3", "99999999999"] {
            let error = read(&format!("id,y\n1,0\n2,{bad}\n")).err().unwrap();
            let text = error.to_string();
            assert!(
                text.contains("labels.csv: line 3: label") && text.contains("stay 2"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_stay_may_be_labelled_twice_only_alike() {
        let labels = read("id,y\n7.0,1\n7,1.0\n").ok().unwrap();
        assert_eq!(labels.labels[&StayId::Number(7)].label, Some(1));
        let text = read("id,y\n7.0,1\n7,0\n").err().unwrap().to_string();
        assert!(
            text.contains("line 3: stay 7 has label 0, but 1 at"),
            "{text}"
        );
    }

    #[test]
    fn true_and_false_are_labels_and_what_says_nothing_is_none_where_such_stays_are_left_out() {
        let text = "id,y\n1,True\n2,false\n3,\n4,NaN\n5,?\n6,TRUE\n";
        let labels = read_with(text, StayPolicy::Drop).ok().unwrap();
        let found: Vec<Option<u32>> = labels.labels.values().map(|entry| entry.label).collect();
        assert_eq!(found, [Some(1), Some(0), None, None, None, Some(1)]);
        let text = read(text).err().unwrap();
        assert!(
            text.to_string().contains("line 4: label `` of stay 3"),
            "{text}"
        );
        let text = read_with("id,y\n7,\n7,0\n", StayPolicy::Drop)
            .err()
            .unwrap()
            .to_string();
        assert!(
            text.contains("stay 7 has label 0, but no label at"),
            "{text}"
        );
    }

    #[test]
    fn a_class_that_the_recipe_lists_for_a_missing_value_is_none() {
        let read = |missing: &str, without_label| {
            let mut rules = rules(without_label);
            rules.missing = vec![missing.into()];
            read_by("id,y\n1,0\n2,9\n3,9.0\n", &rules)
        };
        let labels = read("9", StayPolicy::Drop).ok().unwrap();
        let found: Vec<Option<u32>> = labels.labels.values().map(|entry| entry.label).collect();
        assert_eq!(found, [Some(0), None, None]);
        let text = read("9", StayPolicy::Error).err().unwrap().to_string();
        let told = "line 3: label `9` of stay 2 is among source.missing";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn the_classes_0_and_1_are_labels_whatever_a_recipe_lists() {
        for missing in ["0", "0.0", "1"] {
            let mut rules = rules(StayPolicy::Drop);
            rules.missing = vec![missing.into()];
            let labels = read_by("id,y\n1,0\n2,1\n3,0.0\n", &rules).ok().unwrap();
            let found: Vec<Option<u32>> = labels.labels.values().map(|entry| entry.label).collect();
            assert_eq!(found, [Some(0), Some(1), Some(0)], "{missing}");
        }
    }
}
