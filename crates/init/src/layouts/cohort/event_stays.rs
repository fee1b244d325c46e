//! The stays of the events, by their ids.

use std::collections::{BTreeMap, BTreeSet};

use super::join::Join;
use crate::folder::Folder;
use crate::names::plain;
use crate::table::Table;

/// Whole numbers below are exact in 64 bits of floating point.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The stays of the tables of events.
pub struct EventStays<'a> {
    pub folder: &'a Folder,
    /// The column of the ids. None: a file is a stay, and its name the id.
    pub id: Option<&'a str>,
    events: &'a [&'a Table],
    /// Spellings of the ids that were seen, by their values.
    ids: BTreeMap<String, BTreeSet<String>>,
    /// Whether all ids were seen.
    is_whole: bool,
}

impl<'a> EventStays<'a> {
    pub fn of(folder: &'a Folder, events: &'a [&'a Table], id: Option<&'a str>) -> Self {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut see = |text: &str| {
            let spellings = ids.entry(value_of(text)).or_default();
            spellings.insert(spelling_of(text).to_string());
        };
        for table in events {
            match id {
                Some(id) => {
                    let column = table.position(id).into_iter();
                    column.for_each(|at| table.cells(at).for_each(&mut see));
                }
                None => table.stems().for_each(&mut see),
            }
        }
        Self {
            is_whole: id.is_none() || events.iter().all(|table| table.is_whole),
            folder,
            id,
            events,
            ids,
        }
    }

    pub fn is_of_events(&self, table: &Table) -> bool {
        self.events.iter().any(|one| std::ptr::eq(*one, table))
    }

    /// Whether a table beside the events has one row a stay.
    pub fn have_rows_in(&self, table: &Table) -> bool {
        matches!(Join::of(table, self), Join::On { .. })
    }

    /// How many stays were seen.
    pub fn count(&self) -> usize {
        self.ids.len()
    }

    /// How many of the stays have their ids in a column.
    pub fn found_in(&self, table: &Table, column: usize) -> usize {
        let values: BTreeSet<String> = table.cells(column).map(value_of).collect();
        let is_there = |id: &&String| values.contains(*id);
        self.ids.keys().filter(is_there).count()
    }

    /// Whether all ids were seen, and all rows of a table beside the events.
    pub fn all_seen_with(&self, table: &Table) -> bool {
        self.is_whole && table.is_whole
    }

    /// An id of the events and one of a column that has none of theirs.
    pub fn strangers<'t>(&self, table: &'t Table, column: usize) -> Option<(&str, &'t str)> {
        if !self.all_seen_with(table) || self.found_in(table, column) > 0 {
            return None;
        }
        let own = self.ids.values().next()?.first()?;
        Some((own, table.cells(column).next()?))
    }

    /// The ending of an id that is one of the events' without it, as of a name of a file.
    pub fn ending_of<'t>(&self, id: &'t str) -> Option<&'t str> {
        let id = id.trim();
        let mut endings = id.match_indices('.').map(|(at, _)| id.split_at(at));
        let is_own = |(own, ending): &(&str, &str)| {
            ending[1..].starts_with(char::is_alphabetic) && self.ids.contains_key(&value_of(own))
        };
        endings.find(is_own).map(|(_, ending)| ending)
    }

    /// Whether a table of the folder, or of the events, has the stays' ids beside a column of this name: its ids are then
    /// those of something else, such as the patients.
    pub fn stand_beside(&self, column: &str) -> bool {
        let Some(id) = self.id.filter(|id| plain(id) != plain(column)) else {
            return false;
        };
        let has = |table: &Table, name: &str| {
            let mut names = table.columns.iter();
            names.any(|one| plain(one) == plain(name))
        };
        let mut tables = self.folder.tables.iter();
        tables.any(|table| has(table, id) && has(table, column))
    }

    /// Two spellings of one number among the events' ids and those of a column.
    pub fn spelled_twice(&self, table: &Table, column: usize) -> Option<(String, String)> {
        table.cells(column).find_map(|text| {
            let here = spelling_of(text);
            let others = self.ids.get(&value_of(text))?;
            let other = others.iter().find(|other| *other != here)?;
            Some((other.clone(), here.to_string()))
        })
    }
}

/// An id by its value, whatever its spelling.
fn value_of(text: &str) -> String {
    match text.trim().parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < EXACT => number.to_string(),
        _ => text.trim().into(),
    }
}

/// An id as readers of data compare it: without a fraction of zeros.
fn spelling_of(text: &str) -> &str {
    let text = text.trim();
    match text.split_once('.') {
        Some((whole, zeros)) if !whole.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            whole
        }
        _ => text,
    }
}
