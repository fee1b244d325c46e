//! Reads the three tables back.

use std::path::Path;

use arrow::array::{Array, Float32Array, Float64Array, Int64Array, StringArray, UInt32Array};

use super::dataset::{Dataset, Split, Stay};
use super::parquet_file::{StreamedRows, column, nullable_column, vector_column};
use pipeline_error::Error;

impl Dataset {
    /// Reads the artifacts of a data stage. Their columns are described in [`crate`].
    ///
    /// Errors name the file: unreadable, columns missing or of another type, tables that do not
    /// belong together.
    pub fn load(events: &Path, stays: &Path, variables: &Path) -> Result<Self, Error> {
        let mut dataset = Dataset::default();
        read_variables(variables, &mut dataset)?;
        let sizes = read_stays(stays, &mut dataset)?;
        read_events(events, &sizes, &mut dataset)?;
        Ok(dataset)
    }
}

pub(super) fn read_variables(path: &Path, dataset: &mut Dataset) -> Result<(), Error> {
    for batch in StreamedRows::open(path, &["name", "embedding"])? {
        let batch = batch?;
        let names: &StringArray = column(path, &batch, "name")?;
        let (width, numbers) = vector_column(path, &batch, "embedding")?;
        dataset
            .variables
            .extend(names.iter().flatten().map(str::to_string));
        dataset.embedding_dim = width;
        dataset.embeddings.extend_from_slice(numbers);
    }
    if dataset.embeddings.len() != dataset.variables.len() * dataset.embedding_dim {
        return Err(Error::file(
            path,
            "a variable without a name or an embedding",
        ));
    }
    Ok(())
}

/// Reads the stays; returns the number of sets and events of each.
pub(super) fn read_stays(path: &Path, dataset: &mut Dataset) -> Result<Vec<Sizes>, Error> {
    let mut sizes = Vec::new();
    let mut first_set = 0;
    for batch in StreamedRows::open(path, &["stay_id", "split", "label", "sets", "events"])? {
        let batch = batch?;
        let ids: &StringArray = column(path, &batch, "stay_id")?;
        let splits: &StringArray = column(path, &batch, "split")?;
        let labels: &Int64Array = nullable_column(path, &batch, "label")?;
        let sets: &UInt32Array = column(path, &batch, "sets")?;
        let events: &UInt32Array = column(path, &batch, "events")?;
        for row in 0..batch.num_rows() {
            let id = ids.value(row).to_string();
            let split = Split::from_name(splits.value(row));
            let label = (!labels.is_null(row)).then(|| u32::try_from(labels.value(row)));
            let (Some(split), Ok(label)) = (split, label.transpose()) else {
                let what = format!(
                    "stay {id}: split `{}`, label {}",
                    splits.value(row),
                    labels.value(row)
                );
                return Err(Error::file(path, what));
            };
            let end = first_set + sets.value(row) as usize;
            dataset.stays.push(Stay {
                id,
                split,
                label,
                sets: first_set..end,
            });
            first_set = end;
            sizes.push(Sizes {
                sets: sets.value(row),
                events: events.value(row),
            });
        }
    }
    Ok(sizes)
}

/// Reads the events, a batch at a time, and groups them into the sets of the stays on the way:
/// beside the dataset itself no more than a batch is in memory.
fn read_events(path: &Path, sizes: &[Sizes], dataset: &mut Dataset) -> Result<(), Error> {
    let batches = StreamedRows::open(path, &["set", "minute", "variable", "value"])?;
    if batches.rows > u64::from(u32::MAX) {
        return Err(Error::file(path, "more than 4,294,967,295 events"));
    }
    reserve(sizes, batches.rows, dataset);
    let mut grouping = Grouping::new(sizes, dataset);
    for batch in batches {
        let batch = batch?;
        let sets: &UInt32Array = column(path, &batch, "set")?;
        let minutes: &Float64Array = column(path, &batch, "minute")?;
        let variables: &UInt32Array = column(path, &batch, "variable")?;
        let values: &Float32Array = column(path, &batch, "value")?;
        let added = grouping.add(sets.values(), minutes.values(), variables.values());
        added.map_err(|what| Error::file(path, what))?;
        grouping
            .dataset
            .event_value
            .extend_from_slice(values.values());
    }
    let finished = grouping.finish();
    finished.map_err(|what| Error::file(path, what))
}

/// Room for as many events and sets as both files speak of. A vector that grows as it goes is copied,
/// and takes up to twice its length.
fn reserve(sizes: &[Sizes], rows: u64, dataset: &mut Dataset) {
    let sum = |of: fn(&Sizes) -> u32| sizes.iter().map(|sizes| u64::from(of(sizes))).sum::<u64>();
    let events = rows.min(sum(|sizes| sizes.events)) as usize;
    let sets = rows.min(sum(|sizes| sizes.sets)) as usize;
    dataset.event_variable.reserve_exact(events);
    dataset.event_value.reserve_exact(events);
    dataset.set_minute.reserve_exact(sets);
    dataset.set_start.reserve_exact(sets + 1);
}

/// What `stays` says of a stay.
pub(super) struct Sizes {
    sets: u32,
    pub(super) events: u32,
}

/// Puts events, in their order, into the sets of the stays.
pub(super) struct Grouping<'a> {
    sizes: &'a [Sizes],
    dataset: &'a mut Dataset,
    /// The stay that the next event belongs to.
    stay: usize,
    /// Events and sets of it so far.
    seen: Sizes,
}

impl<'a> Grouping<'a> {
    pub(super) fn new(sizes: &'a [Sizes], dataset: &'a mut Dataset) -> Self {
        Self {
            sizes,
            dataset,
            stay: 0,
            seen: Sizes { sets: 0, events: 0 },
        }
    }

    /// The next events: set, minute and variable of each. An error says what is wrong.
    pub(super) fn add(
        &mut self,
        sets: &[u32],
        minutes: &[f64],
        variables: &[u32],
    ) -> Result<(), String> {
        let known = self.dataset.variables.len() as u32;
        if let Some(&largest) = variables.iter().max().filter(|&&largest| largest >= known) {
            return Err(format!(
                "variable {largest} where there are {known} variables"
            ));
        }
        let mut from = 0;
        while from < sets.len() {
            self.leave_complete_stays()?;
            let left =
                (self.sizes.get(self.stay)).map_or(u32::MAX, |s| s.events - self.seen.events);
            let to = sets.len().min(from.saturating_add(left as usize));
            if self.stay < self.sizes.len() {
                self.add_to_stay(&sets[from..to], &minutes[from..to])?;
            }
            self.dataset
                .event_variable
                .extend_from_slice(&variables[from..to]);
            from = to;
        }
        Ok(())
    }

    fn add_to_stay(&mut self, sets: &[u32], minutes: &[f64]) -> Result<(), String> {
        let first = self.dataset.event_variable.len();
        for (offset, &set) in sets.iter().enumerate() {
            if set == self.seen.sets {
                self.dataset.set_start.push((first + offset) as u32);
                self.dataset.set_minute.push(minutes[offset]);
                self.seen.sets += 1;
            } else if Some(set) != self.seen.sets.checked_sub(1) {
                let id = &self.dataset.stays[self.stay].id;
                return Err(format!("stay {id}: set {set} is out of order"));
            }
        }
        self.seen.events += sets.len() as u32;
        Ok(())
    }

    /// Goes on to the first stay that lacks events.
    fn leave_complete_stays(&mut self) -> Result<(), String> {
        while (self.sizes.get(self.stay)).is_some_and(|sizes| sizes.events == self.seen.events) {
            self.check_stay()?;
            self.stay += 1;
            self.seen = Sizes { sets: 0, events: 0 };
        }
        Ok(())
    }

    fn check_stay(&self) -> Result<(), String> {
        let (expected, seen) = (&self.sizes[self.stay], &self.seen);
        if (expected.sets, expected.events) == (seen.sets, seen.events) {
            return Ok(());
        }
        Err(format!(
            "stay {}: {} sets and {} events where {} and {} are expected",
            self.dataset.stays[self.stay].id,
            seen.sets,
            seen.events,
            expected.sets,
            expected.events
        ))
    }

    /// After the last event.
    pub(super) fn finish(mut self) -> Result<(), String> {
        self.leave_complete_stays()?;
        if self.stay < self.sizes.len() {
            return self.check_stay();
        }
        let expected: u64 = self.sizes.iter().map(|sizes| u64::from(sizes.events)).sum();
        let found = self.dataset.event_variable.len() as u64;
        if found > expected {
            return Err(format!("{} events of no stay", found - expected));
        }
        self.dataset.set_start.push(found as u32);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stays of these sizes, called A, B, …, and two variables.
    fn dataset(sizes: &[Sizes]) -> Dataset {
        let names = ["A", "B", "C", "D"].iter().zip(sizes);
        let mut sets = 0;
        let stays = names.map(|(id, sizes)| {
            let first = sets;
            sets += sizes.sets as usize;
            Stay {
                id: id.to_string(),
                split: Split::Train,
                label: Some(0),
                sets: first..sets,
            }
        });
        Dataset {
            stays: stays.collect(),
            variables: vec!["x".into(), "y".into()],
            ..Dataset::default()
        }
    }

    fn sizes(of: &[(u32, u32)]) -> Vec<Sizes> {
        let sizes = of.iter().map(|&(sets, events)| Sizes { sets, events });
        sizes.collect()
    }

    /// Events that come in batches of these lengths; minutes are positions.
    fn grouped(of: &[(u32, u32)], sets: &[u32], batches: &[usize]) -> Result<Dataset, String> {
        let sizes = sizes(of);
        let mut dataset = dataset(&sizes);
        let mut grouping = Grouping::new(&sizes, &mut dataset);
        let minutes: Vec<f64> = (0..sets.len()).map(|minute| minute as f64).collect();
        let mut from = 0;
        for &length in batches {
            let to = (from + length).min(sets.len());
            grouping.add(&sets[from..to], &minutes[from..to], &vec![1; to - from])?;
            from = to;
        }
        assert_eq!(from, sets.len());
        grouping.finish().map(|()| dataset)
    }

    #[test]
    fn sets_are_the_same_wherever_a_batch_ends() {
        let of = [(2, 3), (0, 0), (1, 2), (1, 1)];
        let sets = [0, 0, 1, 0, 0, 0];
        for first in 0..=sets.len() {
            for second in 0..=sets.len() - first {
                let rest = sets.len() - first - second;
                let found = grouped(&of, &sets, &[first, second, rest]).unwrap();
                assert_eq!(found.set_start, [0, 2, 3, 5, 6]);
                assert_eq!(found.set_minute, [0.0, 2.0, 3.0, 5.0]);
                assert_eq!(found.event_variable.len(), 6);
            }
        }
    }

    #[test]
    fn events_that_do_not_fit_the_stays_are_named_by_stay_and_count() {
        let refusal = |of: &[(u32, u32)], sets: &[u32]| {
            let whole = grouped(of, sets, &[sets.len()]).unwrap_err();
            let one_by_one = grouped(of, sets, &vec![1; sets.len()]).unwrap_err();
            assert_eq!(whole, one_by_one);
            whole
        };
        assert_eq!(refusal(&[(2, 2)], &[0, 2]), "stay A: set 2 is out of order");
        assert_eq!(
            refusal(&[(2, 3)], &[0, 1, 0]),
            "stay A: set 0 is out of order"
        );
        assert_eq!(
            refusal(&[(1, 1), (1, 1)], &[0, u32::MAX]),
            "stay B: set 4294967295 is out of order"
        );
        assert_eq!(
            refusal(&[(2, 2), (1, 1)], &[0, 0, 0]),
            "stay A: 1 sets and 2 events where 2 and 2 are expected"
        );
        assert_eq!(
            refusal(&[(1, 1), (2, 3)], &[0, 0, 1]),
            "stay B: 2 sets and 2 events where 2 and 3 are expected"
        );
        assert_eq!(
            refusal(&[(1, 1), (0, 0)], &[0, 0, 0]),
            "2 events of no stay"
        );
        assert_eq!(
            refusal(&[(1, 0)], &[]),
            "stay A: 0 sets and 0 events where 1 and 0 are expected"
        );
    }

    #[test]
    fn an_unknown_variable_is_refused() {
        let sizes = sizes(&[(1, 2)]);
        let mut dataset = dataset(&sizes);
        let added = Grouping::new(&sizes, &mut dataset).add(&[0, 0], &[0.0, 0.0], &[1, 2]);
        assert_eq!(added.unwrap_err(), "variable 2 where there are 2 variables");
    }
}
