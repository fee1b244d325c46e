//! Issue 16: labels of rows. Stays that are cut alike, predictions along a stay, and shapes that tell the label.

use crate::harness::Test;
use crate::issue16_tables::{Ran, count, events, run, texts};

/// A wide table of sixty stays with a row an hour. Every third turns positive at hour 4 to 9; the others go on
/// for 20 to 30 hours.
fn grid() -> String {
    let mut rows = "stay_id,hour,HR,aki\n".to_string();
    for stay in 1..=60_u32 {
        let positive = (stay % 3 == 0).then_some(4 + stay / 3 % 6);
        for hour in 0..=20 + stay % 11 {
            let label = u32::from(positive.is_some_and(|positive| hour >= positive));
            rows += &format!(
                "{stay},{hour},{},{label}\n",
                60 + (7 * stay + 5 * hour) % 31
            );
        }
    }
    rows
}

/// The same with dates; the first rows of every stay have no label, or no value.
fn dated(without_label: u32, without_value: u32) -> String {
    let shown = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let hour: u32 = cells[1].parse().expect("an hour");
        let value = if hour < without_value { "" } else { cells[2] };
        let label = if hour < without_label { "" } else { cells[3] };
        let (day, hour) = (1 + hour / 24, hour % 24);
        format!(
            "{},2150-01-{day:02} {hour:02}:00,{value},{label}\n",
            cells[0]
        )
    };
    let grid = grid();
    let (header, rows) = grid.split_once('\n').expect("a header");
    format!("{header}\n{}", rows.lines().map(shown).collect::<String>())
}

fn recipe(more: &str, stage: &str) -> String {
    format!(
        r#"format = 1
[model]
input_dim = 8
[stages.events]
kind = "data"
split = {{ file = "splits.csv" }}
{stage}
[stages.events.source]
format = "wide"
files = ["grid.csv"]
id = "stay_id"
time = {{ column = "hour", as = "hours" }}
row_label = "aki"
{more}
"#
    )
}

fn test(more: &str, stage: &str) -> Test {
    let splits: String = (1..=60)
        .map(|stay| {
            let split = ["train", "train", "train", "validation", "test"][stay / 3 % 5];
            format!("{stay},{split}\n")
        })
        .collect();
    Test::new()
        .recipe(&recipe(more, stage))
        .file("grid.csv", grid())
        .file("splits.csv", format!("stay_id,split\n{splits}"))
}

#[track_caller]
fn ids(outcome: &Ran) -> Vec<String> {
    texts(&outcome.json(), "stays", "stay_id")
}

#[test]
fn issue16_positive_stays_that_alone_are_cut_are_told_by_their_shape() {
    let mut outcome = run(test("", "")).success();
    for what in [
        "warning: the number of sets alone tells the label, AUROC 1.00",
        "warning: the number of events alone tells the label, AUROC 1.00",
        "warning: the time from the begin of a stay to its last event alone tells the label, AUROC 1.00",
        "`negatives = \"matched\"` or `landmarks` beside `row_label` treat both alike",
    ] {
        outcome = outcome.says(what);
    }
    // The same window for all leaves nothing of it.
    run(test("", "hours = 4"))
        .success()
        .says_nothing_of("alone tells");
}

#[test]
fn issue16_matched_negatives_are_cut_at_times_of_positives() {
    let outcome = run(test("negatives = \"matched\"", "")).success();
    let outcome = outcome.says_nothing_of("warning");
    assert_eq!(ids(&outcome).len(), 60);
    let mut hours = std::collections::BTreeMap::new();
    for event in events(&outcome) {
        let last = hours.entry(event.0).or_insert(0.0_f64);
        *last = last.max(event.2 / 60.0);
    }
    let positives_end = 3.0..=8.0;
    assert!(hours.values().all(|hour| positives_end.contains(hour)));
    let of_negatives = hours.iter().filter(|(id, _)| {
        let id: u32 = id.parse().expect("a number");
        !id.is_multiple_of(3)
    });
    let distinct: std::collections::BTreeSet<u64> =
        of_negatives.map(|(_, hour)| *hour as u64).collect();
    assert!(distinct.len() > 2, "they are drawn: {distinct:?}");
    // The draws are the seed's.
    let other = run(test("negatives = \"matched\"", "seed = 5")).success();
    assert_ne!(events(&other), events(&outcome));
    assert_eq!(
        events(&run(test("negatives = \"matched\"", "")).success()),
        events(&outcome)
    );
}

#[test]
fn issue16_landmarks_are_predictions_along_a_stay() {
    let more = "landmarks = { every_hours = 3, horizon_hours = 4 }";
    let outcome = run(test(more, "")).success();
    let ids = ids(&outcome);
    let of = |stay: &str| -> Vec<&str> {
        let with = format!("{stay}@");
        let hours = ids.iter().filter_map(|id| id.strip_prefix(&with));
        hours.collect()
    };
    // Stay 18 is positive from hour 4 on, stay 15 from 9 on; stay 1 ends at hour 21.
    assert_eq!(of("18"), ["3"]);
    assert_eq!(of("15"), ["3", "6"]);
    let mut of_negative = of("1");
    of_negative.sort_by_key(|hours| hours.parse::<u32>().expect("hours"));
    assert_eq!(
        of_negative,
        ["3", "6", "9", "12", "15"],
        "18 + 4 is past its end"
    );
    for (id, _, minute, ..) in events(&outcome) {
        let (_, hours) = id.split_once('@').expect("a landmark");
        let hours: f64 = hours.parse().expect("hours");
        assert!(minute <= 60.0 * hours, "{id} sees minute {minute}");
    }
    let subjects = texts(&outcome.json(), "stays", "subject_id");
    let splits = texts(&outcome.json(), "stays", "split");
    let mut split_of = std::collections::BTreeMap::new();
    for ((id, subject), split) in ids.iter().zip(subjects).zip(splits) {
        assert_eq!(id.split_once('@').expect("a landmark").0, subject);
        assert_eq!(*split_of.entry(subject).or_insert(split.clone()), split);
    }
    // Positive within four hours: at hour 3 for 4 to 7, at hour 6 for 7 to 9.
    let positives: u64 = ["train", "validation", "test"]
        .iter()
        .map(|split| count(&outcome, &format!("{split}.positives")))
        .sum();
    let expected = (1..=60_u64)
        .filter(|stay| stay % 3 == 0)
        .map(|stay| 4 + stay / 3 % 6);
    let expected = expected.map(|positive| {
        [3, 6]
            .iter()
            .filter(|hour| **hour < positive && positive <= *hour + 4)
            .count()
    });
    assert_eq!(positives, expected.sum::<usize>() as u64);
    assert!(count(&outcome, "landmarks_unfinished") > 0);
    assert_eq!(count(&outcome, "stays_without_landmark"), 0);
    outcome.says("landmarks of 60 stays");
}

#[test]
fn issue16_a_landmark_whose_stay_ends_before_its_horizon_is_negative_only_if_the_recipe_says_so() {
    let more = "landmarks = { every_hours = 12, horizon_hours = 48, first_hours = 2 }";
    let outcome = run(test(more, "")).success();
    let of_positive = |id: &String| {
        let stay = id.split_once('@').expect("a landmark").0;
        stay.parse::<u32>().expect("a number").is_multiple_of(3)
    };
    assert!(
        ids(&outcome).iter().all(of_positive),
        "two days are seen of no negative"
    );
    assert_eq!(count(&outcome, "stays_without_landmark"), 40);
    let more = more.replace(" }", ", unfinished = \"negative\" }");
    let outcome = run(test(&more, "")).success();
    assert_eq!(count(&outcome, "landmarks_unfinished"), 0);
    assert!(ids(&outcome).contains(&"1@14".to_string()));
}

#[test]
fn issue16_dated_stays_begin_with_their_first_event_whatever_its_row_says() {
    const STAGE: &str = "hours = 6\nwithout_label = \"drop\"";
    let of = |more: &str, without_label, without_value| {
        let recipe = recipe(more, STAGE).replace("as = \"hours\"", "as = \"timestamp\"");
        let test = test(more, STAGE).recipe(&recipe);
        let rows = dated(without_label, without_value);
        run(test.file("grid.csv", rows)).success()
    };
    for more in [
        "negatives = \"matched\"",
        "landmarks = { every_hours = 3, horizon_hours = 4 }",
    ] {
        let expected = run(test(more, STAGE)).success();
        let found = of(more, 2, 0);
        assert_eq!(events(&found), events(&expected), "{more}");
        assert_eq!(ids(&found), ids(&expected), "{more}");
        let mut begins = std::collections::BTreeMap::new();
        for event in events(&of(more, 0, 2)) {
            let begin = begins.entry(event.0).or_insert(event.2);
            *begin = begin.min(event.2);
        }
        assert!(begins.values().all(|minute| *minute == 0.0), "{begins:?}");
    }
}

#[test]
fn issue16_rows_without_a_label_do_not_lengthen_what_is_known_of_a_stay() {
    let unlabelled = |line: &str| {
        let hour = line.split(',').nth(1).and_then(|hour| hour.parse().ok());
        match hour.is_some_and(|hour: u32| hour > 12) {
            true => format!("{},\n", line.rsplit_once(',').expect("a label").0),
            false => format!("{line}\n"),
        }
    };
    let more = "landmarks = { every_hours = 3, horizon_hours = 4 }";
    let test = test(more, "without_label = \"drop\"");
    let rows: String = grid().lines().map(unlabelled).collect();
    let outcome = run(test.file("grid.csv", rows)).success();
    let ids = ids(&outcome);
    let of_one = ids.iter().filter(|id| id.starts_with("1@"));
    assert_eq!(
        of_one.collect::<Vec<_>>(),
        ["1@3", "1@6"],
        "9 + 4 is past hour 12"
    );
}

#[test]
fn issue16_cuts_that_make_no_sense_are_refused_before_anything_runs() {
    for (more, what) in [
        (
            "landmarks = { every_hours = 0, horizon_hours = 4 }",
            "every_hours",
        ),
        (
            "landmarks = { every_hours = 6, horizon_hours = 4 }\nnegatives = \"matched\"",
            "has `landmarks` beside it",
        ),
    ] {
        let mut test = test(more, "");
        test.run_with(["check", "recipe.toml"])
            .failure(2)
            .stderr_has(what);
    }
    let more = "landmarks = { every_hours = 0.001, horizon_hours = 4 }";
    let outcome = run(test(more, "")).failure(3);
    outcome
        .says("landmarks: one every 0.001 hours")
        .says("raise landmarks.every_hours");
}
