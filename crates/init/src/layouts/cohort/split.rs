//! Splits that the data state, and those that a recipe cannot take from them.

use std::collections::{BTreeMap, BTreeSet};

use super::id_of;
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::names::{PATIENT, SPLIT, STAY, plain, rank, split_of_folder};
use crate::table::{Table, is_number};
use crate::text::below_root;
use pipeline_error::listed::first_of;

/// Shares of train, validation and test.
const SHARES: &str = "[0.7, 0.1, 0.2]";

/// Columns that tell stays or patients apart.
pub(super) const IDS: [&[&str]; 2] = [&STAY, &PATIENT];

/// A file that says which stay, or which patient, is in which split, or a list of each; else they are drawn.
pub fn split_file_or_draw(folder: &Folder, id: Option<&str>, draft: &mut Draft) {
    let is_split_file = |table: &&Table| {
        let first = table.columns.first();
        let names_stays = first.is_some_and(|name| is_id(name, id, &IDS));
        names_stays
            && table.files.len() == 1
            && table.columns.len() == 2
            && table.tells_splits(1)
            && table.delimiter.is_none()
    };
    if let Some(table) = folder.tables.iter().find(is_split_file) {
        let path = below_root(table.place());
        return draft.state(Place::Events, "split", format!("{{ file = {path} }}"));
    }
    if let Some(lists) = lists(folder) {
        return draft.state(Place::Events, "split", lists);
    }
    match unused(folder, id) {
        Some(unused) => {
            let why = format!("shares of train, validation and test; {unused}");
            draw(draft, why);
        }
        None => draw_splits(draft),
    }
}

/// Splits that are drawn.
pub fn draw_splits(draft: &mut Draft) {
    let why = "shares of train, validation and test; no table says which stay is in which";
    draw(draft, why.into());
}

fn draw(draft: &mut Draft, why: String) {
    let value = format!("{{ ratio = {SHARES} }}");
    draft.guess(Place::Events, "split", value, why);
}

/// Whether a table has the ids of the events, or a column that is called as one of the lists.
pub(super) fn has_id(table: &Table, id: Option<&str>, lists: &[&[&str]]) -> bool {
    let mut names = table.columns.iter().chain(&table.range_index);
    names.any(|name| is_id(name, id, lists))
}

fn is_id(name: &str, id: Option<&str>, lists: &[&[&str]]) -> bool {
    id.is_some_and(|id| plain(id) == plain(name))
        || lists.iter().any(|list| rank(name, list).is_some())
}

/// `{ lists = … }` of three files of one id a line. Their first line is an id too: with a header they are none.
fn lists(folder: &Folder) -> Option<String> {
    let mut found: BTreeMap<usize, &str> = BTreeMap::new();
    let single = folder.tables.iter().filter(|table| {
        table.columns.len() == 1 && table.ending != "parquet" && is_number(&table.columns[0])
    });
    for file in single.flat_map(|table| &table.files) {
        // Two files of one split leave open which is meant.
        if found.insert(split_of_file(file)?, file).is_some() {
            return None;
        }
    }
    let [train, validation, test] = [0, 1, 2].map(|split| found.get(&split));
    Some(format!(
        "{{ lists = {{ train = {}, validation = {}, test = {} }} }}",
        below_root(train?),
        below_root(validation?),
        below_root(test?)
    ))
}

/// Which split a file is of, by a part of its name.
fn split_of_file(path: &str) -> Option<usize> {
    let name = path.rsplit('/').next()?;
    let mut parts = name.split(|letter: char| !letter.is_alphanumeric());
    parts.find_map(split_of_folder)
}

/// What seems to say which stay is in which split, and why it is not used.
fn unused(folder: &Folder, id: Option<&str>) -> Option<String> {
    let with_ids = || folder.tables.iter().filter(|table| has_id(table, id, &IDS));
    for table in with_ids() {
        if let Some(at) = table
            .called(&SPLIT)
            .into_iter()
            .find(|at| table.tells_splits(*at))
        {
            return Some(format!(
                "`{}` of {} says which stay is in which and is not used: `split = {{ file = … }}` reads a table with \
                 commas and two columns, the id and the split",
                table.columns[at], table.files[0]
            ));
        }
    }
    for table in with_ids().filter(|table| id_of(table, id).is_some()) {
        if let Some(at) = table.called(&SPLIT).first() {
            return Some(format!(
                "`{}` of {} may say which stay is in which and is not used: its values are not train, validation and \
                 test",
                table.columns[*at], table.files[0]
            ));
        }
    }
    let mut files: Vec<&str> = Vec::new();
    let mut splits = BTreeSet::new();
    for file in folder.tables.iter().flat_map(|table| &table.files) {
        let of_folder = file.split('/').rev().skip(1).find_map(split_of_folder);
        if let Some(split) = of_folder.or_else(|| split_of_file(file)) {
            splits.insert(split);
            files.push(file);
        }
    }
    (splits.len() > 1).then(|| {
        format!(
            "the names of {} say which stay is in which and are not used: `split = {{ file = … }}` reads a table of ids \
             and splits, `lists` files of one id a line without a header",
            first_of(&files, 4)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::recipe;

    const NONE: &str = "no table says which stay is in which";

    #[test]
    fn splits_by_folders_are_named_with_the_labels_that_are_left_out() {
        let events = "stay_id,hour,variable,value\n1,0,HR,70\n1,1,HR,71\n";
        let text = recipe(&[
            ("train/events.csv", events),
            ("train/labels.csv", "stay_id,label\n1,0\n2,1\n3,1\n"),
            ("test/events.csv", events),
            ("test/labels.csv", "stay_id,label\n4,0\n5,1\n"),
        ]);
        assert!(text.contains("train/labels.csv\", id"), "{text}");
        assert!(
            text.contains("test/labels.csv has this column too"),
            "{text}"
        );
        assert!(
            text.contains("say which stay is in which and are not used"),
            "{text}"
        );
        assert!(!text.contains(NONE), "{text}");
    }

    #[test]
    fn lists_of_ids_are_taken_and_lists_with_a_header_are_named() {
        let names = ["splits/train.csv", "splits/val.csv", "splits/test.csv"];
        let text = recipe(&[
            (names[0], "1\n2\n"),
            (names[1], "3\n"),
            (names[2], "4\n5\n"),
        ]);
        assert!(text.contains("split = { lists = { train = "), "{text}");
        let header = "stay_id\n1\n";
        let text = recipe(&[(names[0], header), (names[1], header), (names[2], header)]);
        assert!(
            text.contains("splits/train.csv") && !text.contains(NONE),
            "{text}"
        );
        assert!(text.contains("ratio = "), "{text}");
    }

    #[test]
    fn a_split_that_cannot_be_taken_is_named() {
        let stays =
            "stay_id,intime,fold,died\n1,2150-01-01 00:00:00,0,0\n2,2150-01-01 00:00:00,1,1\n";
        let text = recipe(&[("stays.csv", stays)]);
        assert!(text.contains("`fold` of stays.csv may say"), "{text}");
        let two = "stay_id,subject_id,split\n1,1,train\n2,2,test\n";
        let both = recipe(&[
            ("splits.csv", &two.replace(',', ";")),
            ("stays.csv", "stay_id,subject_id,died\n1,1,0\n2,2,1\n"),
        ]);
        assert!(both.contains("split = { column = \"split\" }"), "{both}");
    }
}
