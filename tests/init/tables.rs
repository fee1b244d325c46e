//! What folders hold beside a table of events: more tables, other ids, more classes. Each recipe runs as it was written.

use std::fmt::Write;

use serde_json::Value;

use super::{STAYS, assert_scored, died, from_data_to_metrics};
use crate::document::stage;
use crate::harness::Test;

/// A row a stay and hour, of cells by both.
fn rows(header: &str, row: impl Fn(u32, u32) -> String) -> String {
    let mut text = format!("{header}\n");
    for (stay, hour) in STAYS.flat_map(|stay| (0..4).map(move |hour| (stay, hour))) {
        writeln!(text, "{}", row(stay, hour)).expect("a line");
    }
    text
}

/// A row a stay.
fn labels(header: &str, row: impl Fn(u32) -> String) -> String {
    let mut text = format!("{header}\n");
    for stay in STAYS {
        writeln!(text, "{}", row(stay)).expect("a line");
    }
    text
}

/// The recipe that `init` writes for a table of events and one of outcomes, with `more` arguments, and the run of it.
fn of_events(events: String, outcomes: String, more: &[&str]) -> (Value, Value) {
    let mut test = Test::new()
        .file("data/events.csv", events)
        .file("data/outcomes.csv", outcomes);
    from_data_to_metrics(&mut test, "data", more)
}

#[test]
fn wide_tables_of_different_variables_are_read_together() {
    let vitals = rows("stay_id,hour,HR", |stay, hour| {
        format!("{stay},{hour},{}", 60 + stay % 9 + hour)
    });
    let labs = rows("stay_id,hour,lactate", |stay, hour| {
        format!("{stay},{hour},{}", 1 + (stay + hour) % 3)
    });
    let outcomes = labels("stay_id,died", |stay| format!("{stay},{}", died(stay)));
    let mut test = Test::new()
        .file("data/vitals.csv", vitals)
        .file("data/labs.csv", labs)
        .file("data/outcomes.csv", outcomes);
    let (_, run) = from_data_to_metrics(&mut test, "data", &[]);
    assert_scored(&run);
    assert_eq!(stage(&run, "events")["metrics"]["source_rows"], 240);
}

#[test]
fn three_classes_that_are_asked_for_run_to_metrics() {
    let events = rows("stay_id,hour,item,value", |stay, hour| {
        format!("{stay},{hour},HR,{}", 60 + 5 * (stay % 3) + hour)
    });
    let outcomes = labels("stay_id,severity", |stay| format!("{stay},{}", stay % 3));
    let (_, run) = of_events(events, outcomes, &["--label", "severity"]);
    let scored = &stage(&run, "test")["metrics"]["n"];
    assert!(scored.as_u64().expect("n") > 0);
}

#[test]
fn twelve_hours_and_ids_with_zeros_run_as_they_were_guessed() {
    let events = rows("stay_id,charttime,item,value", |stay, hour| {
        let day = 1 + stay % 28;
        format!(
            "{stay:06},01/{day:02}/2150 {:02}:30 PM,HR,{}",
            1 + hour,
            60 + stay % 7 + hour
        )
    });
    let outcomes = labels("stay_id,died", |stay| format!("{stay},{}", died(stay)));
    let (_, run) = of_events(events, outcomes, &[]);
    assert_scored(&run);
}

#[test]
fn dates_of_digits_are_dates() {
    let events = rows("stay_id,charttime,item,value", |stay, day| {
        format!("{stay},2150010{},HR,{}", 1 + day, 60 + stay % 7 + day)
    });
    let outcomes = labels("stay_id,died", |stay| format!("{stay},{}", died(stay)));
    let (_, run) = of_events(events, outcomes, &[]);
    assert_scored(&run);
}

#[test]
fn labels_are_joined_by_the_ids_of_stays_and_by_no_number_of_rows() {
    let events = rows("patient_id,hour,variable,value", |stay, hour| {
        format!("{stay},{hour},HR,{}", 60 + stay % 7 + hour)
    });
    // Every third stay, as `died` has it; joined by the row, labels would be those of other stays.
    let outcomes = labels("id,subject_id,died", |row| {
        let stay = 31 - row;
        format!("{row},{stay},{}", died(stay))
    });
    let (init, run) = of_events(events, outcomes, &[]);
    assert_scored(&run);
    let labels = super::guessed(&init, "stages.events.source.labels");
    assert!(labels.contains("id = \"subject_id\""), "{labels}");
}
