//! Mean and standard deviation of every variable, computed on the training split.

use std::path::Path;

use super::cohort::{RawEvent, RawStay};
use super::csv_table::quoted;
use crate::error::Error;

/// A variable with what makes its values z-scores.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) mean: f64,
    /// Population standard deviation; 0 where the variable is constant.
    pub(super) std: f64,
    /// It never varies in the training split: it counts as presence.
    pub(super) constant: bool,
    /// Its events in the training split.
    pub(super) train_events: u64,
}

impl Variable {
    /// The z-score of `value`; 1 for presence.
    pub(super) fn z_score(&self, value: f64) -> f64 {
        if self.constant {
            1.0
        } else {
            (value - self.mean) / self.std
        }
    }
}

/// Statistics of the events of the training split, by index into `names`; `None` for a variable
/// that it never shows. The sums run in the order of the events, so they are the same every time.
pub(super) fn of_training<'a>(
    names: &[String],
    events: impl Iterator<Item = &'a RawEvent> + Clone,
) -> Result<Vec<Option<Variable>>, Error> {
    let mut sums = vec![Sums::default(); names.len()];
    for event in events.clone() {
        sums[event.variable as usize].add(event.value);
    }
    let means: Vec<f64> = sums.iter().map(Sums::mean).collect();
    let mut squares = vec![0.0; names.len()];
    for event in events {
        let variable = event.variable as usize;
        squares[variable] += (event.value - means[variable]).powi(2);
    }
    let variable = |index: usize| {
        let (sums, mean) = (&sums[index], means[index]);
        if sums.count == 0 {
            return Ok(None);
        }
        let constant = sums.low == sums.high;
        let std = (squares[index] / sums.count as f64).sqrt();
        let usable = mean.is_finite() && std.is_finite() && std > 0.0;
        if !(constant || usable) {
            let message = format!(
                "variable `{}`: values from {} to {} in the training split have no usable mean and standard deviation",
                names[index], sums.low, sums.high
            );
            return Err(Error::stage(message));
        }
        Ok(Some(Variable {
            name: names[index].clone(),
            mean: if constant { sums.low } else { mean },
            std: if constant { 0.0 } else { std },
            constant,
            train_events: sums.count,
        }))
    };
    (0..names.len()).map(variable).collect()
}

#[derive(Clone, Debug)]
struct Sums {
    count: u64,
    sum: f64,
    low: f64,
    high: f64,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            count: 0,
            sum: 0.0,
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
        }
    }
}

impl Sums {
    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }
}

/// Errors, naming every variable among `names` that occurs in `stays` but not in `known`
/// (sorted), the statistics of the file `path`.
pub(super) fn check_all_known(
    names: &[String],
    stays: &[RawStay],
    known: &[Variable],
    path: &Path,
) -> Result<(), Error> {
    let unknown: Vec<bool> = names
        .iter()
        .map(|name| known.binary_search_by(|v| v.name.cmp(name)).is_err())
        .collect();
    let mut seen = vec![false; names.len()];
    let mut first = None;
    for stay in stays {
        for event in &stay.events {
            if unknown[event.variable as usize] {
                seen[event.variable as usize] = true;
                first.get_or_insert((&names[event.variable as usize], stay));
            }
        }
    }
    let Some((name, stay)) = first else {
        return Ok(());
    };
    let mut message = format!(
        "{}: no statistics of variable `{name}`, which {} has",
        path.display(),
        stay.title()
    );
    if seen.iter().filter(|&&seen| seen).count() > 1 {
        let missing = (0..names.len()).filter(|&i| seen[i]).map(|i| &names[i]);
        message += &format!("; missing in all: {}", quoted(missing));
    }
    Err(Error::stage(message)
        .with_hint("add the variable to the file, or leave `statistics` out to compute them on the training split"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(variable: u32, value: f64) -> RawEvent {
        RawEvent {
            minute: 0.0,
            value,
            variable,
            set: 0,
        }
    }

    #[test]
    fn the_standard_deviation_is_the_populations() {
        let names: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        let events = [
            event(0, 1.0),
            event(2, 0.1),
            event(0, 5.0),
            event(2, 0.1),
            event(2, 0.1),
        ];
        let found = of_training(&names, events.iter()).unwrap();
        let a = found[0].as_ref().unwrap();
        assert_eq!(
            (a.mean, a.std, a.constant, a.train_events),
            (3.0, 2.0, false, 2)
        );
        assert_eq!(a.z_score(7.0), 2.0);
        assert_eq!(found[1], None);
        let c = found[2].as_ref().unwrap();
        assert_eq!(
            (c.mean, c.std, c.constant, c.train_events),
            (0.1, 0.0, true, 3)
        );
        assert_eq!(
            c.z_score(7.0),
            1.0,
            "a constant variable counts as presence"
        );
    }

    #[test]
    fn values_whose_spread_overflows_are_refused_by_name() {
        let events = [event(0, 1e300), event(0, -1e300)];
        let error = of_training(&["huge".to_string()], events.iter()).unwrap_err();
        assert!(error.to_string().contains("variable `huge`"));
    }
}
