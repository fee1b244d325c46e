//! The same cohort told in other ways: the same splits and the same artifacts, bit for bit, or an error that says why.
//!
//! The ways are those of `docs/data.md`, "How cells are read" and "Which files are read".

mod cohort;
mod ids;
mod layouts;
mod times;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

use arrow::array::StringArray;
use arrow::datatypes::DataType;
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
