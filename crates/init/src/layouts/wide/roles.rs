//! What the columns of a wide table hold.

use std::collections::{BTreeMap, BTreeSet};

use super::{Columns, columns_of};
use crate::layouts::Looking;
use crate::layouts::cohort::{self, mixed};
use crate::names::{KNOWN_AT_ADMISSION, OUTCOME, PATIENT, STAY, plain, rank};
use crate::table::{Look, Table};

/// Texts of a column with more of them are prose.
const MOST_CATEGORIES: usize = 50;

/// What the columns that are no id and no time hold.
#[derive(Default)]
pub struct Roles {
    pub ignored: Vec<String>,
    /// Columns that tell of the end of a stay, or that the label's table has too.
    pub leaks: Vec<String>,
    pub statics: Vec<String>,
    pub categorical: Vec<String>,
    /// Columns of 0 and 1 that are called like outcomes.
    pub outcomes: Vec<usize>,
    /// How many variables each column makes, categories included.
    pub variables: BTreeMap<String, usize>,
}

impl Roles {
    pub fn of(table: &Table, columns: &Columns, beside: Option<&Table>, looking: Looking) -> Self {
        let mut roles = Self::default();
        let is_beside = |name: &str| {
            let mut beside = beside.iter().flat_map(|beside| &beside.columns);
            beside.any(|column| plain(column) == plain(name))
        };
        for (at, name) in table.columns.iter().enumerate() {
            if Some(at) == columns.id || at == columns.time {
                continue;
            }
            let is_asked = looking.label.is_some_and(|label| label == name);
            let is_outcome = table.is_binary(at) && (is_asked || rank(name, &OUTCOME).is_some());
            let is_id = rank(name, &STAY).is_some() || rank(name, &PATIENT).is_some();
            if is_outcome {
                roles.outcomes.push(at);
                continue;
            }
            if is_id || table.is_row_number(at) || mixed::with_commas(table, at).is_some() {
                roles.ignored.push(name.clone());
                continue;
            }
            let is_known = rank(name, &KNOWN_AT_ADMISSION).is_some();
            if cohort::outcomes::is_outcome(name) || (is_beside(name) && !is_known) {
                roles.leaks.push(name.clone());
                continue;
            }
            match table.look(at) {
                Look::Text if mixed::texts_among_numbers(table, at).is_some() => {}
                Look::Number | Look::Empty => {}
                Look::Text if is_category(table, at) => roles.categorical.push(name.clone()),
                _ => {
                    roles.ignored.push(name.clone());
                    continue;
                }
            }
            let count = cohort::variables_of(table, at);
            roles.variables.insert(name.clone(), count);
            if is_known && table.is_constant_by(columns.id, at) {
                roles.statics.push(name.clone());
            }
        }
        roles
    }

    /// Adds the variables of a table like the first. False if it has other columns that are no variables: a recipe names
    /// such for all tables.
    pub fn take(
        &mut self,
        first: &Table,
        table: &Table,
        beside: Option<&Table>,
        looking: Looking,
    ) -> bool {
        if table.columns == first.columns {
            return true;
        }
        let Some(columns) = columns_of(table) else {
            return false;
        };
        let own = Self::of(table, &columns, beside, looking);
        if own.named(table) != self.named(first) {
            return false;
        }
        for (name, count) in own.variables {
            let most = self.variables.entry(name).or_default();
            *most = count.max(*most);
        }
        let mut new = own.categorical;
        new.retain(|name| !self.categorical.contains(name));
        self.categorical.extend(new);
        true
    }

    /// Columns that a recipe names; one without a name is left out of any table.
    fn named<'a>(&'a self, table: &'a Table) -> BTreeSet<&'a String> {
        let lists = [&self.ignored, &self.leaks, &self.statics];
        let outcomes = self.outcomes.iter().map(|at| &table.columns[*at]);
        let named = lists.into_iter().flatten().chain(outcomes);
        named.filter(|name| !name.is_empty()).collect()
    }
}

fn is_category(table: &Table, column: usize) -> bool {
    let texts: BTreeSet<&str> = table.cells(column).collect();
    let is_short = |text: &&str| text.len() <= 40;
    texts.len() <= MOST_CATEGORIES
        && texts.iter().all(is_short)
        && 2 * texts.len() <= table.cells(column).count()
}
