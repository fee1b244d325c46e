//! The values of a data stage's targets, from tables of their own.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, UInt32Array};

use super::config::{DataConfig, Ids, PredictionKey, StayPolicy, TargetTable, Task};
use super::missing::{MissingText, is_missing, lists_value, note_of_unfound};
use super::names::quoted;
use super::small_table::{Layout, SmallRow, SmallTable};
use super::source::{JoinClock, StayTable, class_of};
use super::spellings::{SPELLING_HINT, twins};
use super::stay_id::StayId;
use super::stay_join::{JoinedStay, StayJoin};
use super::target::Target;
use pipeline_error::Error;

/// Stays that a complaint names.
const NAMED: usize = 5;

/// What targets say of stays.
#[derive(Default)]
pub(super) struct TargetValues {
    targets: Vec<OneTarget>,
    /// Names that no variable may have: all columns of the tables but the keys.
    pub(super) outcomes: BTreeSet<String>,
    /// Rows of stays that are none of the data's.
    pub(super) unused: u64,
    /// What is worth reading.
    pub(super) notes: Vec<String>,
}

struct OneTarget {
    target: Target,
    /// By stay: what every column says; none where it has no value.
    of_stay: Vec<Option<Vec<Cell>>>,
}

/// What a column says of a stay.
#[derive(Clone, Copy)]
enum Cell {
    Number(f64),
    Class(u32),
}

impl Cell {
    fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Class(_) => None,
        }
    }

    fn class(self) -> Option<u32> {
        match self {
            Self::Number(_) => None,
            Self::Class(class) => Some(class),
        }
    }
}

impl TargetValues {
    /// Reads the tables of all targets and joins them with `stays`. A landmark has what the stay has that it is cut from.
    pub(super) fn read(config: &DataConfig, stays: &StayTable) -> Result<Self, Error> {
        let mut read = Self::default();
        let ids = config.source.ids();
        let joined: Vec<JoinedStay> = (stays.rows.iter())
            .map(|stay| JoinedStay {
                id: stay.landmark_of.as_ref().unwrap_or(&stay.id).clone(),
                subject: stay.subject.as_ref().unwrap_or(&stay.id).clone(),
                time: stay.prediction,
            })
            .collect();
        for (name, table) in &config.targets {
            let clock = JoinClock::of(&config.source, &stays.zones)?;
            read.add(name, table, (ids, clock), &joined)?;
        }
        Ok(read)
    }

    fn add(
        &mut self,
        name: &str,
        table: &TargetTable,
        (ids, clock): (Option<Ids>, JoinClock),
        stays: &[JoinedStay],
    ) -> Result<(), Error> {
        let path: &Path = table.path.as_ref();
        let rows = SmallTable::read_as(path, &Layout::separated_by(table.delimiter))?;
        let unfit =
            |(field, what): (&str, &str)| Error::stage(format!("targets.{name}.{field} {what}"));
        let key = table.key().map_err(unfit)?;
        let mut join = StayJoin::new(&rows, key, (ids, clock), stays)?;
        let missing = MissingText::all(&table.missing);
        let columns: Vec<usize> = (table.values(name).iter())
            .map(|column| rows.column(column))
            .collect::<Result<_, _>>()?;
        let mut said: HashMap<usize, (u64, Option<Vec<Cell>>)> = HashMap::new();
        let mut unused = Vec::new();
        for row in &rows.rows {
            let (title, stay) = join.stay_of(&rows, row)?;
            let Some(stay) = stay else {
                self.unused += 1;
                unused.extend(join.id_of(&rows, row));
                continue;
            };
            let cells = cells_of(&rows, row, &columns, (table, &missing), &title)?;
            if let Some((first, _)) = said.insert(stay, (row.line, cells)) {
                let what = format!("{title} again, as on {}", rows.place(first));
                return Err(rows
                    .error(row.line, what)
                    .with_hint("one row a stay is expected"));
            }
        }
        join.check_zones()?;
        let setting = format!("targets.{name}.missing");
        let note = note_of_unfound(&setting, &missing);
        self.notes.extend(note);
        let cells = |row: &usize| said.get(row).and_then(|(_, cells)| cells.clone());
        let of_stay: Vec<Option<Vec<Cell>>> = match key {
            // Landmarks share the id that they are joined by.
            PredictionKey::Stay(_) => {
                let ids = said.keys().map(|row| (&stays[*row].id, row));
                let rows: HashMap<&StayId, &usize> = ids.collect();
                let of = |stay: &JoinedStay| rows.get(&stay.id).and_then(|row| cells(row));
                stays.iter().map(of).collect()
            }
            PredictionKey::SubjectAndTime(..) => (0..stays.len()).map(|row| cells(&row)).collect(),
        };
        let without: Vec<&StayId> = (stays.iter().zip(&of_stay))
            .filter(|(_, cells)| cells.is_none())
            .map(|(stay, _)| &stay.id)
            .collect();
        if !without.is_empty() {
            refuse_second_spellings(ids, &without, &unused, path)?;
            self.tell_without(name, table, &without, stays.len(), path)?;
        }
        let header = rows.header.iter().enumerate();
        let outcomes = header.filter(|(at, _)| columns.contains(at));
        self.outcomes.extend(outcomes.map(|(_, name)| name.clone()));
        self.targets.push(OneTarget {
            target: Target::of_table(name, table),
            of_stay,
        });
        Ok(())
    }

    fn tell_without(
        &mut self,
        name: &str,
        table: &TargetTable,
        without: &[&StayId],
        stays: usize,
        path: &Path,
    ) -> Result<(), Error> {
        let names: Vec<String> = (without.iter().take(NAMED))
            .map(ToString::to_string)
            .collect();
        let which = format!(
            "{} of {stays} stays: {}{}",
            without.len(),
            quoted(names.iter()),
            if without.len() > NAMED { ", …" } else { "" }
        );
        if table.without_value == StayPolicy::Error || without.len() == stays {
            let hint = match without.len() == stays {
                true => {
                    "check that the ids (or patients and times) match those of the stays, and that times are written as in the source"
                }
                false => {
                    "without_value = \"drop\" leaves such stays out where the target is learned or scored"
                }
            };
            return Err(Error::file(path, format!("has no value of {which}")).with_hint(hint));
        }
        self.notes
            .push(format!("target `{name}` has no value of {which}"));
        Ok(())
    }

    /// The columns of the stays at these positions, by name.
    pub(super) fn columns(&self, kept: &[usize]) -> Vec<(String, ArrayRef)> {
        let mut columns = Vec::new();
        for one in &self.targets {
            for (at, name) in one.target.columns().into_iter().enumerate() {
                let cells =
                    (kept.iter()).map(|stay| one.of_stay[*stay].as_ref().map(|cells| cells[at]));
                let column: ArrayRef = match one.target.task {
                    Task::Regression => Arc::new(Float64Array::from_iter(
                        cells.map(|cell| cell.and_then(Cell::number)),
                    )),
                    Task::Classification | Task::MultiLabel => Arc::new(UInt32Array::from_iter(
                        cells.map(|cell| cell.and_then(Cell::class)),
                    )),
                };
                columns.push((name, column));
            }
        }
        columns
    }
}

/// What a row says of its stay in every column; none where it says of one that there is no value.
fn cells_of(
    rows: &SmallTable,
    row: &SmallRow,
    columns: &[usize],
    (table, missing): (&TargetTable, &[MissingText]),
    title: &str,
) -> Result<Option<Vec<Cell>>, Error> {
    let texts = columns.iter().map(|&column| &row.fields[column]);
    let listed: Vec<bool> = texts.map(|text| lists_value(missing, text)).collect();
    let mut cells = Vec::with_capacity(columns.len());
    for (&column, is_listed) in columns.iter().zip(listed) {
        let text = &row.fields[column];
        if is_listed || is_missing(text) {
            return match table.without_value {
                StayPolicy::Drop => Ok(None),
                StayPolicy::Error => {
                    let what = format!("{title}: {} `{text}` is no value", rows.header[column]);
                    Err(rows.error(row.line, what).with_hint(
                        "without_value = \"drop\" leaves such stays out where the target is learned or scored",
                    ))
                }
            };
        }
        let refuse = |wanted: &str| {
            let what = format!("{title}: {} `{text}` is not {wanted}", rows.header[column]);
            Err(rows
                .error(row.line, what)
                .with_hint("`missing` lists the texts that stand for a missing value"))
        };
        cells.push(match table.task {
            Task::Regression => Cell::Number(rows.number(row, column)?),
            Task::Classification => {
                let classes = table.classes.unwrap_or(2);
                match class_of(text).filter(|class| (*class as usize) < classes) {
                    Some(class) => Cell::Class(class),
                    None => {
                        let wanted = format!("one of the classes 0 to {}", classes - 1);
                        return refuse(&wanted).map_err(|error| match class_of(text) {
                            Some(_) => error.with_hint(
                                "`classes` says how many there are, and is 2 if it is left out",
                            ),
                            None => error,
                        });
                    }
                }
            }
            Task::MultiLabel => match class_of(text).filter(|class| *class < 2) {
                Some(class) => Cell::Class(class),
                None => return refuse("0 or 1, true or false"),
            },
        });
    }
    Ok(Some(cells))
}

/// A stay without a value whose id the table spells in another way is an error.
fn refuse_second_spellings(
    ids: Option<Ids>,
    without: &[&StayId],
    unused: &[StayId],
    path: &Path,
) -> Result<(), Error> {
    let of_stays = without.iter().map(|id| ((*id).into(), ()));
    let of_rows = unused.iter().map(|id| (id.into(), ()));
    match twins(ids, of_stays.chain(of_rows)) {
        None => Ok(()),
        Some(found) => {
            let [first, second] = found.shown();
            let what = format!("stay id {first} is also spelled {second}");
            Err(Error::file(path, what).with_hint(SPELLING_HINT))
        }
    }
}
