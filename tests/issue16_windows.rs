//! Issue 16: one early event moves the whole window; windows are half-open; minutes are exact.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};

use crate::document::repository;
use crate::harness::Test;
use crate::issue16_tables::{
    HOUR, STAYS, WITH_START, WITHOUT_START, charts, charts_parquet, count, events, long, run, table,
};

const PATIENTS: i64 = 40;
const DAY: i64 = 24 * HOUR;
const TIMESTAMP: &str = r#"{ column = "charttime", as = "timestamp" }"#;

/// Forty patients with ten heart rates in the day before a prediction, and what else has a code and a time
/// (in microseconds before they were admitted).
fn meds(test: Test, more: &[(&str, Option<i64>)], zone: Option<&str>) -> Test {
    let root = test.folder().join("meds");
    let mut rows: Vec<(i64, Option<i64>, &str, Option<f32>)> = Vec::new();
    for id in 1..=PATIENTS {
        let admitted = (180 * 365 + id) * DAY;
        rows.push((id, None, "GENDER//F", None));
        for &(code, before) in more {
            rows.push((id, before.map(|before| admitted - before), code, None));
        }
        for hour in 0..10 {
            let value = 70.0 + (id % 5 + hour) as f32;
            rows.push((id, Some(admitted + hour * HOUR), "HR", Some(value)));
        }
    }
    let mut times: TimestampMicrosecondArray = rows.iter().map(|row| row.1).collect();
    if let Some(zone) = zone {
        times = times.with_timezone(zone);
    }
    let codes = rows.iter().map(|row| row.2);
    let ids = rows.iter().map(|row| Some(row.0));
    table(
        &root.join("data/0.parquet"),
        vec![
            ("subject_id", Arc::new(ids.collect::<Int64Array>())),
            ("time", Arc::new(times)),
            ("code", Arc::new(StringArray::from_iter_values(codes))),
            (
                "numeric_value",
                Arc::new(rows.iter().map(|row| row.3).collect::<Float32Array>()),
            ),
        ],
    );
    let ids = || (1..=PATIENTS).map(Some);
    let predictions = (1..=PATIENTS).map(|id| Some((180 * 365 + id) * DAY + DAY));
    let labels = (1..=PATIENTS).map(|id| Some(id % 3 == 0));
    table(
        &root.join("labels/in_hospital_mortality/0.parquet"),
        vec![
            ("subject_id", Arc::new(ids().collect::<Int64Array>())),
            (
                "prediction_time",
                Arc::new(predictions.collect::<TimestampMicrosecondArray>()),
            ),
            ("boolean_value", Arc::new(labels.collect::<BooleanArray>())),
        ],
    );
    let split = |id: i64| match id {
        ..=25 => "train",
        26..=32 => "tuning",
        _ => "held_out",
    };
    let splits: ArrayRef = Arc::new(StringArray::from_iter_values((1..=PATIENTS).map(split)));
    table(
        &root.join("metadata/subject_splits.parquet"),
        vec![
            ("subject_id", Arc::new(ids().collect::<Int64Array>())),
            ("split", splits),
        ],
    );
    let root = root.to_string_lossy().into_owned();
    test.env("MEDS", &root)
}

/// The shipped recipe, with the window that the test wants.
fn shipped(window: &str) -> Test {
    let path = repository("recipes/meds.toml");
    let recipe = format!("format = 1\nextends = [\"{path}\"]\n");
    Test::new().recipe(&(recipe + window))
}

/// A recipe that looks at the first 48 hours.
const FIRST_HOURS: &str = r#"format = 1
[model]
input_dim = 16
[stages.events]
kind = "data"
source = { format = "meds", path = "meds", labels = "meds/labels/in_hospital_mortality" }
split = { column = "split" }
hours = 48
"#;

#[test]
fn issue16_birth_does_not_start_the_clock_and_is_there_at_minute_0() {
    for code in ["MEDS_BIRTH", "MEDS_BIRTH//F//1990"] {
        for mut test in [shipped(""), Test::new().recipe(FIRST_HOURS)] {
            test = meds(test, &[(code, Some(60 * 365 * DAY))], None);
            let outcome = run(test).success();
            let outcome = outcome.says_nothing_of("warning");
            assert_eq!(count(&outcome, "events_outside_window"), 0);
            let events = events(&outcome);
            let rates = events.iter().filter(|event| event.3 == "HR");
            assert_eq!(rates.count() as i64, 10 * PATIENTS);
            let births = events.iter().filter(|event| event.3 == code);
            assert!(births.clone().all(|event| event.2 == 0.0));
            assert_eq!(births.count() as i64, PATIENTS);
        }
    }
}

#[test]
fn issue16_a_former_visit_moves_no_shipped_window_and_a_warning_tells_of_one_that_it_moves() {
    let visit = [("VISIT", Some(400 * DAY))];
    let outcome = run(meds(shipped(""), &visit, None)).success();
    assert_eq!(count(&outcome, "events_outside_window") as i64, PATIENTS);
    let rates = events(&outcome).into_iter().filter(|event| event.3 == "HR");
    assert_eq!(rates.count() as i64, 10 * PATIENTS);
    let test = meds(Test::new().recipe(FIRST_HOURS), &visit, None);
    let outcome = run(test).success();
    // That is the reason, not that training shows no heart rate.
    assert_eq!(
        count(&outcome, "events_outside_window") as i64,
        10 * PATIENTS
    );
    assert_eq!(count(&outcome, "events_of_unseen_variables"), 0);
    outcome
        .says("warning: 250 of 275 events of the training split (90.9 %) lie outside of the window")
        .says("last_hours = 48 looks back from the time of prediction");
}

#[test]
fn issue16_meds_times_with_a_zone_beside_predictions_without_one_are_refused() {
    for zone in ["UTC", "Europe/Berlin"] {
        let outcome = run(meds(shipped(""), &[], Some(zone))).failure(3);
        outcome
            .says("0.parquet: `time` knows its time zone, and `prediction_time` of")
            .says("does not");
    }
}

#[test]
fn issue16_a_stray_date_in_a_long_table_is_told_with_the_setting_that_mends_it() {
    let times = [
        "2150-01-01 08:30:00",
        "2150-02-01 09:30:00",
        "2150-03-01 00:30:00",
        "2150-04-01 12:30:00",
    ];
    let mut rows = charts(times);
    for stay in 1..=2 {
        rows += &format!("{stay},1900-01-01,HR,60\n{stay},2150-0{stay}-01 20:00,HR,61\n");
    }
    let test = |stays: &str| {
        Test::new()
            .recipe(&long("charts.csv", TIMESTAMP, stays).replace("kind =", "hours = 48\nkind ="))
            .file("charts.csv", &rows)
            .file("stays.csv", STAYS)
    };
    let outcome = run(test(WITHOUT_START)).success();
    outcome
        .says("4 of 6 events of the training split")
        .says("source.stays.start names the column");
    let outcome = run(test(WITH_START)).success();
    assert_eq!(count(&outcome, "events_outside_window"), 2);
    outcome
        .says("2 of 6 events of the training split")
        .says("is the begin of stays on the clock of the events");
}

#[test]
fn issue16_the_mark_for_no_time_is_none_and_a_time_that_cannot_be_counted_to_is_refused() {
    let test = |times: [i64; 4]| {
        let stays = STAYS.replace("2150-01-01", "1900-01-01");
        let test = Test::new()
            .recipe(&long("charts.parquet", TIMESTAMP, WITH_START))
            .file("stays.csv", stays);
        charts_parquet(&test.folder().join("charts.parquet"), times, None);
        test
    };
    let later = 190 * 365 * DAY;
    run(test([i64::MIN, later, later, later]))
        .failure(3)
        .says("charts.parquet: row 1: no charttime (stay 1)");
    run(test([i64::MAX - 1, later, later, later]))
        .failure(3)
        .says("stay 1 (")
        .says("292,000 years apart");
}

#[test]
fn issue16_windows_hold_one_of_their_ends() {
    let minutes = [0, 1439, 1440, 1441];
    let rows = |stay: i64| {
        let rows = minutes.map(|minute| format!("{stay},{minute},HR,{}\n", 60 + stay + minute % 7));
        rows.concat()
    };
    let rows: String = (1..=4).map(rows).collect();
    let test = |window: &str| {
        Test::new()
            .recipe(
                &long("charts.csv", r#"{ column = "charttime" }"#, WITHOUT_START)
                    .replace("kind =", &format!("{window}\nkind =")),
            )
            .file(
                "charts.csv",
                format!("stay_id,charttime,item,value\n{rows}"),
            )
            .file("stays.csv", STAYS)
    };
    for (window, expected) in [
        ("hours = 24", &[0.0, 1439.0][..]),
        ("hours = 24.01", &[0.0, 1439.0, 1440.0]),
        // They end with the last event, at minute 1441, and begin after minute 1.
        ("last_hours = 24", &[1438.0, 1439.0, 1440.0]),
        ("last_hours = 48", &[0.0, 1439.0, 1440.0, 1441.0]),
    ] {
        let outcome = run(test(window)).success();
        let events = events(&outcome);
        let found: Vec<f64> = events.iter().map(|event| event.2).collect();
        assert_eq!(found, expected.repeat(4), "{window}");
    }
    run(test("hours = 0")).failure(2);
}

#[test]
fn issue16_times_a_fraction_of_a_minute_apart_after_ten_years_are_two_sets() {
    let times = [5_256_000.1, 5_256_000.2];
    let text: String = (1..=4)
        .flat_map(|stay| times.map(|time| format!("{stay},{time},HR,{}\n", 60 + stay)))
        .collect();
    for file in ["charts.csv", "charts.parquet"] {
        let test = Test::new()
            .recipe(&long(file, r#"{ column = "charttime" }"#, WITHOUT_START))
            .file(
                "charts.csv",
                format!("stay_id,charttime,item,value\n{text}"),
            )
            .file("stays.csv", STAYS);
        let stays = vec![1, 1, 2, 2, 3, 3, 4, 4];
        let values = stays.iter().map(|stay| 60.0 + *stay as f64);
        table(
            &test.folder().join("charts.parquet"),
            vec![
                ("stay_id", Arc::new(Int64Array::from(stays.clone()))),
                ("charttime", Arc::new(Float64Array::from(times.repeat(4)))),
                ("item", Arc::new(StringArray::from(vec!["HR"; 8]))),
                ("value", Arc::new(Float64Array::from_iter_values(values))),
            ],
        );
        let outcome = run(test).success();
        let events = events(&outcome);
        let found: Vec<(u32, f64)> = events.iter().map(|event| (event.1, event.2)).collect();
        assert_eq!(found, [(0, times[0]), (1, times[1])].repeat(4), "{file}");
    }
}
