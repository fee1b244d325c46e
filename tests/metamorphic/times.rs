//! The same times in other zones, units and forms.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};

use super::cohort::{Event, Table};
use super::{OfEvent, TIMESTAMP, WITH_BEGIN, Ways, minutes, number, told, whole};

#[test]
fn issue19_the_same_instants_in_any_zone_and_unit_give_the_same_bytes() {
    let mut ways = Ways::new();
    // Of the events and of the stays: how many minutes east the clocks are, what says so, and the recipe's zone.
    for (name, [east, of_stays], [zone, zone_of_stays], recipe) in [
        ("naive", [0, 0], ["", ""], ""),
        ("naive_elsewhere", [330, 330], ["", ""], ""),
        ("utc", [0, 0], ["Z", "Z"], ""),
        ("named_utc", [0, 0], ["Z", "+00:00"], ""),
        ("east", [120, 120], ["+02:00", "+02:00"], ""),
        ("east_and_west", [330, -480], ["+05:30", "-08:00"], ""),
        ("short_offsets", [120, 0], ["+02", "Z"], ""),
        ("by_the_recipe", [60, 60], ["", ""], ", zone = \"+01:00\""),
        (
            "events_by_the_recipe",
            [-300, 0],
            ["", "Z"],
            ", zone = \"-05:00\"",
        ),
        (
            "stays_by_the_recipe",
            [0, 60],
            ["+00:00", ""],
            ", zone = \"+01:00\"",
        ),
    ] {
        let time = |event: &Event| told(ways.cohort.time(event), east, zone);
        let events = Table::of_events(&ways.cohort, whole, time, number);
        ways.write(name, "a.csv", events.text(",", "\n"));
        let begin = |begin| told(begin, of_stays, zone_of_stays).replace(' ', "T");
        let stays = Table::of_stays(&ways.cohort, whole, begin, whole);
        ways.write(name, "stays.csv", stays.text(",", "\n"));
        let column = TIMESTAMP.replace(" }", &format!("{recipe} }}"));
        ways.stage(name, &["a.csv"], &[&format!("time = {column}"), WITH_BEGIN]);
    }
    let units = [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ];
    for (at, unit) in units.into_iter().enumerate() {
        let zone = ["UTC", "+05:30", "-08:00"]
            .get(at)
            .map(|zone| Arc::from(*zone));
        let name = format!("typed_{at}");
        let begin = match zone {
            Some(_) => |begin| told(begin, -90, "-01:30"),
            None => |begin| told(begin, 0, ""),
        };
        let time = |event: &Event| ways.cohort.time(event).to_string();
        let events = Table::of_events(&ways.cohort, whole, time, number);
        let types = [
            ("time", DataType::Timestamp(unit, zone)),
            ("value", DataType::Float64),
        ];
        events.parquet(&ways.path(&name, "a.parquet"), &types);
        let stays = Table::of_stays(&ways.cohort, whole, begin, whole);
        ways.write(&name, "stays.csv", stays.text(",", "\n"));
        ways.stage(
            &name,
            &["a.parquet"],
            &[&format!("time = {TIMESTAMP}"), WITH_BEGIN],
        );
    }
    ways.agree();
}

#[test]
fn issue19_the_same_minutes_in_any_unit_give_the_same_bytes() {
    let mut ways = Ways::new();
    let units: [(&str, &str, OfEvent); 7] = [
        ("minutes", "minutes", minutes),
        ("more_digits", "minutes", |event| {
            format!("{}.000", event.minute)
        }),
        ("hours", "hours", |event| {
            (event.minute as f64 / 60.0).to_string()
        }),
        ("days", "days", |event| {
            (event.minute as f64 / 1440.0).to_string()
        }),
        ("seconds", "seconds", |event| {
            (event.minute * 60).to_string()
        }),
        ("durations", "duration", |event| {
            format!("{}:{:02}", event.minute / 60, event.minute % 60)
        }),
        ("iso_durations", "duration", |event| {
            format!("PT{}S", event.minute * 60)
        }),
    ];
    for (name, unit, time) in units {
        ways.plain_stays(name);
        let events = Table::of_events(&ways.cohort, whole, time, number);
        ways.write(name, "a.csv", events.text(",", "\n"));
        let time = format!("time = {{ column = \"time\", as = \"{unit}\" }}");
        ways.stage(name, &["a.csv"], &[&time]);
    }
    ways.agree();
}
