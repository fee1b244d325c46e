//! Splits that have no stay.

use crate::config::{DataConfig, Labels};
use crate::dataset::Split;
use crate::report::DataReport;
use crate::score::SPLITS;
use pipeline_error::listed::counted;
use pipeline_error::{Code, Error};

/// Why stays were left out: the count of them, what they lack, and where to look if all were.
const LACKS: [(&str, &str, &str); 3] = [
    (
        "stays_without_label",
        "a label",
        "are the ids of the labels those of the stays?",
    ),
    (
        "stays_without_split",
        "a split",
        "are the ids of the splits those of the stays?",
    ),
    (
        "stays_without_events",
        "an event",
        "has the source events within `hours`, `last_hours` and `gap_hours`, and before the predictions?",
    ),
];

/// Fails if a split that needs one has no stay.
pub(super) fn refuse(
    config: &DataConfig,
    report: &DataReport,
    splits: impl Iterator<Item = Split>,
) -> Result<(), Error> {
    let mut counts = [0; 3];
    splits.for_each(|split| counts[split as usize] += 1);
    let is_missed = |split: &Split| counts[*split as usize] == 0 && !config.may_be_empty(*split);
    if counts == [0; 3] {
        return Err(nothing_left(report).coded(Code::EmptySplit));
    }
    match SPLITS.into_iter().find(is_missed) {
        Some(empty) => Err(Error::stage(format!(
            "the {} split is empty (train {}, validation {}, test {} stays)",
            empty.name(),
            counts[0],
            counts[1],
            counts[2]
        ))
        .with_hint(match config.labels {
            Labels::Source => "every split needs at least one stay that has events and a label",
            Labels::None => {
                "the training and the validation split need at least one stay that has events"
            }
        })
        .coded(Code::EmptySplit)),
        None => Ok(()),
    }
}

fn nothing_left(report: &DataReport) -> Error {
    let count = |name: &str| report.counts.get(name).copied().unwrap_or_default();
    let lacking = LACKS.iter().filter(|(name, ..)| count(name) > 0);
    let reasons: Vec<String> = (lacking.clone())
        .map(|(name, lack, _)| format!("{} without {lack}", count(name)))
        .collect();
    match lacking.max_by_key(|(name, ..)| count(name)) {
        Some((.., hint)) => {
            let all = counted(count("source_stays") as usize, "stay");
            let what = format!("no stay is left of {all}: {}", reasons.join(", "));
            Error::stage(what).with_hint(*hint)
        }
        None => Error::stage("no stay is left")
            .with_hint("has the source rows, and are they of stays that it lists?"),
    }
}
