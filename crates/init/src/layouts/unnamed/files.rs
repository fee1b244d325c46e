//! Whether each of several files of one layout holds a variable of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::layouts::wide::Columns;
use crate::names::{SPLIT, rank, split_of_folder};
use crate::table::{Table, is_missing};
use pipeline_data::shard_names::beside_shard;

/// Keys of folders that tell when, and so name no variable.
const PERIODS: [&str; 4] = ["year", "month", "day", "date"];

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
    pub fn of(alike: &[&Table], columns: &Columns) -> Self {
        let Some(id) = columns.id else {
            return Files::Parts;
        };
        let names = alike.iter().flat_map(|table| &table.files);
        let names: BTreeSet<Name> = names.map(|file| name_of(file)).collect();
        if names.len() < 2 {
            return Files::Parts;
        }
        let stays = spans(alike, id, columns.time);
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

/// The first and the last time.
type Span = [Vec<f64>; 2];

/// A stay's spans, by the file: its table, and its place there.
type Spans = BTreeMap<(usize, usize), Span>;

/// The spans of each stay's rows.
fn spans<'a>(alike: &[&'a Table], id: usize, time: usize) -> BTreeMap<&'a str, Spans> {
    let mut stays: BTreeMap<&str, Spans> = BTreeMap::new();
    for (at, table) in alike.iter().enumerate() {
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
