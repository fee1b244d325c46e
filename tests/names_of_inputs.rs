//! Of the names of data files, those count that change what is read: nothing in the store is of other names.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::document::{artifact, statuses};
use crate::harness::Test;
use crate::which_files::{LONG, ROWS, STAYS};

const MORE: &str = "stay_id,hour,item,value\n1,2,HR,91\n2,2,HR,92\n3,2,HR,93\n4,2,HR,94\n";

/// A cohort in the folder `charts`, with another file in it that is not read as it is called.
fn charts(other: &str) -> Test {
    Test::new()
        .recipe(LONG)
        .file("stays.csv", STAYS)
        .file("charts/a.csv", ROWS)
        .file(other, MORE)
        .args(["run", "recipe.toml", "--format", "json"])
}

#[track_caller]
fn rows_read(test: &Test, status: &str) -> Value {
    let document = test.run().success().json();
    assert_eq!(statuses(&document), [("events", status)]);
    let text = fs::read_to_string(artifact(&document, "events", "profile")).expect("a profile");
    let profile: Value = serde_json::from_str(&text).expect("JSON");
    profile["counts"]["source_rows"].clone()
}

#[test]
fn a_pattern_over_a_folder_is_another_input_than_the_folder() {
    let test = charts("charts/b.txt");
    assert_eq!(rows_read(&test, "executed"), json!(4));
    let test = test.recipe(&LONG.replace("\"charts\"", "\"charts/*\""));
    assert_eq!(rows_read(&test, "executed"), json!(8));
    assert_eq!(rows_read(&test, "cached"), json!(8));
}

#[test]
fn a_second_name_in_a_folder_that_makes_a_file_read_is_a_change() {
    let test = charts("charts/b");
    assert_eq!(rows_read(&test, "executed"), json!(4));
    symlink("b", test.folder().join("charts/b.csv")).expect("a link");
    assert_eq!(rows_read(&test, "executed"), json!(8));
}

#[test]
fn a_file_that_is_a_stay_is_known_by_its_name_and_any_other_by_its_ending() {
    let by_file = LONG
        .replace(
            "\"charts\"",
            "\"1.csv\", \"2.csv\", \"3.csv\", \"charts/4.csv\"",
        )
        .replace("id = \"stay_id\"\ntime", "time");
    let stay = |value: u32| format!("hour,item,value\n1,HR,{value}\n2,HR,90\n");
    let test = Test::new()
        .recipe(&by_file)
        .file("stays.csv", STAYS)
        .file("1.csv", stay(81))
        .file("2.csv", stay(82))
        .file("3.csv", stay(83))
        .file("charts/4.csv", stay(84))
        .args(["run", "recipe.toml", "--format", "json"]);
    assert_eq!(rows_read(&test, "executed"), json!(8));
    let moved = |from: &str, to: &str| {
        let place = |name: &str| test.folder().join(name);
        fs::rename(place(from), place(to)).expect("a name");
    };
    // Another folder says nothing.
    moved("charts/4.csv", "4.csv");
    let test = test.recipe(&by_file.replace("charts/4.csv", "4.csv"));
    assert_eq!(rows_read(&test, "cached"), json!(8));
    // Stays 1 and 2 have each other's series.
    let swapped = by_file.replace("\"1.csv\", \"2.csv\"", "\"2.csv\", \"1.csv\"");
    fs::write(test.folder().join("1.csv"), stay(82)).expect("a file");
    fs::write(test.folder().join("2.csv"), stay(81)).expect("a file");
    let test = test.recipe(&swapped.replace("charts/4.csv", "4.csv"));
    assert_eq!(rows_read(&test, "executed"), json!(8));
}
