//! Issue 16: times with a zone beside times without one, and dates that can be read in two ways.

use crate::harness::Test;
use crate::issue16_tables::{
    HOUR, Ran, STAYS, WITH_START, charts, charts_parquet, count, events, long, run,
};

/// Hours from 2150 to 2150-01-01 08:00, 2150-02-01 09:00, 2150-03-01 00:00, 2150-04-01 12:00.
const BEGINS: [i64; 4] = [8, 31 * 24 + 9, 59 * 24, 90 * 24 + 12];
/// Hours from 1970 to 2150.
const YEARS: i64 = 65_744 * 24;
const TIMESTAMP: &str = r#"{ column = "charttime", as = "timestamp" }"#;
const NAIVE: [&str; 4] = [
    "2150-01-01 09:00:00",
    "2150-02-01 10:00:00",
    "2150-03-01 01:00:00",
    "2150-04-01 13:00:00",
];

fn with_zone(zone: &str) -> String {
    format!(r#"{{ column = "charttime", as = "timestamp", zone = "{zone}" }}"#)
}

fn test(time: &str, charts: &str, stays: &str) -> Test {
    Test::new()
        .recipe(&long("charts.csv", time, WITH_START))
        .file("charts.csv", charts)
        .file("stays.csv", stays)
}

#[track_caller]
fn minutes(outcome: &Ran) -> Vec<f64> {
    events(outcome).iter().map(|event| event.2).collect()
}

#[test]
fn issue16_a_zone_in_one_table_and_none_in_the_other_is_refused_with_both_places() {
    let zoned = NAIVE.map(|time| format!("{}+01:00", time.replace(' ', "T")));
    let zoned = zoned.each_ref().map(String::as_str);
    let outcome = run(test(TIMESTAMP, &charts(zoned), STAYS)).failure(3);
    outcome
        .says("charts.csv: line 2: charttime `2150-01-01T09:00:00+01:00` knows its time zone")
        .says("intime `2150-01-01 08:00:00` (stays.csv, line 2) does not")
        .says("zone = \"Europe/Berlin\"");
    // The other way round, and in one column.
    let stays = STAYS.replace(":00,", ":00Z,");
    let outcome = run(test(TIMESTAMP, &charts(NAIVE), &stays)).failure(3);
    outcome.says("stays.csv: line 2: intime `2150-01-01 08:00:00Z` knows its time zone");
    let mut mixed = NAIVE;
    mixed[2] = "2150-03-01T01:00:00Z";
    let outcome = run(test(TIMESTAMP, &charts(mixed), STAYS)).failure(3);
    outcome.says("charts.csv: line 4: charttime `2150-03-01T01:00:00Z` knows its time zone");
}

#[test]
fn issue16_parquet_types_with_and_without_a_zone_are_told_apart_too() {
    let times = BEGINS.map(|time| (YEARS + time + 1) * HOUR);
    for (zone, stays, is_sound) in [
        (None, STAYS.to_string(), true),
        (Some("UTC"), STAYS.to_string(), false),
        (Some("Europe/Berlin"), STAYS.to_string(), false),
        (Some("+02:00"), STAYS.replace(":00,", ":00Z,"), true),
    ] {
        let test = Test::new()
            .recipe(&long("charts.parquet", TIMESTAMP, WITH_START))
            .file("stays.csv", &stays);
        charts_parquet(&test.folder().join("charts.parquet"), times, zone);
        let outcome = run(test);
        if is_sound {
            assert_eq!(minutes(&outcome.success()), [60.0; 4], "{zone:?}");
        } else {
            let outcome = outcome.failure(3);
            outcome.says("charts.parquet: row 1: charttime `2150-01-01 09:00:00` knows");
        }
    }
}

#[test]
fn issue16_the_zone_of_a_recipe_is_that_of_times_without_one() {
    let zoned = ["08:00:00Z", "09:00:00Z", "00:00:00Z", "12:00:00Z"];
    let days = ["2150-01-01", "2150-02-01", "2150-03-01", "2150-04-01"];
    let zoned: Vec<String> = (days.iter().zip(zoned))
        .map(|(day, time)| format!("{day}T{time}"))
        .collect();
    let zoned: [&str; 4] = std::array::from_fn(|at| zoned[at].as_str());
    // An event at the begin of each stay, told in UTC, is an hour after what the clock of the ward showed.
    let outcome = run(test(&with_zone("+01:00"), &charts(zoned), STAYS)).success();
    assert_eq!(minutes(&outcome), [60.0; 4]);
    // East and west are not the same: here every event lies before its stay.
    let outcome = run(test(&with_zone("-0530"), &charts(zoned), STAYS)).failure(3);
    outcome
        .says(
            "2 of 2 events of the training split (100.0 %) lie outside of the window: 2 before it",
        )
        .says("is the begin of stays on the clock of the events?");
}

#[test]
fn issue16_hours_that_clocks_skipped_or_showed_twice_are_refused_or_counted() {
    if !std::path::Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        eprintln!("no time zone database: names of zones are not tried");
        return;
    }
    let stays = STAYS
        .replace("2150-01-01 08:00:00", "2024-10-26 08:00:00")
        .replace("2150-02-01 09:00:00", "2024-03-30 08:00:00");
    let mut times = NAIVE;
    times[0] = "2024-10-27 02:30:00";
    times[1] = "2024-03-31 03:30:00";
    let berlin = with_zone("Europe/Berlin");
    let outcome = run(test(&berlin, &charts(times), &stays)).success();
    assert_eq!(count(&outcome, "times_in_a_fold"), 1);
    // The second night is an hour shorter.
    assert_eq!(minutes(&outcome)[..2], [18.5 * 60.0, 18.5 * 60.0]);
    outcome.says("1 times are of hours that clocks showed twice");
    times[1] = "2024-03-31 02:30:00";
    let outcome = run(test(&berlin, &charts(times), &stays)).failure(3);
    outcome
        .says("charts.csv: line 3: charttime `2024-03-31 02:30:00` never was in Europe/Berlin")
        .says("(stay 2)")
        .says("zone = \"+01:00\"");
}

#[test]
fn issue16_a_zone_or_format_that_cannot_be_read_is_refused_before_anything_runs() {
    for (time, what) in [
        (with_zone("Europe/Berlni"), "zone"),
        (with_zone("+25:00"), "zone"),
        (with_zone("../../etc/passwd"), "zone"),
        (
            r#"{ column = "charttime", zone = "UTC" }"#.into(),
            "`as` is `minutes`",
        ),
        (
            r#"{ column = "charttime", as = "timestamp", format = "%H:%M" }"#.into(),
            "does not tell year",
        ),
        (
            r#"{ column = "charttime", as = "timestamp", format = "%Y-%m-%d %H:%M:%S %Q" }"#.into(),
            "tells the zone by its name (%Q)",
        ),
        (
            r#"{ column = "charttime", as = "timestamp", format = "%Y-%m-%d %H:%M:%S %s" }"#.into(),
            "write an offset (%z)",
        ),
        (
            r#"{ column = "charttime", as = "hours", format = "%Y-%m-%d" }"#.into(),
            "`as` is `hours`",
        ),
    ] {
        let mut test = test(&time, &charts(NAIVE), STAYS);
        let outcome = test.run_with(["check", "recipe.toml"]).failure(2);
        outcome.stderr_has(what).stderr_has("recipe.toml");
    }
}

#[test]
fn issue16_a_date_that_can_be_read_in_two_ways_is_refused_and_a_format_reads_it() {
    let american = [
        "01/01/2150 09:00",
        "02/01/2150 10:00",
        "03/01/2150 01:00",
        "04/01/2150 13:00",
    ];
    let begins = [
        ("2150-01-01 08:00:00", "01/01/2150 08:00"),
        ("2150-02-01 09:00:00", "02/01/2150 09:00"),
        ("2150-03-01 00:00:00", "03/01/2150 00:00"),
        ("2150-04-01 12:00:00", "04/01/2150 12:00"),
    ];
    let stays = begins
        .iter()
        .fold(STAYS.to_string(), |stays, (iso, other)| {
            stays.replace(iso, other)
        });
    let outcome = run(test(TIMESTAMP, &charts(american), &stays)).failure(3);
    outcome
        .says("intime `01/01/2150 08:00` of stay 1 is ambiguous as timestamp")
        .says("time.format = \"%m/%d/%Y %H:%M\" reads the month first");
    let outcome = run(test(TIMESTAMP, &charts(american), STAYS)).failure(3);
    outcome
        .says("charts.csv: line 2: charttime `01/01/2150 09:00` is ambiguous as timestamp")
        .says("(stay 1)");
    let format = r#"{ column = "charttime", as = "timestamp", format = "%m/%d/%Y %H:%M" }"#;
    let outcome = run(test(format, &charts(american), &stays)).success();
    assert_eq!(minutes(&outcome), [60.0; 4]);
    // A table of stays that is written in another way is refused, not guessed.
    let outcome = run(test(format, &charts(american), STAYS)).failure(3);
    outcome.says("intime `2150-01-01 08:00:00` of stay 1 is no time as `%m/%d/%Y %H:%M`");
}
