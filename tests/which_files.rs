//! Which files of a folder are read, and what a path or a pattern means.

mod formats;
mod patterns;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::{Value, json};

use crate::document::{artifact, digests, stage};
use crate::harness::{Outcome, Test};

pub const STAYS: &str = "stay_id,fold,died\n1,train,0\n2,train,1\n3,tuning,0\n4,held_out,1\n";
pub const ROWS: &str = "stay_id,hour,item,value\n1,1,HR,81\n2,1,HR,82\n3,1,HR,83\n4,1,HR,84\n";
const MORE: &str = "stay_id,hour,item,value\n1,2,HR,91\n2,2,HR,92\n3,2,HR,93\n4,2,HR,94\n";

pub const LONG: &str = r#"format = 1
[model]
input_dim = 16
[stages.events]
kind = "data"
split = { column = "fold" }
[stages.events.source]
format = "long"
files = ["charts"]
id = "stay_id"
time = { column = "hour", as = "hours" }
variable = "item"
value = "value"
stays = { path = "stays.csv", id = "stay_id" }
labels = { path = "stays.csv", id = "stay_id", column = "died" }
"#;

const WIDE: &str = r#"format = 1
[model]
input_dim = 16
[stages.events]
kind = "data"
split = { column = "fold" }
[stages.events.source]
format = "wide"
files = ["charts"]
time = { column = "hour", as = "hours" }
stays = { path = "stays.csv", id = "stay_id" }
labels = { path = "stays.csv", id = "stay_id", column = "died" }
"#;

/// A folder `charts` with one table.
fn charts() -> Test {
    Test::new()
        .recipe(LONG)
        .file("stays.csv", STAYS)
        .file("charts/a.csv", ROWS)
        .args(["run", "recipe.toml", "--format", "json"])
}

/// The same with this for `files`.
fn reading(test: Test, files: &str) -> Test {
    test.recipe(&LONG.replace("\"charts\"", files))
}

fn profile(document: &Value, stage_name: &str) -> Value {
    let text = fs::read_to_string(artifact(document, stage_name, "profile")).expect("a profile");
    serde_json::from_str(&text).expect("JSON")
}

#[track_caller]
fn rows_read(test: &Test) -> Value {
    let document = test.run().success().json();
    profile(&document, "events")["counts"]["source_rows"].clone()
}

#[track_caller]
fn refused(test: &Test) -> Outcome {
    test.run().failure(3)
}

fn gzip(test: &Test, file: &str) {
    let gzip = Command::new("gzip")
        .args(["-k", file])
        .current_dir(test.folder())
        .status();
    assert!(gzip.expect("gzip is there").success());
}

#[test]
fn issue16_hidden_names_are_not_read_and_do_not_count() {
    let test = charts();
    test.run().success();
    let stale = ROWS.replace(",8", ",80");
    let test = test
        .file("charts/.ipynb_checkpoints/a-checkpoint.csv", &stale)
        .file("charts/._a.csv", b"\0\x05\x16\x07")
        .file("charts/.a.csv.gz", b"\x1f\x8b")
        .file("charts/deep/.b.parquet", b"");
    // They are no part of the key either: nothing is done again.
    let after = test.run().success().json();
    assert_eq!(stage(&after, "events")["status"], "cached");
    let test = test.file("charts/a.csv", ROWS.to_owned() + "1,2,HR,90\n");
    let outcome = test.run().success();
    outcome.stderr_has("hidden files are not read: `charts/._a.csv`");
    let mut test = test;
    for pattern in ["charts/**/*.csv", "charts/*.csv"] {
        test = reading(test, &format!("\"{pattern}\""));
        assert_eq!(rows_read(&test), 5);
    }
    let test = reading(test, "\"**/*.csv.gz\"");
    test.run()
        .failure(2)
        .stderr_has("this pattern fits no file");
}

#[test]
fn issue16_two_forms_of_one_table_in_a_folder_are_refused() {
    let unpacked = charts();
    gzip(&unpacked, "charts/a.csv");
    let refusal = refused(&unpacked).stderr_has("charts/a.csv.gz: lies beside `a.csv`");
    refusal.stderr_has("hint: remove one of the two from the folder");
    for other in ["a.CSV", "a.Parquet", "a.tsv", "a.CSV.GZ"] {
        let test = charts().file(&format!("charts/{other}"), ROWS);
        refused(&test)
            .stderr_has("two forms of one table")
            .stderr_has(other);
    }
    let pattern = reading(unpacked, "\"charts/a.*\"");
    refused(&pattern).stderr_has("two forms of one table");
    // What is named one by one is meant; so are equal names in two folders.
    let named = charts().file("charts/a.CSV", MORE);
    assert_eq!(
        rows_read(&reading(named, "\"charts/a.csv\", \"charts/a.CSV\"")),
        8
    );
    assert_eq!(rows_read(&charts().file("charts/more/a.csv", MORE)), 8);
    // `part.0` and `part.1` are two tables.
    let shards = charts().file("charts/b.0", ROWS).file("charts/b.1", MORE);
    assert_eq!(rows_read(&reading(shards, "\"charts/b.*\"")), 8);
}

#[test]
fn issue16_endings_are_compared_without_case() {
    let expected = digests(&charts().file("charts/b.csv", MORE).run().success().json());
    let upper = charts().file("charts/B.CSV", MORE);
    assert_eq!(digests(&upper.run().success().json()), expected);
    let test = charts().file("charts/b.tsv", MORE.replace(',', "\t"));
    gzip(&test, "charts/b.tsv");
    fs::rename(
        test.folder().join("charts/b.tsv.gz"),
        test.folder().join("charts/B.Tsv.GZ"),
    )
    .expect("a file");
    fs::remove_file(test.folder().join("charts/b.tsv")).expect("a file");
    assert_eq!(digests(&test.run().success().json()), expected);
}

#[test]
fn issue16_what_is_not_read_is_told() {
    let test = charts()
        .file("charts/b.csv~", MORE)
        .file("charts/README.md", "text")
        .file("charts/old/c.txt", MORE)
        .file("charts/labels.xlsx", "x");
    let outcome = test.run().success();
    let profile = profile(&outcome.json(), "events");
    let names = ["README.md", "b.csv~", "labels.xlsx", "old/c.txt"];
    assert_eq!(profile["skipped_files"], json!(names));
    assert_eq!(profile["counts"]["skipped_files"], 4);
    outcome.stderr_has("not read: `README.md`, `b.csv~`, `labels.xlsx`, `old/c.txt`");
    // A pattern means what it fits: nothing is left out.
    let named = reading(
        charts().file("charts/README.md", "text"),
        "\"charts/*.csv\"",
    );
    let document = named.run().success().json();
    assert_eq!(
        self::profile(&document, "events")["skipped_files"],
        json!([])
    );
}

#[test]
fn issue16_one_file_is_read_once_whatever_it_is_called() {
    for files in [
        "\"charts/a.csv\", \"./charts/a.csv\"",
        "\"charts/a.csv\", \"charts/../charts/a.csv\", \"charts\"",
        "\"charts\", \"charts/*.csv\", \"charts/a.csv\"",
    ] {
        assert_eq!(rows_read(&reading(charts(), files)), 4, "{files}");
    }
    let test = charts();
    let folder = test.folder().join("charts");
    symlink("a.csv", folder.join("link.csv")).expect("a link");
    fs::hard_link(folder.join("a.csv"), folder.join("other.csv")).expect("a link");
    let outcome = test.run().success();
    outcome.stderr_has(
        "other paths of files that are read, once: `charts/link.csv`, `charts/other.csv`",
    );
    assert_eq!(rows_read(&test), 4);
    assert_eq!(rows_read(&reading(test, "\"charts/l*.csv\"")), 4);
    // Where a file's name is its stay, another name is another stay.
    let hourly = |stay: u32| {
        (
            format!("charts/{stay}.csv"),
            format!("hour,HR\n1,8{stay}\n"),
        )
    };
    let mut test = Test::new().recipe(WIDE).file("stays.csv", STAYS);
    for (file, text) in (1..=3).map(hourly) {
        test = test.file(&file, text);
    }
    let folder = test.folder().join("charts");
    symlink("3.csv", folder.join("4.csv")).expect("a link");
    let test = test.args(["run", "recipe.toml"]);
    refused(&test).stderr_has("charts/4.csv: is the same file as charts/3.csv");
}

#[test]
fn a_compressed_file_that_is_a_stay_is_called_like_the_others() {
    let mut test = Test::new().recipe(WIDE).file("stays.csv", STAYS);
    for stay in 1..=4 {
        test = test.file(
            &format!("charts/{stay}.csv"),
            format!("hour,HR\n1,8{stay}\n"),
        );
    }
    let mut test = test.args(["run", "recipe.toml", "--format", "json"]);
    let plain = test.run().success().json();
    for stay in [1, 4] {
        let file = format!("charts/{stay}.csv");
        gzip(&test, &file);
        fs::remove_file(test.folder().join(&file)).expect("a file");
    }
    let run = ["run", "recipe.toml", "--format", "json"];
    let compressed = test.run_with(run).success().json();
    assert_eq!(digests(&compressed), digests(&plain));
}

#[test]
fn files_that_are_stays_need_not_have_the_same_columns() {
    let mut test = Test::new().recipe(WIDE).file("stays.csv", STAYS);
    for (stay, column) in [(1, "Temp"), (2, "temp"), (3, "Temp"), (4, "lactate")] {
        let text = format!("hour,HR,{column}\n1,8{stay},3{stay}\n");
        test = test.file(&format!("charts/{stay}.csv"), text);
    }
    let outcome = test.args(["run", "recipe.toml"]).run().success();
    assert!(
        !outcome.stderr.contains("is a column of"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn labels_by_patient_are_joined_with_no_stay() {
    let by_patient = LONG
        .replace(
            "stays = { path = \"stays.csv\", id = \"stay_id\" }",
            "stays = { path = \"stays.csv\", id = \"stay_id\", subject = \"patient\" }",
        )
        .replace(
            "labels = { path = \"stays.csv\", id = \"stay_id\"",
            "labels = { path = \"stays.csv\", id = \"patient\"",
        );
    let mut test = charts().recipe(&by_patient);
    test.run_with(["check", "recipe.toml"]).failure(2).stderr_has(
        "stages.events.source.labels.id is the column of patients, and rows are joined by ids of stays",
    );
}

#[test]
fn a_table_inside_of_two_compressions_is_called_so() {
    use std::io::Write as _;
    let gzip = |bytes: &[u8]| {
        let level = flate2::Compression::fast();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    };
    let test = charts().file("charts/a.csv.gz", gzip(&gzip(ROWS.as_bytes())));
    std::fs::remove_file(test.folder().join("charts/a.csv")).expect("a file");
    test.run()
        .failure(3)
        .stderr_has("a.csv.gz: holds gzip where a table should be");
}
