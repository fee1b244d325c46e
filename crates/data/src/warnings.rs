//! What deserves a warning although nothing is wrong by itself.

use super::assemble::Outside;
use super::config::{DataConfig, Source};
use super::dataset::Split;
use super::leaks::{Leak, ShapeLeak};

/// One of so many events may lie before its stay and be untold.
const MANY_EARLY: u64 = 10;

/// A window that leaves out most of what was measured: one early event, or a clock that is not meant.
/// `by_first_event` says that stays begin with their first event.
pub(super) fn window(
    config: &DataConfig,
    outside: Outside,
    by_first_event: bool,
) -> Option<String> {
    let Outside {
        split,
        events,
        before,
        after,
        unknown,
    } = outside;
    // What comes after the prediction is no matter of the window: of a long record it may be most.
    let (lost, known) = (before + after, events - unknown);
    let is_early = config.last_hours.is_none() && !by_first_event && MANY_EARLY * before > known;
    if 2 * lost <= known && !is_early {
        return None;
    }
    let split = match split {
        Split::Train => "training",
        Split::Validation => "validation",
        Split::Test => "test",
    };
    let share = 100.0 * lost as f64 / known as f64;
    let advice = match config.hours {
        Some(hours) if by_first_event => format!(
            "hours = {hours} counts from a stay's first event, and one early event (a former visit, a stray date) \
             moves the window: last_hours = {hours} looks back from the time of prediction{}",
            match config.source {
                Source::Long(_) | Source::Wide(_) =>
                    ", and source.stays.start names the column of the time at which stays begin",
                _ => "",
            }
        ),
        _ if 2 * lost <= known => {
            "is the begin of stays on the clock of the events, in the same time zone?".to_string()
        }
        Some(hours) => format!(
            "hours = {hours} counts from the begin of the stay: a larger number sees more, last_hours = {hours} \
             looks back from the time of prediction"
        ),
        None => match config.last_hours {
            Some(hours) => format!(
                "last_hours = {hours} looks back from the time of prediction, or else a stay's last event: a \
                 larger number sees more"
            ),
            None => "is the begin of stays on the clock of the events?".to_string(),
        },
    };
    let more = match unknown {
        0 => String::new(),
        _ => format!(" ({unknown} more come after the prediction)"),
    };
    Some(format!(
        "warning: {lost} of {known} events of the {split} split ({share:.1} %) lie outside of the window: \
         {before} before it, {after} after it{more}. {advice}"
    ))
}

/// A variable of this name that knows the label.
pub(super) fn variable(name: &str, leak: &Leak) -> String {
    let what = match leak.by_presence {
        true => "the presence of",
        false => "the mean of",
    };
    format!(
        "warning: {what} `{name}` alone tells the label, AUROC {:.4} in the training split: is it \
         known when the prediction is made? `variables.drop` leaves it out",
        leak.auroc
    )
}

/// A stay's shape that knows the label, although no variable is looked at.
pub(super) fn shape(config: &DataConfig, leak: &ShapeLeak) -> String {
    let advice = match &config.source {
        source if source.cuts_positives_alone() => {
            "positive stays are cut at their first positive row, and negative stays are not: `negatives = \"matched\"` \
             or `landmarks` beside `row_label` treat both alike"
        }
        _ => {
            "are stays of one class seen for longer? A window (`hours`, `last_hours`) or a time of prediction that \
             is the same for both treats them alike"
        }
    };
    format!(
        "warning: {} alone tells the label, AUROC {:.2} in the training split: {advice}",
        leak.what, leak.auroc
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Split;
    use crate::tests::synthetic;

    fn lying(before: u64, after: u64, unknown: u64) -> Outside {
        Outside {
            split: Split::Train,
            events: 100,
            before,
            after,
            unknown,
        }
    }

    #[test]
    fn a_window_that_leaves_out_most_events_is_told_with_what_to_write_instead() {
        let mut config = synthetic(1);
        config.hours = Some(48.0);
        assert_eq!(
            window(&config, lying(0, 50, 0), true),
            None,
            "half is in it"
        );
        let text = window(&config, lying(1, 50, 0), true).unwrap();
        assert!(
            text.contains("51 of 100 events") && text.contains("last_hours = 48 looks back"),
            "{text}"
        );
        let text = window(&config, lying(0, 51, 0), false).unwrap();
        assert!(text.contains("from the begin of the stay"), "{text}");
        let text = window(&config, lying(11, 0, 0), false).unwrap();
        assert!(text.contains("in the same time zone?"), "{text}");
        assert_eq!(window(&config, lying(10, 0, 0), false), None);
        assert_eq!(window(&config, lying(11, 0, 0), true), None);
        assert_eq!(window(&config, lying(0, 10, 80), true), None);
        let text = window(&config, lying(0, 11, 80), true).unwrap();
        assert!(
            text.contains("11 of 20 events") && text.contains("80 more come after"),
            "{text}"
        );
        (config.hours, config.last_hours) = (None, Some(6.0));
        let text = window(&config, lying(90, 0, 0), true).unwrap();
        assert!(text.contains("a larger number sees more"), "{text}");
        config.last_hours = None;
        let text = window(&config, lying(90, 0, 0), true).unwrap();
        assert!(text.contains("is the begin of stays"), "{text}");
    }
}
