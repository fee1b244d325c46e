//! Reads the three tables back.

use std::path::Path;

use arrow::array::{Float32Array, Int64Array, StringArray, UInt32Array};

use super::dataset::{Dataset, Split, Stay};
use super::parquet_file::{column, read, vector_column};
use crate::error::Error;

impl Dataset {
    /// Reads the artifacts of a data stage. Their columns are described in [`crate::data`].
    ///
    /// Errors name the file: unreadable, columns missing or of another type, tables that do not
    /// belong together.
    pub fn load(events: &Path, stays: &Path, variables: &Path) -> Result<Self, Error> {
        let mut dataset = Dataset::default();
        read_variables(variables, &mut dataset)?;
        let sizes = read_stays(stays, &mut dataset)?;
        let columns = read_events(events, &mut dataset)?;
        group_into_sets(&mut dataset, &sizes, &columns)
            .map_err(|what| Error::file(events, what))?;
        Ok(dataset)
    }
}

fn read_variables(path: &Path, dataset: &mut Dataset) -> Result<(), Error> {
    for batch in read(path, &["name", "embedding"])? {
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
fn read_stays(path: &Path, dataset: &mut Dataset) -> Result<Vec<(u32, u32)>, Error> {
    let mut sizes = Vec::new();
    let mut first_set = 0;
    for batch in read(path, &["stay_id", "split", "label", "sets", "events"])? {
        let ids: &StringArray = column(path, &batch, "stay_id")?;
        let splits: &StringArray = column(path, &batch, "split")?;
        let labels: &Int64Array = column(path, &batch, "label")?;
        let sets: &UInt32Array = column(path, &batch, "sets")?;
        let events: &UInt32Array = column(path, &batch, "events")?;
        for row in 0..batch.num_rows() {
            let id = ids.value(row).to_string();
            let split = Split::from_name(splits.value(row));
            let label = u32::try_from(labels.value(row));
            let (Some(split), Ok(label)) = (split, label) else {
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
            sizes.push((sets.value(row), events.value(row)));
        }
    }
    Ok(sizes)
}

/// Set and minute of every event.
#[derive(Default)]
struct SetColumns {
    set: Vec<u32>,
    minute: Vec<f32>,
}

fn read_events(path: &Path, dataset: &mut Dataset) -> Result<SetColumns, Error> {
    let mut columns = SetColumns::default();
    for batch in read(path, &["set", "minute", "variable", "value"])? {
        let sets: &UInt32Array = column(path, &batch, "set")?;
        let minutes: &Float32Array = column(path, &batch, "minute")?;
        let variables: &UInt32Array = column(path, &batch, "variable")?;
        let values: &Float32Array = column(path, &batch, "value")?;
        columns.set.extend_from_slice(sets.values());
        columns.minute.extend_from_slice(minutes.values());
        dataset.event_variable.extend_from_slice(variables.values());
        dataset.event_value.extend_from_slice(values.values());
    }
    if u32::try_from(columns.set.len()).is_err() {
        return Err(Error::file(path, "more than 4,294,967,295 events"));
    }
    let known = dataset.variables.len() as u32;
    match dataset.event_variable.iter().max() {
        Some(&largest) if largest >= known => {
            let what = format!("variable {largest} where there are {known} variables");
            Err(Error::file(path, what))
        }
        _ => Ok(columns),
    }
}

fn group_into_sets(
    dataset: &mut Dataset,
    sizes: &[(u32, u32)],
    columns: &SetColumns,
) -> Result<(), String> {
    let mut event = 0;
    for (stay, &(sets, events)) in dataset.stays.iter().zip(sizes) {
        let end = event + events as usize;
        let rows = columns.set.get(event..end).unwrap_or_default();
        let mut next_set = 0;
        for (offset, &set) in rows.iter().enumerate() {
            if set == next_set {
                dataset.set_start.push((event + offset) as u32);
                dataset.set_minute.push(columns.minute[event + offset]);
                next_set += 1;
            } else if set + 1 != next_set {
                return Err(format!("stay {}: set {set} is out of order", stay.id));
            }
        }
        if next_set != sets || rows.len() != events as usize {
            return Err(format!(
                "stay {}: {next_set} sets and {} events where {sets} and {events} are expected",
                stay.id,
                rows.len()
            ));
        }
        event = end;
    }
    dataset.set_start.push(event as u32);
    if event != columns.set.len() {
        return Err(format!("{} events of no stay", columns.set.len() - event));
    }
    Ok(())
}
