//! Times that are typed, beyond reach, or not what the recipe says.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};

use crate::harness::Test;
use crate::issue16_tables::{
    HOUR, STAYS, WITH_START, WITHOUT_START, charts, events, long, run, table,
};

/// The table of stays in Parquet, all of which begin at this hour since 1970.
fn typed_stays(test: &Test, hour: i64) {
    let begins = TimestampMicrosecondArray::from(vec![hour * HOUR; 4]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("stay_id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        ("intime", Arc::new(begins)),
        (
            "fold",
            Arc::new(StringArray::from(vec![
                "train", "train", "tuning", "held_out",
            ])),
        ),
        ("died", Arc::new(Int64Array::from(vec![0, 1, 0, 1]))),
    ];
    table(&test.folder().join("stays.parquet"), columns);
}

#[test]
fn a_format_is_that_of_texts_and_typed_times_of_stays_need_none() {
    let time = r#"{ column = "charttime", as = "timestamp", format = "%m/%d/%Y %H:%M" }"#;
    let recipe = long("charts.csv", time, WITH_START).replace("stays.csv", "stays.parquet");
    let test = Test::new()
        .recipe(&recipe)
        .file("charts.csv", charts(["01/01/2150 08:30"; 4]));
    // Of 2150.
    typed_stays(&test, 65_744 * 24 + 7);
    let outcome = run(test).success();
    assert!(events(&outcome).iter().all(|event| event.2 == 90.0));
}

#[test]
fn a_typed_time_that_no_text_could_tell_is_read() {
    let time = r#"{ column = "charttime", as = "timestamp" }"#;
    let recipe = long("charts.csv", time, WITH_START).replace("stays.csv", "stays.parquet");
    let test = Test::new()
        .recipe(&recipe)
        .file("charts.csv", charts(["9999-12-30 21:00"; 4]));
    // 9999-12-31, which is behind the events.
    typed_stays(&test, 253_402_214_400 / 3_600);
    let outcome = run(test).failure(3);
    outcome
        .says("lie outside of the window")
        .says_nothing_of("is no time");
}

#[test]
fn a_time_beyond_reach_is_told_with_the_limit() {
    let time = r#"{ column = "charttime", as = "timestamp" }"#;
    let stays = STAYS.replace("2150-02-01 09:00:00", "9999-12-31 23:59");
    let test = Test::new()
        .recipe(&long("charts.csv", time, WITH_START))
        .file("charts.csv", charts(["2150-01-01 09:00:00"; 4]))
        .file("stays.csv", stays);
    run(test)
        .failure(3)
        .says("stays.csv: line 3: intime `9999-12-31 23:59` of stay 2 is beyond the times that are read")
        .says("9999-12-30 22:00 UTC")
        .says_nothing_of("which the events' times are");
}

#[test]
fn seconds_since_1970_are_told_not_to_be_seconds_of_a_stay() {
    let with_unit = |unit: &str, times: [&str; 4]| {
        let time = format!(r#"{{ column = "charttime", as = "{unit}" }}"#);
        let test = Test::new()
            .recipe(&long("charts.csv", &time, WITHOUT_START))
            .file("charts.csv", charts(times))
            .file("stays.csv", STAYS);
        run(test).success()
    };
    with_unit("seconds", ["1577836800"; 4])
        .says("warning: 4 stays (such as stay 1 (")
        .says("have events more than 30 years after the begin")
        .says("time.as");
    for (unit, time) in [("minutes", "26297280"), ("hours", "438288")] {
        with_unit(unit, [time; 4]).says("more than 30 years after the begin");
    }
    // A life in days, and a long stay in hours.
    with_unit("days", ["36525"; 4]).says_nothing_of("years after the begin");
    with_unit("hours", ["175320"; 4]).says_nothing_of("years after the begin");
}
