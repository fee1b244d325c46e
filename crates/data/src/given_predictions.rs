//! What a model of someone else says of stays: a table that is joined with them strictly.

use std::collections::HashMap;
use std::path::Path;

use super::config::{PredictionTable, PredictionValues, Task};
use super::dataset::Split;
use super::names::quoted;
use super::small_table::{SmallRow, SmallTable};
use super::source::JoinClock;
use super::stay_columns::StayNames;
use super::stay_join::StayJoin;
use super::target::Target;
use pipeline_error::Error;

/// How far a probability may be rounded: to three decimals. The sum of a stay may be that far from 1 for each class.
const ROUNDED: f64 = 5e-4;
/// Stays that a complaint names.
const NAMED: usize = 5;

/// The stays that predictions are joined with.
pub struct PredictedStays<'a> {
    /// How they are called.
    pub names: &'a StayNames,
    /// The split of each.
    pub splits: &'a [Split],
}

/// A table of predictions.
pub struct GivenPredictions {
    table: SmallTable,
    /// Whether it has logits in place of probabilities.
    pub of_logits: bool,
    /// By the row of the table of stays: the line it stands on, and the probability of every class, or its logit.
    of_stay: HashMap<usize, (u64, Vec<f64>)>,
}

impl GivenPredictions {
    /// Reads the table at `path`, whose every row must be of one of `stays`, and no two of the same. What is said is of the
    /// target, or of the label where it is none.
    pub fn read(
        path: &Path,
        columns: &PredictionTable,
        target: Option<&Target>,
        stays: &PredictedStays,
    ) -> Result<Self, Error> {
        let unfit =
            |(field, what): (&str, &str)| Error::stage(format!("predictions.{field} {what}"));
        if let Some((field, what)) = columns.unfit_for(target) {
            return Err(unfit((field, &what)));
        }
        let (key, values) = (
            columns.key().map_err(unfit)?,
            columns.values().map_err(unfit)?,
        );
        let mut read = Self {
            table: SmallTable::read(path)?,
            of_logits: matches!(values, PredictionValues::Logits(_)),
            of_stay: HashMap::new(),
        };
        let joined = stays.names.joined();
        let clock = JoinClock::unknown()?;
        let mut join = StayJoin::new(&read.table, key, (None, clock), &joined)?;
        let is_alone = target.is_none_or(|target| target.task == Task::Classification);
        let values = Values::new(&read.table, values, is_alone)?;
        for row in &read.table.rows {
            let (title, stay) = join.stay_of(&read.table, row)?;
            let stay = stay.ok_or_else(|| {
                (read.table).error(row.line, format!("{title} is not a stay of the data"))
            })?;
            let said = values.of_row(&read.table, row, &title)?;
            if let Some((first, _)) = read.of_stay.insert(stay, (row.line, said)) {
                let what = format!("{title} again, as on {}", read.table.place(first));
                return Err(read
                    .table
                    .error(row.line, what)
                    .with_hint("one row a stay is expected"));
            }
        }
        Ok(read)
    }

    /// Fails if it says something of a stay of the training split: of these a model knows the labels.
    pub fn refuse_training(&self, stays: &PredictedStays) -> Result<(), Error> {
        let trained = self
            .of_stay
            .iter()
            .filter(|(stay, _)| stays.splits[**stay] == Split::Train);
        let Some((stay, (line, _))) = trained.min_by_key(|(_, (line, _))| *line) else {
            return Ok(());
        };
        let what = format!("stay {} is in the training split", stays.names.ids[*stay]);
        Err(self.table.error(*line, what).with_hint(
            "leave stays that the model learned from out of the table; `split = \"train\"` scores them",
        ))
    }

    /// What is said of the stays at `rows` of the table of stays, row-major [stays, classes]. One that is missing is an
    /// error.
    pub fn of_rows(&self, rows: &[usize], stays: &PredictedStays) -> Result<Vec<f64>, Error> {
        let missing: Vec<&String> = (rows.iter())
            .filter(|row| !self.of_stay.contains_key(row))
            .map(|row| &stays.names.ids[*row])
            .collect();
        if !missing.is_empty() {
            let split = rows.first().map_or("", |row| stays.splits[*row].name());
            let what = format!(
                "says nothing of {} of {} stays of the split {split}: {}{}",
                missing.len(),
                rows.len(),
                quoted(missing.iter().take(NAMED).copied()),
                if missing.len() > NAMED { ", …" } else { "" }
            );
            return Err(Error::file(self.table.path(), what).with_hint(
                "a model is scored on every stay of a split, or the numbers are of another cohort",
            ));
        }
        Ok(rows
            .iter()
            .flat_map(|row| self.of_stay[row].1.iter().copied())
            .collect())
    }
}

/// What a row says.
struct Values {
    columns: Vec<usize>,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    Positive,
    Probabilities,
    Labels,
    Logits,
    Number,
}

impl Values {
    /// `is_alone`: a stay has one of the classes, and no two.
    fn new(table: &SmallTable, values: PredictionValues, is_alone: bool) -> Result<Self, Error> {
        let all = |names: &[String]| names.iter().map(|name| table.column(name)).collect();
        let (columns, form): (Result<Vec<usize>, Error>, Form) = match values {
            PredictionValues::Positive(name) => (
                table.column(name).map(|column| vec![column]),
                Form::Positive,
            ),
            PredictionValues::Probabilities(names) if is_alone => (all(names), Form::Probabilities),
            PredictionValues::Probabilities(names) => (all(names), Form::Labels),
            PredictionValues::Number(name) => {
                (table.column(name).map(|column| vec![column]), Form::Number)
            }
            PredictionValues::Logits(names) => (all(names), Form::Logits),
        };
        Ok(Self {
            columns: columns?,
            form,
        })
    }

    /// The probability of every class, or its logit.
    fn of_row(&self, table: &SmallTable, row: &SmallRow, title: &str) -> Result<Vec<f64>, Error> {
        let numbers: Vec<f64> = (self.columns.iter())
            .map(|column| table.number(row, *column))
            .collect::<Result<_, Error>>()
            .map_err(|error| error.with_hint(format!("it is the prediction of {title}")))?;
        let refuse = |what: String| table.error(row.line, format!("{title}: {what}"));
        if let Form::Logits | Form::Number = self.form {
            return Ok(numbers);
        }
        let outside = numbers
            .iter()
            .position(|number| !(0.0..=1.0).contains(number));
        if let Some(at) = outside {
            let name = &table.header[self.columns[at]];
            let what = format!(
                "{name} is {}, and a probability is from 0 to 1",
                numbers[at]
            );
            return Err(refuse(what)
                .with_hint("name logits as such: predictions = { …, logits = [\"…\", \"…\"] }"));
        }
        match self.form {
            Form::Positive => Ok(vec![1.0 - numbers[0], numbers[0]]),
            Form::Labels => Ok(numbers),
            _ => {
                let sum: f64 = numbers.iter().sum();
                match (sum - 1.0).abs() <= ROUNDED * numbers.len() as f64 {
                    true => Ok(numbers),
                    false => Err(refuse(format!("its probabilities sum to {sum}, not to 1"))
                        .with_hint("write at least three decimals of each")),
                }
            }
        }
    }
}
