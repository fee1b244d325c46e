//! The pages of the gallery: every command on them is run, with made-up data.

use crate::document::repository;
use crate::harness::Test;
use crate::meds_layout;
use crate::physionet_layout;
use crate::readme::{replay, with_files_of};
use crate::wide_layout;

const FOLDER: &str = "docs/gallery";

/// A folder with the shipped recipes and made-up data of every layout that they read.
fn folder() -> Test {
    let test = physionet_layout::point_at(physionet_layout::write(Test::new()));
    let test = wide_layout::write_yaib(meds_layout::write(test));
    with_files_of(test, "recipes")
}

#[track_caller]
fn replays(page: &str) {
    let outcomes = replay(&format!("{FOLDER}/{page}.md"), folder());
    assert!(!outcomes.is_empty(), "{page} has no command");
    for outcome in outcomes {
        outcome.success();
    }
}

#[test]
fn the_pages_that_only_plan_do_as_they_say() {
    for page in [
        "physionet2012",
        "meds",
        "external-validation",
        "own-model",
        "sweep",
        "cluster",
    ] {
        replays(page);
    }
}

#[test]
fn wide_tables_come_to_a_report() {
    replays("wide-tables");
}

#[test]
fn few_labels_come_to_a_table() {
    replays("few-labels");
}

#[test]
fn the_list_of_the_gallery_is_that_of_its_pages() {
    let list = std::fs::read_to_string(repository(&format!("{FOLDER}/README.md"))).expect("a list");
    let pages = std::fs::read_dir(repository(FOLDER)).expect("pages");
    let mut count = 0;
    for page in pages {
        let name = page.expect("a page").file_name();
        let name = name.to_string_lossy();
        if name != "README.md" {
            assert!(list.contains(&format!("]({name})")), "{name} is not listed");
            count += 1;
        }
    }
    assert_eq!(count, 8);
}
