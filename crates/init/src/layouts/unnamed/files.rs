//! Whether each of several files of one layout holds a variable of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::layouts::wide::Columns;
use crate::names::{SPLIT, rank, split_of_folder};
use crate::table::{Table, is_missing};
use pipeline_data::shard_names::{beside_date, beside_shard};

/// Keys of folders that tell when, and so name no variable.
const PERIODS: [&str; 7] = ["year", "quarter", "q", "month", "week", "day", "date"];

/// Years, those of shifted dates too.
const YEARS: std::ops::Range<u64> = 1900..2300;

/// What files of one layout are to each other.
#[derive(PartialEq, Eq)]
pub enum Files {
    /// Parts of one table.
    Parts,
    /// Variables: stays have rows of the same times in several files, and the files' names differ.
    Variables,
    Unclear,
}

impl Files {
    /// Of tables that call their stays and times as one of them does, which has these columns.
    pub fn of(alike: &[&Table], table: &Table, columns: &Columns) -> Self {
        let Some(id) = columns.id else {
            return Files::Parts;
        };
        let (id, time) = (&table.columns[id], &table.columns[columns.time]);
        let names = alike.iter().flat_map(|table| &table.files);
        let names: BTreeSet<Name> = names.map(|file| name_of(file)).collect();
        if names.len() < 2 {
            return Files::Parts;
        }
        let stays = spans(alike, id, time);
        let in_several: Vec<_> = stays.values().filter(|spans| spans.len() > 1).collect();
        let meet = in_several.iter().filter(|spans| do_meet(spans)).count();
        let is_whole = alike.iter().all(|table| table.is_whole);
        match (10 * meet > in_several.len(), are_counted(&names)) {
            (true, false) => Files::Variables,
            (true, true) => Files::Unclear,
            // Stays of the other file may be among the rows that were not looked at.
            (false, false) if in_several.is_empty() && !is_whole && !are_of_a_stay(&stays) => {
                Files::Unclear
            }
            // Of variables that a stay has once, each at its own hour, no rows meet either.
            (false, false) if 10 * in_several.len() > stays.len() && !are_periods(&names) => {
                Files::Unclear
            }
            (false, _) => Files::Parts,
        }
    }
}

/// Words and numbers.
type Name = (String, Vec<u64>);

/// What the names of a file and its folders tell beside shards, splits and periods.
fn name_of(file: &str) -> Name {
    let (folders, name) = file.rsplit_once('/').unwrap_or(("", file));
    let stem = name.split('.').next();
    let (mut words, mut numbers) = (Vec::new(), Vec::new());
    for part in folders.split('/').chain(stem) {
        let part = match part.split_once('=') {
            Some((key, _)) if rank(key, &PERIODS).or(rank(key, &SPLIT)).is_some() => continue,
            Some((_, value)) => value,
            None => part,
        };
        let beside = beside_shard(part);
        let said = beside
            .split(' ')
            .filter(|word| split_of_folder(word).is_none());
        words.extend(said.filter(|word| !word.is_empty()).map(String::from));
        // The number of a shard says nothing.
        if !beside.is_empty() || part.bytes().all(|byte| byte.is_ascii_digit()) {
            let parts = part.split(|letter: char| !letter.is_alphanumeric());
            numbers.extend(parts.filter_map(|part| part.parse::<u64>().ok()));
        }
    }
    (words.join(" "), numbers)
}

/// Whether names differ only by numbers that count from 0 or 1, as those of parts do.
fn are_counted(names: &BTreeSet<Name>) -> bool {
    let words: BTreeSet<&str> = names.iter().map(|name| name.0.as_str()).collect();
    let from = |begin: u64| {
        let mut numbered = (begin..).zip(names);
        numbered.all(|(number, name)| name.1.first() == Some(&number))
    };
    words.len() == 1 && (from(0) || from(1))
}

/// Whether names differ only by years, months and the like.
fn are_periods(names: &BTreeSet<Name>) -> bool {
    let is_dated = |(words, numbers): &Name| {
        let mut words = words.split_whitespace().map(beside_date);
        numbers.iter().any(|number| YEARS.contains(number))
            || words.any(|word| word.is_empty() || rank(&word, &PERIODS).is_some())
    };
    let said: BTreeSet<String> = names.iter().map(|name| beside_date(&name.0)).collect();
    said.len() == 1 && names.iter().all(is_dated)
}

/// The first and the last time.
type Span = [Vec<f64>; 2];

/// A stay's spans, by the file: its table, and its place there.
type Spans = BTreeMap<(usize, usize), Span>;

/// The spans of each stay's rows.
fn spans<'a>(alike: &[&'a Table], id: &str, time: &str) -> BTreeMap<&'a str, Spans> {
    let mut stays: BTreeMap<&str, Spans> = BTreeMap::new();
    for (at, table) in alike.iter().enumerate() {
        let (Some(id), Some(time)) = (table.position(id), table.position(time)) else {
            continue;
        };
        let rows = table.rows.iter().enumerate();
        for (row, cells) in rows.filter(|(_, cells)| !is_missing(&cells[time])) {
            let now = order_of(&cells[time]);
            let spans = stays.entry(&cells[id]).or_default();
            let [first, last] = spans
                .entry((at, table.file_of(row)))
                .or_insert_with(|| [now.clone(), now.clone()]);
            if now < *first {
                *first = now;
            } else if now > *last {
                *last = now;
            }
        }
    }
    stays
}

/// Numbers by which the times of a column are ordered: one, or those of its year, month, day and hour.
fn order_of(time: &str) -> Vec<f64> {
    if let Ok(number) = time.parse() {
        return vec![number];
    }
    let parts = time.split(|letter: char| !letter.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

/// Whether two of a stay's spans have more than their ends in common.
fn do_meet(spans: &Spans) -> bool {
    let mut spans: Vec<&Span> = spans.values().collect();
    spans.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
    let mut pairs = spans.windows(2);
    pairs.any(|pair| pair[0][0] == pair[1][0] || pair[1][0] < pair[0][1])
}

/// Whether each file holds one stay.
fn are_of_a_stay(stays: &BTreeMap<&str, Spans>) -> bool {
    let files: Vec<_> = stays.values().flat_map(BTreeMap::keys).collect();
    files.iter().collect::<BTreeSet<_>>().len() == files.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layouts::unnamed::tests::{drafted, looked, notes_on};

    #[test]
    fn names_of_files_and_folders_are_no_variables() {
        let row = |at: u32| format!("{at}.5");
        for files in [
            ["HR.csv", "Temp.csv"],
            ["item=HR/part-0.csv", "item=Temp/part-0.csv"],
            ["item=200/part-0.csv", "item=400/part-0.csv"],
            ["220045.csv", "220179.csv"],
            ["item_220045.csv", "item_220179.csv"],
            ["220045/part-0.csv", "220179/part-0.csv"],
            ["HR/part-0.csv", "Temp/part-0.csv"],
            ["V1.csv", "V2.csv"],
        ] {
            let error = looked(&files, "value", row).unwrap_err();
            let what = "the names of files and folders are not read as variables";
            assert!(error.to_string().contains(what), "{error}");
            assert!(error.hint().unwrap().contains("a column `variable`"));
        }
        for files in [
            ["part-0.csv", "part-1.csv"],
            ["year=2150/a.csv", "year=2151/a.csv"],
            ["train.csv", "test.csv"],
            ["split=train/a.csv", "split=test/a.csv"],
            ["fold=0/a.csv", "fold=1/a.csv"],
        ] {
            assert_eq!(looked(&files, "value", row).unwrap(), "wide", "{files:?}");
        }
    }

    #[test]
    fn files_of_other_stays_or_times_are_parts_of_one_variable() {
        for files in [
            [("siteA.csv", 1, 0), ("siteB.csv", 2, 0)],
            [("71.csv", 1, 0), ("81.csv", 2, 0)],
            [("jan.csv", 1, 0), ("feb.csv", 1, 3)],
            [("part-0.csv", 1, 0), ("part-1.csv", 1, 2)],
        ] {
            assert_eq!(notes_on(&files), "", "{files:?}");
        }
        let notes = notes_on(&[("0.csv", 1, 0), ("1.csv", 1, 2)]);
        let note = "`value` of all 2 files is read as one variable; if each file is a variable";
        assert!(notes.contains(note), "{notes}");
    }

    #[test]
    fn a_stay_in_several_files_at_other_times_is_unclear_unless_they_are_periods() {
        let note = "`value` of all 2 files is read as one variable";
        for (one, other, is_noted) in [
            ("trop.csv", "crp.csv", true),
            ("il6.csv", "il8.csv", true),
            ("220045.csv", "220179.csv", true),
            ("jan.csv", "feb.csv", false),
            ("ev_2150-01.csv", "ev_2150-02.csv", false),
            ("2150Q1.csv", "2150Q2.csv", false),
            ("week1.csv", "week2.csv", false),
        ] {
            let notes = notes_on(&[(one, 1, 0), (other, 1, 8)]);
            assert_eq!(notes.contains(note), is_noted, "{one}: {notes}");
        }
    }

    #[test]
    fn files_of_variables_are_told_beside_columns_of_their_own() {
        let rows = |header: &str, row: &dyn Fn(u32) -> String| {
            let rows = (0..24).map(row).collect::<Vec<String>>();
            format!("{header}\n{}\n", rows.join("\n"))
        };
        let bare = rows("stay_id,hour,value", &|at| {
            format!("{},{},{at}.5", at / 12, at % 12)
        });
        let turned = rows("hour,stay_id,value", &|at| {
            format!("{},{},{at}.5", at % 12, at / 12)
        });
        let constant = rows("stay_id,hour,value,quality", &|at| {
            format!("{},{},{at}.5,3", at / 12, at % 12)
        });
        let measured = rows("stay_id,hour,value,quality", &|at| {
            format!("{},{},{at}.5,{}.5", at / 12, at % 12, at * 7 % 13)
        });
        for other in [&turned, &constant, &measured] {
            for names in [["HR.csv", "BP.csv"], ["BP.csv", "HR.csv"]] {
                let files = [(names[0], bare.as_str()), (names[1], other)];
                let error = drafted(&files).unwrap_err().to_string();
                let told = "the names of files and folders are not read as variables";
                assert!(error.contains(told), "{error}");
            }
        }
        let grid = rows("stay_id,hour,value,HR,SBP", &|at| {
            let (stay, hour) = (at / 12, at % 12);
            format!("{stay},{hour},{at}.5,{}.5,{}.5", 60 + at, 110 + at)
        });
        let draft = drafted(&[("cgm.csv", &bare), ("grid.csv", &grid)]).unwrap();
        assert!(draft.notes.is_empty(), "{:?}", draft.notes);
    }

    #[test]
    fn files_of_one_column_of_another_name_are_noted() {
        for column in ["reading", "mean", "amount"] {
            let mut text = format!("stay_id,hour,{column}\n");
            for at in 0..24 {
                text += &format!("{},{},{at}.5\n", at / 12, at % 12);
            }
            let draft = drafted(&[("HR.csv", &text), ("BP.csv", &text)]).unwrap();
            let note = format!("`{column}` of all 2 files is read as one variable");
            assert!(draft.notes.join("\n").contains(&note), "{:?}", draft.notes);
            let parts = drafted(&[("part-0.csv", &text), ("part-1.csv", &text)]).unwrap();
            assert!(parts.notes.is_empty(), "{:?}", parts.notes);
        }
    }

    #[test]
    fn names_tell_more_than_shards_splits_and_periods() {
        for (one, other, differ, counted) in [
            ("ev/part-0.csv", "ev/part-1.csv", false, false),
            ("ev/train.csv", "ev/testing.csv", false, false),
            ("year=2150/a.csv", "year=2151/a.csv", false, false),
            ("fold=0/a.csv", "split=train/a.csv", false, false),
            ("0.csv", "1.csv", true, true),
            ("ev_1.csv", "ev_2.csv", true, true),
            ("V1.csv", "V2.csv", true, false),
            ("220045.csv", "220179.csv", true, false),
            ("item_220045.csv", "item_220179.csv", true, false),
            ("220045/part-0.csv", "220179/part-0.csv", true, false),
            ("HR/part-0.csv", "BP/part-0.csv", true, false),
            ("HR_train.csv", "BP_train.csv", true, false),
        ] {
            let names = BTreeSet::from([name_of(one), name_of(other)]);
            assert_eq!(names.len() > 1, differ, "{names:?}");
            assert_eq!(differ && are_counted(&names), counted, "{names:?}");
        }
    }
}
