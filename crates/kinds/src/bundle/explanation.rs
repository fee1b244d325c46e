//! Which variables a prediction rests on, by occlusion (Zeiler and Fergus 2014): a stay is predicted again without each
//! of its variables.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use super::predict::Scorer;
use crate::predict::Rows;
use crate::says::Says;
use pipeline_data::dataset::{Dataset, Stay};
use pipeline_error::Error;

/// A variable that was taken away.
pub(super) struct Removal {
    variable: u32,
    /// The probability with it, less that without it.
    change: f64,
}

/// For every stay what each of its variables changes, the largest change first. It is that of the probability of the
/// positive class; of more classes or labels that of the most probable one, and of a number the number itself.
pub(super) fn removals(
    scorer: &Scorer,
    dataset: &Dataset,
    values: &[f64],
    interrupted: &AtomicBool,
) -> Result<Vec<Vec<Removal>>, Error> {
    let rows = values.chunks(scorer.says.outputs());
    let stays = dataset.stays.iter().zip(rows);
    let of_stay = |(stay, row): (&Stay, &[f64])| {
        let class = match scorer.says {
            Says::Classes(2) => 1,
            _ => (0..row.len())
                .max_by(|a, b| row[*a].total_cmp(&row[*b]))
                .unwrap_or(0),
        };
        let (variables, variants) = without_each(dataset, stay);
        let without = scorer.values(&variants, interrupted)?;
        let without = without.chunks(scorer.says.outputs());
        let mut removals: Vec<Removal> = (variables.into_iter().zip(without))
            .map(|(variable, without)| Removal {
                variable,
                change: row[class] - without[class],
            })
            .collect();
        removals.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()));
        Ok(removals)
    };
    stays.map(of_stay).collect()
}

/// The stay once for each of its variables, without the events of that one; a variable that is all there is cannot be
/// taken away.
fn without_each(dataset: &Dataset, stay: &Stay) -> (Vec<u32>, Dataset) {
    let sets = stay.sets.clone();
    let events = dataset.set_start[sets.start] as usize..dataset.set_start[sets.end] as usize;
    let present: BTreeSet<u32> = dataset.event_variable[events].iter().copied().collect();
    let mut variants = Dataset {
        variables: dataset.variables.clone(),
        embedding_dim: dataset.embedding_dim,
        ..Dataset::default()
    };
    let removed = match present.len() {
        1 => Vec::new(),
        _ => present.into_iter().collect(),
    };
    for &variable in &removed {
        let first = variants.set_minute.len();
        for set in sets.clone() {
            let start = variants.event_variable.len() as u32;
            for event in dataset.events_of(set) {
                if dataset.event_variable[event] != variable {
                    variants.event_variable.push(dataset.event_variable[event]);
                    variants.event_value.push(dataset.event_value[event]);
                }
            }
            if variants.event_variable.len() as u32 > start {
                variants.set_start.push(start);
                variants.set_minute.push(dataset.set_minute[set]);
            }
        }
        variants.stays.push(Stay {
            sets: first..variants.set_minute.len(),
            ..stay.clone()
        });
    }
    variants
        .set_start
        .push(variants.event_variable.len() as u32);
    (removed, variants)
}

/// Adds columns `variable_1`, `change_1`, … for the `most` variables whose removal changes a prediction most; empty
/// where a stay has fewer.
pub(super) fn add_columns(
    removals: &[Vec<Removal>],
    dataset: &Dataset,
    most: usize,
    rows: &mut Rows,
) {
    for place in 0..most {
        let of_stays = || removals.iter().map(|of_stay| of_stay.get(place));
        let names =
            of_stays().map(|removal| Some(dataset.variables[removal?.variable as usize].clone()));
        rows.texts(&format!("variable_{}", place + 1), names.collect());
        let changes = of_stays().map(|removal| Some(removal?.change));
        rows.some_numbers(&format!("change_{}", place + 1), changes.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline_data::dataset::Split;

    #[test]
    fn a_variable_takes_its_events_and_its_own_sets_with_it() {
        let stay = |sets| Stay {
            id: "7".into(),
            split: Split::Test,
            label: None,
            sets,
        };
        let dataset = Dataset {
            variables: vec!["a".into(), "b".into(), "c".into()],
            stays: vec![stay(0..1), stay(1..4)],
            set_minute: vec![0.0, 5.0, 6.0, 7.0],
            set_start: vec![0, 1, 3, 4, 6],
            event_variable: vec![2, 0, 1, 0, 1, 2],
            event_value: vec![9.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            ..Dataset::default()
        };
        let (removed, variants) = without_each(&dataset, &dataset.stays[1]);
        assert_eq!(removed, [0, 1, 2]);
        let sets: Vec<_> = variants
            .stays
            .iter()
            .map(|stay| stay.sets.clone())
            .collect();
        assert_eq!(sets, [0..2, 2..5, 5..8]);
        assert_eq!(
            variants.set_minute,
            [5.0, 7.0, 5.0, 6.0, 7.0, 5.0, 6.0, 7.0]
        );
        assert_eq!(variants.set_start, [0, 1, 3, 4, 5, 6, 8, 9, 10]);
        assert_eq!(
            variants.event_value,
            [2.0, 4.0, 5.0, 1.0, 3.0, 5.0, 1.0, 2.0, 3.0, 4.0]
        );
        let (removed, variants) = without_each(&dataset, &dataset.stays[0]);
        assert!(removed.is_empty() && variants.stays.is_empty());
    }
}
