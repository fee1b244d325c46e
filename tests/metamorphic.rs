//! The same cohort told in other ways: the same splits and the same artifacts, bit for bit, or an error that says why.
//!
//! The ways are those of `docs/data.md`, "How cells are read" and "Which files are read".

mod cohort;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::StringArray;
use arrow::datatypes::{DataType, TimeUnit};
use jiff::Timestamp;
use jiff::tz::Offset;
use pipeline_data::parquet_file::{column, read};
use serde_json::Value;

use crate::document::{artifact, digests};
use crate::harness::Test;
use cohort::{Cohort, Event, Table};

const MINUTES: &str = r#"{ column = "time" }"#;
const TIMESTAMP: &str = r#"{ column = "time", as = "timestamp" }"#;
const WITH_BEGIN: &str = r#"stays = { path = "STAYS", id = "stay_id", start = "begin" }"#;

/// How ids and the times of events are spelled.
type OfId = fn(i64) -> String;
type OfEvent = fn(&Event) -> String;

/// Data stages that should give the same, each with files of its own.
struct Ways {
    cohort: Cohort,
    test: Test,
    recipe: String,
    names: Vec<String>,
}

impl Ways {
    fn new() -> Self {
        Self {
            cohort: Cohort::new(),
            test: Test::new(),
            recipe: "format = 1\n[model]\ninput_dim = 8\n".into(),
            names: Vec::new(),
        }
    }

    /// A stage that reads `files` of a folder of its own, with these settings of the source.
    fn stage(&mut self, name: &str, files: &[&str], settings: &[&str]) {
        let files: Vec<String> = files.iter().map(|file| format!("{name}/{file}")).collect();
        let settings = settings
            .join("\n")
            .replace("STAYS", &format!("{name}/stays.csv"));
        self.recipe += &format!(
            "[stages.{name}]\nkind = \"data\"\nseed = 5\nsplit = {{ ratio = [0.5, 0.25, 0.25] }}\n\
             [stages.{name}.source]\nformat = \"long\"\nfiles = {files:?}\nid = \"stay_id\"\nvariable = \"item\"\n\
             value = \"value\"\n\
             labels = {{ path = \"{name}/stays.csv\", id = \"stay_id\", column = \"died\" }}\n{settings}\n"
        );
        self.names.push(name.into());
    }

    fn path(&self, name: &str, file: &str) -> PathBuf {
        let path = self.test.folder().join(name).join(file);
        let folder = path.parent().expect("a folder");
        std::fs::create_dir_all(folder).expect("a folder can be made");
        path
    }

    fn write(&self, name: &str, file: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name, file), bytes).expect("a file can be written");
    }

    /// Stays with plain ids and labels.
    fn plain_stays(&self, name: &str) {
        let stays = Table::of_stays(&self.cohort, whole, zulu, whole);
        self.write(name, "stays.csv", stays.text(",", "\n"));
    }

    /// Events with plain cells.
    fn plain_events(&self) -> Table {
        Table::of_events(&self.cohort, whole, minutes, number)
    }

    /// Runs all: every artifact of every stage is that of the first.
    #[track_caller]
    fn agree(mut self) {
        self.test = self.test.recipe(&self.recipe);
        let run = self
            .test
            .run_with(["run", "recipe.toml", "--format", "json"]);
        let document = run.success().json();
        let by_stage = artifacts(&document);
        let first = &by_stage[&self.names[0]];
        let differ = self.names.iter().filter(|name| by_stage[*name] != *first);
        let differ: Vec<&String> = differ.collect();
        assert!(
            differ.is_empty(),
            "other artifacts than {}: {differ:?}",
            self.names[0]
        );
    }

    /// Runs all: no table of events is that of another.
    #[track_caller]
    fn differ(mut self) {
        self.test = self.test.recipe(&self.recipe);
        let run = self
            .test
            .run_with(["run", "recipe.toml", "--format", "json"]);
        let by_stage = artifacts(&run.success().json());
        let events: BTreeSet<&String> = by_stage.values().map(|tables| &tables["events"]).collect();
        assert_eq!(events.len(), self.names.len());
    }

    /// Runs all, each of which is refused with these words.
    #[track_caller]
    fn refused(mut self, words: &[&str]) {
        self.test = self.test.recipe(&self.recipe);
        for name in &self.names {
            let outcome = self.test.run_with(["run", "recipe.toml", name]);
            words.iter().fold(outcome.failure(3), |outcome, words| {
                outcome.stderr_has(words)
            });
        }
    }
}

/// Digests of the tables, by stage. The profile names files, and is left out.
fn artifacts(document: &Value) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut by_stage: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for ((stage, name), digest) in digests(document) {
        if name != "profile" {
            by_stage.entry(stage).or_default().insert(name, digest);
        }
    }
    by_stage
}

fn stay_ids(document: &Value, stage: &str) -> Vec<String> {
    let path = artifact(document, stage, "stays");
    let batches = read(&path, &["stay_id"]).expect("a table");
    let ids = batches.iter().flat_map(|batch| {
        let ids: &StringArray = column(&path, batch, "stay_id").expect("ids");
        ids.iter().flatten().map(str::to_string).collect::<Vec<_>>()
    });
    ids.collect()
}

fn whole(number: i64) -> String {
    number.to_string()
}

fn number(value: f64) -> String {
    value.to_string()
}

fn minutes(event: &Event) -> String {
    event.minute.to_string()
}

/// A time in UTC.
fn zulu(time: i64) -> String {
    told(time, 0, "Z")
}

/// A time as clocks so many minutes east of Greenwich show it, and what says so.
fn told(time: i64, east: i32, zone: &str) -> String {
    let offset = Offset::from_seconds(60 * east).expect("an offset");
    let time = Timestamp::from_microsecond(time).expect("a time");
    format!(
        "{}{zone}",
        offset.to_datetime(time).strftime("%Y-%m-%d %H:%M:%S")
    )
}

fn compressed(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes())
        .expect("memory can be written");
    gzip.finish().expect("memory can be written")
}

#[test]
fn issue19_rows_columns_shards_and_containers_in_any_order_give_the_same_bytes() {
    let mut ways = Ways::new();
    let time = format!("time = {MINUTES}");
    let mut one = |name: &str, file: &str, bytes: &[u8], more: &str| {
        ways.plain_stays(name);
        ways.write(name, file, bytes);
        ways.stage(name, &[file], &[&time, more]);
    };
    let events = Cohort::new();
    let events = Table::of_events(&events, whole, minutes, number);
    let text = events.text(",", "\n");
    one("plain", "a.csv", text.as_bytes(), "");
    one(
        "shuffled",
        "a.csv",
        events.clone().shuffled(1).text(",", "\n").as_bytes(),
        "",
    );
    one(
        "shuffled_again",
        "a.csv",
        events.clone().shuffled(2).text(",", "\n").as_bytes(),
        "",
    );
    one(
        "mirrored",
        "a.csv",
        events.clone().mirrored().text(",", "\n").as_bytes(),
        "",
    );
    one("crlf", "a.csv", events.text(",", "\r\n").as_bytes(), "");
    one("cr", "a.csv", events.text(",", "\r").as_bytes(), "");
    one(
        "marked",
        "a.csv",
        format!("\u{feff}{text}\n\n").as_bytes(),
        "",
    );
    one(
        "quoted",
        "a.csv",
        text.replace(",HR,", ",\"HR\",").as_bytes(),
        "",
    );
    one("tsv", "a.tsv", events.text("\t", "\n").as_bytes(), "");
    one("psv", "a.psv", events.text("|", "\n").as_bytes(), "");
    one(
        "semicolons",
        "a.csv",
        events.text(";", "\n").as_bytes(),
        "delimiter = \";\"",
    );
    one("gzip", "a.csv.gz", &compressed(&text), "");
    let (head, tail) = text.split_at(text.len() / 2);
    one(
        "two_members",
        "a.csv.gz",
        &[compressed(head), compressed(tail)].concat(),
        "",
    );
    one(
        "zstandard",
        "a.csv.zst",
        &zstd::encode_all(text.as_bytes(), 3).expect("memory"),
        "",
    );
    one("misnamed", "a.csv", &compressed(&text), "");

    for (name, seed, names) in [
        ("shards", 3, ["a.csv", "b.csv", "c.csv", "d.csv"]),
        ("renamed", 3, ["z.csv", "10.csv", "A/9.csv", "B/a.csv"]),
    ] {
        let shards = events
            .clone()
            .shuffled(seed)
            .shards(events.rows.len().div_ceil(4));
        for (shard, file) in shards.iter().zip(names) {
            ways.write(name, file, shard.text(",", "\n"));
        }
        ways.plain_stays("labels_of_shards");
        ways.stage(name, &[""], &[&time]);
        let wrong = format!("{name}/stays.csv");
        ways.recipe = ways.recipe.replace(&wrong, "labels_of_shards/stays.csv");
    }
    ways.agree();
}

#[test]
fn issue19_equal_times_in_any_order_keep_their_values_where_all_are_kept() {
    let mut ways = Ways::new();
    for (name, seed) in [("one", 1), ("other", 2), ("third", 3)] {
        ways.plain_stays(name);
        let events = ways.plain_events().shuffled(seed);
        ways.write(name, "a.csv", events.text(",", "\n"));
        ways.stage(name, &["a.csv"], &[&format!("time = {MINUTES}")]);
    }
    ways.recipe = ways
        .recipe
        .replace("seed = 5", "seed = 5\nduplicates = \"keep\"");
    ways.agree();
}

#[test]
fn issue19_types_of_any_width_give_the_same_bytes() {
    let mut ways = Ways::new();
    let time = format!("time = {MINUTES}");
    let events = ways.plain_events();
    ways.plain_stays("text");
    ways.write("text", "a.csv", events.text(",", "\n"));
    ways.stage("text", &["a.csv"], &[&time]);
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    for (at, types) in [
        [DataType::Int16, DataType::Int16, DataType::Float16],
        [DataType::Int32, DataType::Int32, DataType::Float32],
        [DataType::Int64, DataType::Int64, DataType::Float64],
        [DataType::UInt16, DataType::UInt8, DataType::Utf8],
        [DataType::UInt64, DataType::UInt64, DataType::LargeUtf8],
        [DataType::Float32, DataType::Float32, DataType::Utf8View],
        [
            DataType::Float64,
            DataType::Float64,
            DataType::Decimal128(12, 2),
        ],
        [
            DataType::Decimal128(20, 0),
            DataType::Decimal128(20, 3),
            dictionary.clone(),
        ],
        [
            DataType::Decimal128(20, 2),
            DataType::Utf8,
            DataType::Decimal128(38, 8),
        ],
        [DataType::LargeUtf8, DataType::LargeUtf8, DataType::Float64],
        [dictionary, DataType::Float16, DataType::Float64],
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("typed_{at}");
        let [id, minute, value] = types;
        let types = [("stay_id", id.clone()), ("time", minute), ("value", value)];
        events
            .clone()
            .shuffled(at as u64)
            .parquet(&ways.path(&name, "a.parquet"), &types);
        // The table of stays has ids of the same type, and labels of each.
        let labels = [
            DataType::Boolean,
            DataType::Int8,
            DataType::Float64,
            DataType::Utf8,
        ];
        let stays = Table::of_stays(&ways.cohort, whole, zulu, whole);
        let types = [("stay_id", id), ("died", labels[at % 4].clone())];
        stays
            .shuffled(1)
            .parquet(&ways.path(&name, "stays.csv"), &types);
        ways.stage(&name, &["a.parquet"], &[&time]);
    }
    ways.agree();
}

#[test]
fn issue19_ids_and_numbers_respelt_give_the_same_bytes() {
    let mut ways = Ways::new();
    let time = format!("time = {MINUTES}");
    let spellings: [(&str, OfId, OfId, &str); 9] = [
        ("plain", whole, whole, ""),
        (
            "with_fractions",
            |id| format!("{id}.0"),
            |id| format!("{id}.00"),
            "",
        ),
        (
            "between_blanks",
            |id| format!(" {id} "),
            |id| format!("{id}\t"),
            "",
        ),
        (
            "with_some_fractions",
            |id| format!("{id}{}", [".0", ""][id as usize % 2]),
            whole,
            "",
        ),
        ("as_numbers", whole, whole, "ids = \"number\""),
        (
            "with_zeros",
            |id| format!("{id:08}"),
            |id| format!("{id:07}.0"),
            "ids = \"number\"",
        ),
        (
            "with_signs",
            |id| format!("+{id}"),
            |id| format!("{id}e0"),
            "ids = \"number\"",
        ),
        (
            "with_exponents",
            |id| format!("{id}00e-2"),
            whole,
            "ids = \"number\"",
        ),
        ("as_text", whole, whole, "ids = \"text\""),
    ];
    for (name, id, id_of_stays, more) in spellings {
        let values: [fn(f64) -> String; 4] = [
            number,
            |value| format!("{value:.4}"),
            |value| format!("{value:e}"),
            |value| format!("+{value}"),
        ];
        let value = values[name.len() % 4];
        let events = Table::of_events(&ways.cohort, id, minutes, value);
        ways.write(name, "a.csv", events.text(",", "\n"));
        let label = |label| ["False", "TRUE"][label as usize].to_string();
        let stays = Table::of_stays(&ways.cohort, id_of_stays, zulu, label);
        ways.write(name, "stays.csv", stays.text(",", "\n"));
        ways.stage(name, &["a.csv"], &[&time, more]);
    }
    ways.agree();
}

#[test]
fn issue19_ids_of_two_spellings_are_refused_with_both() {
    let mut ways = Ways::new();
    for (name, id) in [
        ("with_zeros", (|id| format!("{id:03}")) as fn(i64) -> String),
        ("with_signs", |id| format!("+{id}")),
        ("with_exponents", |id| format!("{id}e0")),
    ] {
        ways.plain_stays(name);
        let events = Table::of_events(&ways.cohort, id, minutes, number);
        ways.write(name, "a.csv", events.text(",", "\n"));
        ways.stage(name, &["a.csv"], &[&format!("time = {MINUTES}")]);
    }
    ways.refused(&["spell", "stays.csv", "a.csv", "ids = \"number\""]);
}

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

/// Without this, the tests above could not fail.
#[test]
fn issue19_another_value_time_id_or_item_gives_other_bytes() {
    let mut ways = Ways::new();
    let time = format!("time = {MINUTES}");
    for (name, column, cell) in [
        ("as_it_is", 0, ""),
        ("value", 3, "1000.25"),
        ("time", 1, "7"),
        ("item", 2, "glucose"),
        ("id", 0, "20"),
    ] {
        let mut events = ways.plain_events();
        if !cell.is_empty() {
            events.rows[0][column] = cell.into();
        }
        ways.plain_stays(name);
        ways.write(name, "a.csv", events.text(",", "\n"));
        ways.stage(name, &["a.csv"], &[&time]);
    }
    ways.differ();
}

#[test]
fn issue19_ids_that_all_have_zeros_in_front_are_names_of_their_own() {
    let mut ways = Ways::new();
    let padded = |id: i64| format!("{id:04}");
    let events = Table::of_events(&ways.cohort, padded, minutes, number);
    ways.write("padded", "a.csv", events.text(",", "\n"));
    let stays = Table::of_stays(&ways.cohort, padded, zulu, whole);
    ways.write("padded", "stays.csv", stays.text(",", "\n"));
    ways.stage("padded", &["a.csv"], &[&format!("time = {MINUTES}")]);
    let expected: Vec<String> = ways.cohort.ids.iter().copied().map(padded).collect();
    ways.test = ways.test.recipe(&ways.recipe);
    let run = ways
        .test
        .run_with(["run", "recipe.toml", "--format", "json"]);
    let document = run.success().json();
    assert_eq!(stay_ids(&document, "padded"), expected);
}

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
