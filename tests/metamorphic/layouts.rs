//! The same cohort as MEDS and as a grid.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, TimeUnit};

use super::cohort::{self, Event, Table};
use super::{MINUTES, Ways, compressed, number, whole};

/// MEDS of the cohort: its tables of data under these names and in these types.
fn meds(ways: &mut Ways, name: &str, seed: u64, shards: &[&str], types: &[(&str, DataType)]) {
    let time = |event: &Event| ways.cohort.time(event).to_string();
    let mut data = Table::of_events(&ways.cohort, whole, time, number);
    data.header = vec!["subject_id", "time", "code", "numeric_value"];
    let rows = data.rows.len().div_ceil(shards.len());
    let data = data.shuffled(seed).shards(rows);
    for (shard, file) in data.iter().zip(shards) {
        shard.parquet(&ways.path(name, &format!("data/{file}.parquet")), types);
    }
    let later = |begin: i64| (begin + 1_000 * cohort::MINUTE).to_string();
    let mut labels = Table::of_stays(&ways.cohort, whole, later, whole);
    labels.header = vec!["subject_id", "prediction_time", "boolean_value"];
    let types = [
        ("subject_id", DataType::Int64),
        (
            "prediction_time",
            DataType::Timestamp(TimeUnit::Microsecond, None),
        ),
        ("boolean_value", DataType::Boolean),
    ];
    labels
        .shuffled(seed)
        .parquet(&ways.path(name, "labels/a.parquet"), &types);
    ways.recipe += &format!(
        "[stages.{name}]\nkind = \"data\"\nseed = 5\nsplit = {{ ratio = [0.5, 0.25, 0.25] }}\n\
         source = {{ format = \"meds\", path = \"{name}\", labels = \"{name}/labels\" }}\n"
    );
    ways.names.push(name.into());
}

#[test]
fn issue19_shards_of_meds_in_any_order_and_types_give_the_same_bytes() {
    let mut ways = Ways::new();
    let types = |unit, value| {
        [
            ("subject_id", DataType::Int64),
            ("time", DataType::Timestamp(unit, None)),
            ("numeric_value", value),
        ]
    };
    let micro = types(TimeUnit::Microsecond, DataType::Float32);
    meds(&mut ways, "one", 1, &["0"], &micro);
    meds(
        &mut ways,
        "shards",
        2,
        &["train/0", "train/1", "held_out/0"],
        &micro,
    );
    meds(&mut ways, "renamed", 2, &["b/9", "a", "c/c/c"], &micro);
    meds(&mut ways, "reordered", 3, &["0", "1"], &micro);
    meds(
        &mut ways,
        "wider",
        4,
        &["0"],
        &types(TimeUnit::Nanosecond, DataType::Float64),
    );
    meds(
        &mut ways,
        "narrower",
        5,
        &["0", "1"],
        &types(TimeUnit::Second, DataType::Float16),
    );
    ways.agree();
}

#[test]
fn issue19_columns_of_a_grid_in_any_type_and_order_give_the_same_bytes() {
    let mut ways = Ways::new();
    let mut grid: BTreeMap<(i64, i64), [String; 3]> = BTreeMap::new();
    for event in &ways.cohort.events {
        let at = ["HR", "lactate", "temperature"]
            .iter()
            .position(|item| *item == event.item);
        let row = grid
            .entry((ways.cohort.ids[event.stay], event.minute))
            .or_default();
        row[at.expect("one of three")] = event.value.to_string();
    }
    let row = |((id, minute), values): (&(i64, i64), &[String; 3])| {
        let id = [id.to_string(), minute.to_string()];
        id.into_iter().chain(values.clone()).collect()
    };
    let grid = Table {
        header: vec!["stay_id", "time", "HR", "lactate", "temperature"],
        rows: grid.iter().map(row).collect(),
    };
    let mut stage = |name: &str, file: &str| {
        ways.plain_stays(name);
        ways.stage(name, &[file], &[&format!("time = {MINUTES}")]);
    };
    for (name, file) in [("text", "a.csv"), ("turned", "a.csv.gz")] {
        stage(name, file);
    }
    let floats = [
        DataType::Float16,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(9, 2),
    ];
    for at in 0..floats.len() {
        stage(&format!("typed_{at}"), "a.parquet");
    }
    ways.write("text", "a.csv", grid.text(",", "\n"));
    let turned = grid.clone().mirrored().shuffled(1).text(",", "\r\n");
    ways.write("turned", "a.csv.gz", compressed(&turned));
    for at in 0..floats.len() {
        let of = |by: usize| floats[(at + by) % floats.len()].clone();
        let types = [
            ("HR", of(0)),
            ("lactate", of(1)),
            ("temperature", of(2)),
            ("time", DataType::Int16),
        ];
        grid.clone()
            .shuffled(at as u64)
            .parquet(&ways.path(&format!("typed_{at}"), "a.parquet"), &types);
    }
    ways.recipe = (ways
        .recipe
        .replace("format = \"long\"", "format = \"wide\""))
    .replace("variable = \"item\"\nvalue = \"value\"\n", "");
    ways.agree();
}
