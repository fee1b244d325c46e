//! What became of stays and events, counted for the report.

use crate::assemble::Loss;
use crate::config::{DataConfig, Labels};
use crate::fit::Fitted;
use crate::report::DataReport;
use crate::score::{SPLITS, Scored};

pub(super) fn count(
    report: &mut DataReport,
    config: &DataConfig,
    fitted: &Fitted,
    scored: &Scored,
) {
    if config.labels == Labels::Source {
        for split in SPLITS {
            report.of_mut(split).positives = Some(0);
        }
    }
    for kept in &scored.kept {
        let counts = report.of_mut(kept.split);
        counts.stays += 1;
        counts.sets += u64::from(kept.sets);
        counts.events += u64::from(kept.events);
        let positive = u64::from(kept.stay.label.is_some_and(|label| label > 0));
        counts.positives = counts.positives.map(|before| before + positive);
    }
    let constant = fitted.variables.iter().filter(|v| v.constant).count();
    report.set("variables", fitted.variables.len() as u64);
    report.set("constant_variables", constant as u64);
    report.set("clipped_values", scored.clipped);
    let total = |losses: &[Loss]| losses.iter().map(|&loss| scored.losses.total(loss)).sum();
    for (name, losses) in [
        (
            "events_outside_window",
            &[Loss::BeforeWindow, Loss::AfterWindow, Loss::AfterPrediction][..],
        ),
        ("events_not_selected", &[Loss::NotSelected]),
        ("events_missing", &[Loss::Missing]),
        (
            "events_out_of_range",
            &[Loss::OutOfRange, Loss::NoLogarithm],
        ),
        ("values_clipped_to_range", &[Loss::ClippedToRange]),
        ("events_without_value", &[Loss::NoValue]),
        ("events_of_unseen_variables", &[Loss::Unseen]),
        ("events_of_rare_variables", &[Loss::Rare]),
        ("duplicates_merged", &[Loss::Merged]),
        ("events_truncated", &[Loss::Truncated]),
    ] {
        report.set(name, total(losses));
    }
}
