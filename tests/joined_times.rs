//! Targets that are joined by patient and time, on the clock of the source.

use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use pipeline_data::parquet_file::read;

use crate::document::artifact;
use crate::harness::Test;

const RECIPE: &str = r#"format = 1
[model]
input_dim = 8
[stages.events]
kind = "data"
split = { column = "fold" }
targets.y = { path = "y.csv", task = "regression", subject = "subject", time = "at", without_value = "drop" }
[stages.events.source]
format = "long"
files = ["charts.csv"]
id = "stay_id"
time = { column = "charttime", as = "timestamp"MORE }
variable = "item"
value = "value"
stays = { path = "stays.csv", id = "stay_id", subject = "patient", prediction = "at" }
labels = { path = "stays.csv", id = "stay_id", column = "died" }
"#;

/// Two predictions of each of four patients, an hour apart; `time` writes the times of the source, and `of_targets` those of
/// the table of targets, by the hour.
fn test(more: &str, time: impl Fn(usize) -> String, of_targets: impl Fn(usize) -> String) -> Test {
    let (mut stays, mut charts, mut targets) = (
        "stay_id,patient,at,fold,died\n".to_string(),
        "stay_id,charttime,item,value\n".to_string(),
        "subject,at,y\n".to_string(),
    );
    let folds = ["train", "train", "tuning", "held_out"];
    for (number, fold) in folds.into_iter().enumerate() {
        for hour in 0..2 {
            let (stay, patient) = (2 * number + hour + 1, 11 + number);
            let at = time(8 + hour);
            stays += &format!("{stay},{patient},{at},{fold},{}\n", stay % 2);
            charts += &format!("{stay},{},HR,{stay}\n", time(7));
            targets += &format!(
                "{patient},{},{}\n",
                of_targets(8 + hour),
                10 * patient + hour
            );
        }
    }
    Test::new()
        .recipe(&RECIPE.replace("MORE", more))
        .file("stays.csv", stays)
        .file("charts.csv", charts)
        .file("y.csv", targets)
        .args(["run", "recipe.toml", "--format", "json"])
}

fn naive(hour: usize) -> String {
    format!("2150-01-02 {hour:02}:00")
}

/// The targets of the stays in their order.
fn values(test: &Test) -> Vec<Option<f64>> {
    let document = test.run().success().json();
    let path = artifact(&document, "events", "targets");
    let batches = read(Path::new(&path), &["y"]).expect("a table");
    let columns = batches.iter().map(|batch| batch.column(0));
    columns
        .flat_map(|column| {
            column
                .as_primitive::<Float64Type>()
                .iter()
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn times_of_targets_are_read_as_those_of_the_source_are() {
    let expected = [110, 111, 120, 121, 130, 131, 140, 141].map(|y| Some(f64::from(y)));
    let zone = ", zone = \"+01:00\"";
    assert_eq!(values(&test(zone, naive, naive)), expected);
    let utc = |hour: usize| format!("2150-01-02T{:02}:00:00Z", hour - 1);
    assert_eq!(values(&test(zone, naive, utc)), expected);
    assert_eq!(values(&test("", naive, naive)), expected);
    // The day comes first, or the month: only the format tells.
    let by_format = |hour: usize| format!("02/01/2150 {hour:02}:00");
    let format = ", format = \"%d/%m/%Y %H:%M\"";
    assert_eq!(values(&test(format, by_format, by_format)), expected);
    assert_eq!(values(&test(format, by_format, naive)), expected);
}

#[test]
fn targets_with_a_zone_and_stays_without_one_are_refused() {
    let zoned = |hour: usize| format!("2150-01-02T{hour:02}:00:00+01:00");
    let outcome = test("", naive, zoned).run().failure(3);
    outcome
        .stderr_has("y.csv: line 2: at `2150-01-02T08:00:00+01:00` knows its time zone")
        .stderr_has("zone = \"Europe/Berlin\"");
    let outcome = test("", zoned, naive).run().failure(3);
    outcome
        .stderr_has("at `2150-01-02 08:00`")
        .stderr_has("does not");
}
