//! The files of formats that say themselves which are read.

use super::*;
use crate::document::repository;
use crate::{meds_layout, physionet_layout};

#[test]
fn issue16_the_records_of_challenges_are_found_by_the_same_rules() {
    let test = physionet_layout::point_at(physionet_layout::write(Test::new()));
    let recipe = repository("recipes/physionet2012.toml");
    let run = ["run", &recipe, "events", "--format", "json"];
    let test = test.args(run);
    let before = test.run().success().json();
    let set = test.folder().join(physionet_layout::FOLDER).join("set-a");
    let record = fs::read_to_string(set.join("104.txt")).expect("a record");
    let name = |file: &str| format!("{}/set-a/{file}", physionet_layout::FOLDER);
    let test = test
        .file(&name(".104.txt"), "no record")
        .file(&name(".ipynb_checkpoints/104-checkpoint.txt"), &record);
    assert_eq!(
        stage(&test.run().success().json(), "events")["status"],
        "cached"
    );
    fs::rename(set.join("104.txt"), set.join("104.TXT")).expect("a file");
    let test = test.file(&name("index.html"), "<html>");
    let after = test.run().success().json();
    let table = |document: &Value| digests(document)[&("events".into(), "events".into())].clone();
    assert_eq!(table(&after), table(&before));
    assert_eq!(
        profile(&after, "events")["skipped_files"],
        json!(["index.html"])
    );
    let test = test.file(&name("104.txt"), &record);
    refused(&test).stderr_has("104.txt: lies beside `104.TXT`");
}

#[test]
fn issue16_shards_are_found_by_the_same_rules() {
    let test = meds_layout::write(Test::new());
    let recipe = repository("recipes/meds.toml");
    let run = ["run", &recipe, "events", "--format", "json"];
    let test = test.args(run);
    let before = test.run().success().json();
    let data = test.folder().join("meds/data");
    let test = test
        .file("meds/data/.ipynb_checkpoints/0.parquet", "no table")
        .file("meds/data/._0.parquet", "no table");
    assert_eq!(
        stage(&test.run().success().json(), "events")["status"],
        "cached"
    );
    fs::rename(data.join("0.parquet"), data.join("0.Parquet")).expect("a file");
    symlink("0.Parquet", data.join("a link.parquet")).expect("a link");
    let test = test.file("meds/data/dataset.json", "{}");
    let after = test.run().success().json();
    let table = |document: &Value| digests(document)[&("events".into(), "events".into())].clone();
    assert_eq!(table(&after), table(&before));
    assert_eq!(
        profile(&after, "events")["skipped_files"],
        json!(["dataset.json"])
    );
    fs::copy(data.join("0.Parquet"), data.join("0.parquet")).expect("a copy");
    refused(&test).stderr_has("0.parquet: lies beside `0.Parquet`");
}

#[test]
fn records_in_a_folder_below_that_of_the_records_are_told_and_not_read() {
    let test = physionet_layout::point_at(physionet_layout::write(Test::new()));
    let recipe = repository("recipes/physionet2012.toml");
    let record = |id: u32| format!("{}/set-a/set-a/{id}.txt", physionet_layout::FOLDER);
    let test = (201..=207).fold(test, |test, id| test.file(&record(id), "no record"));
    let test = test.args(["run", &recipe, "events", "--format", "json"]);
    let outcome = test.run().success();
    let counts = &profile(&outcome.json(), "events")["counts"];
    assert_eq!(
        (&counts["source_stays"], &counts["skipped_files"]),
        (&json!(12), &json!(7))
    );
    outcome
        .stderr_has("that are not read: `set-a/201.txt`, ")
        .stderr_has(" and 2 more");
}
