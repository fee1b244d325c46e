//! Why events of the source are not among those of the artifact.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::dataset::Split;
use crate::ingest::variable_of_category;

/// What became of an event that is not, or not as it was, in the artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Before the stay, or before the window.
    BeforeWindow,
    /// After the window.
    AfterWindow,
    /// Not known when the prediction is made.
    AfterPrediction,
    /// Of a variable that `variables` leaves out.
    NotSelected,
    /// A value that the recipe says means "missing".
    Missing,
    /// Outside the variable's range.
    OutOfRange,
    /// Outside the variable's range, and set to its nearest end: the event is there.
    ClippedToRange,
    /// A value that has no logarithm.
    NoLogarithm,
    /// Without a value, of a variable that has values in training.
    NoValue,
    /// Of a variable that the training split never shows.
    Unseen,
    /// Of a variable that too few stays of training have.
    Rare,
    /// One of several values of a variable in one set.
    Merged,
    /// Of an old set of a stay that has too many.
    Truncated,
}

/// Number of losses.
const LOSSES: usize = Loss::Truncated as usize + 1;

impl Loss {
    const ALL: [Loss; LOSSES] = [
        Loss::BeforeWindow,
        Loss::AfterWindow,
        Loss::AfterPrediction,
        Loss::NotSelected,
        Loss::Missing,
        Loss::OutOfRange,
        Loss::ClippedToRange,
        Loss::NoLogarithm,
        Loss::NoValue,
        Loss::Unseen,
        Loss::Rare,
        Loss::Merged,
        Loss::Truncated,
    ];

    /// Its name in the profile.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Loss::BeforeWindow => "before_window",
            Loss::AfterWindow => "after_window",
            Loss::AfterPrediction => "after_prediction",
            Loss::NotSelected => "not_selected",
            Loss::Missing => "missing",
            Loss::OutOfRange => "out_of_range",
            Loss::ClippedToRange => "clipped_to_range",
            Loss::NoLogarithm => "no_logarithm",
            Loss::NoValue => "no_value",
            Loss::Unseen => "unseen",
            Loss::Rare => "rare",
            Loss::Merged => "merged",
            Loss::Truncated => "truncated",
        }
    }
}

/// Counts of losses by split, variable (of the source) and reason.
#[derive(Clone, Debug)]
pub(crate) struct Losses {
    counts: Vec<[[u64; LOSSES]; 3]>,
    /// Events that have a time, by split: kept or lost.
    timed: [u64; 3],
}

/// Where the events of a split lie that have a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outside {
    /// Whose they are.
    pub(crate) split: Split,
    /// All of them.
    pub(crate) events: u64,
    /// Those before the window, after it, and after the prediction.
    pub(crate) before: u64,
    pub(crate) after: u64,
    pub(crate) unknown: u64,
}

impl Losses {
    /// None yet, of this many variables.
    pub(crate) fn none(variables: usize) -> Self {
        Self {
            counts: vec![[[0; LOSSES]; 3]; variables],
            timed: [0; 3],
        }
    }

    /// Counts one.
    pub(crate) fn add(&mut self, split: Split, variable: u32, loss: Loss) {
        self.counts[variable as usize][split as usize][loss as usize] += 1;
    }

    /// Counts events that have a time, before any of them is left out.
    pub(crate) fn see<E>(&mut self, split: Split, events: impl Iterator<Item = E>) {
        self.timed[split as usize] += events.count() as u64;
    }

    /// Where the events of a split lie.
    pub(crate) fn outside(&self, split: Split) -> Outside {
        let lost = |loss: Loss| {
            let variables = self.counts.iter();
            variables
                .map(|splits| splits[split as usize][loss as usize])
                .sum()
        };
        Outside {
            split,
            events: self.timed[split as usize],
            before: lost(Loss::BeforeWindow),
            after: lost(Loss::AfterWindow),
            unknown: lost(Loss::AfterPrediction),
        }
    }

    /// Adds the counts of others.
    pub(crate) fn merge(&mut self, others: &Self) {
        for (mine, theirs) in self.timed.iter_mut().zip(others.timed) {
            *mine += theirs;
        }
        let pairs = self.counts.iter_mut().zip(&others.counts);
        for (mine, theirs) in pairs.flat_map(|(a, b)| a.iter_mut().zip(b)) {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine += theirs;
            }
        }
    }

    /// The sum of one reason.
    pub(crate) fn total(&self, loss: Loss) -> u64 {
        let all = self.counts.iter().flatten();
        all.map(|reasons| reasons[loss as usize]).sum()
    }

    /// Whether a variable lost any event for this reason.
    pub(crate) fn has(&self, variable: usize, loss: Loss) -> bool {
        (self.counts[variable].iter()).any(|reasons| reasons[loss as usize] > 0)
    }

    /// `{reason: {variable: {split: count}}}`, without zeros. Categories that training never shows are told as
    /// events of their variable: there may be thousands, and none of them is a variable of the dataset.
    pub(crate) fn to_json(&self, variables: &[String], categorical: &[String]) -> Value {
        let mut reasons = BTreeMap::new();
        for loss in Loss::ALL {
            let mut by_variable: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
            for (name, splits) in variables.iter().zip(&self.counts) {
                let told_as = match loss {
                    Loss::Unseen => variable_of_category(name, categorical).unwrap_or(name),
                    _ => name,
                };
                for split in [Split::Train, Split::Validation, Split::Test] {
                    let count = splits[split as usize][loss as usize];
                    if count > 0 {
                        let by_split = by_variable.entry(told_as).or_default();
                        *by_split.entry(split.name()).or_default() += count;
                    }
                }
            }
            if !by_variable.is_empty() {
                reasons.insert(loss.name(), by_variable);
            }
        }
        json!(reasons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_by_reason_variable_and_split_without_zeros() {
        let mut losses = Losses::none(2);
        losses.add(Split::Test, 1, Loss::Rare);
        losses.merge(&losses.clone());
        losses.add(Split::Train, 0, Loss::Truncated);
        losses.add(Split::Test, 0, Loss::AfterWindow);
        losses.see(Split::Test, [1, 2, 3].iter());
        let outside = losses.outside(Split::Test);
        assert_eq!((outside.events, outside.before, outside.after), (3, 0, 1));
        assert_eq!(losses.total(Loss::Rare), 2);
        assert!(losses.has(1, Loss::Rare) && !losses.has(0, Loss::Rare));
        let names = ["HR", "pH"].map(String::from);
        assert_eq!(
            losses.to_json(&names, &[]),
            json!({
                "after_window": {"HR": {"test": 1}},
                "rare": {"pH": {"test": 2}},
                "truncated": {"HR": {"train": 1}},
            })
        );
    }

    #[test]
    fn categories_that_training_never_shows_are_told_as_events_of_their_variable() {
        let mut losses = Losses::none(3);
        losses.add(Split::Test, 0, Loss::Unseen);
        losses.add(Split::Test, 1, Loss::Unseen);
        losses.add(Split::Test, 1, Loss::AfterWindow);
        losses.add(Split::Test, 2, Loss::Unseen);
        let names = ["code=V45", "code=250.00", "rate=slow"].map(String::from);
        assert_eq!(
            losses.to_json(&names, &["code".to_string()]),
            json!({
                "after_window": {"code=250.00": {"test": 1}},
                "unseen": {"code": {"test": 2}, "rate=slow": {"test": 1}},
            })
        );
    }

    #[test]
    fn every_loss_has_a_place_and_a_name_of_its_own() {
        let mut names: Vec<&str> = Loss::ALL.iter().map(|loss| loss.name()).collect();
        for (index, loss) in Loss::ALL.into_iter().enumerate() {
            assert_eq!(loss as usize, index);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), LOSSES);
    }
}
