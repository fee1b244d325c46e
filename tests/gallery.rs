//! The pages of the gallery: every command on them is run, with made-up data. With `GALLERY_REPORTS=FOLDER` the studies that
//! need no download are run to their end, and their reports kept in that folder, named after the pages.

use std::path::Path;

use crate::document::{python_with, repository};
use crate::harness::Test;
use crate::meds_layout;
use crate::physionet_layout;
use crate::readme::{replay_in, with_files_of};
use crate::wide_layout;

const FOLDER: &str = "docs/gallery";

/// A folder with the shipped recipes and made-up data of every layout that they read.
fn folder() -> Test {
    let test = physionet_layout::point_at(physionet_layout::write(Test::new()));
    let test = wide_layout::write_yaib(meds_layout::write(test));
    with_files_of(test, "recipes")
}

/// Runs the commands of a page; the folder is returned as they left it.
#[track_caller]
fn replays(page: &str) -> Test {
    let (outcomes, test) = replay_in(&format!("{FOLDER}/{page}.md"), folder());
    assert!(!outcomes.is_empty(), "{page} has no command");
    for outcome in outcomes {
        outcome.success();
    }
    test
}

/// Where `GALLERY_REPORTS` names a folder, runs what is left of a study and keeps its report there, for the site.
#[track_caller]
fn keeps_report(test: &Test, page: &str, commands: &[&str], report: &str) {
    let Some(folder) = std::env::var_os("GALLERY_REPORTS") else {
        return;
    };
    for command in commands {
        test.shell(command).success();
    }
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).expect("a folder for reports");
    let kept = folder.join(format!("{page}.html"));
    std::fs::copy(test.folder().join(report), kept).expect("a report");
}

#[test]
fn the_pages_whose_data_are_not_public_or_large_plan_as_they_say() {
    for page in ["physionet2012", "external-validation", "sweep"] {
        replays(page);
    }
}

#[test]
fn meds_plans_as_it_says() {
    let commands = [
        "pipeline run recipes/meds.toml --quiet",
        "pipeline report recipes/meds.toml",
    ];
    keeps_report(&replays("meds"), "meds", &commands, "report.html");
}

#[test]
fn a_model_of_your_own_plans_as_it_says() {
    let test = replays("own-model");
    let Some(python) = python_with("pyarrow, sklearn, torch") else {
        eprintln!("no report of own-model: no Python with pyarrow, sklearn and torch");
        return;
    };
    let run = format!("PYTHON={python} pipeline run recipes/own-model.toml --quiet");
    let report = format!("PYTHON={python} pipeline report recipes/own-model.toml");
    keeps_report(&test, "own-model", &[&run, &report], "report.html");
}

#[test]
fn a_cluster_plans_as_it_says() {
    let commands = [
        "pipeline sweep shared.toml --quiet",
        "pipeline sweep show shared.toml --format html --write shared.html",
    ];
    keeps_report(&replays("cluster"), "cluster", &commands, "shared.html");
}

#[test]
fn wide_tables_come_to_a_report() {
    keeps_report(&replays("wide-tables"), "wide-tables", &[], "report.html");
}

#[test]
fn few_labels_come_to_a_table() {
    let show = "pipeline sweep show few.toml --format html --write few.html";
    keeps_report(&replays("few-labels"), "few-labels", &[show], "few.html");
}

/// What the site links, the pages announce: each has a part on its report, or says that the site has none.
#[test]
fn every_page_says_where_its_report_is() {
    let without = ["physionet2012", "external-validation", "sweep"];
    let with = ["meds", "own-model", "cluster", "wide-tables", "few-labels"];
    for page in with.iter().chain(&without) {
        let text = std::fs::read_to_string(repository(&format!("{FOLDER}/{page}.md")));
        let text = text.expect("a page");
        let (_, report) = text
            .split_once("\n## Report\n")
            .expect("a part on the report");
        let has_none = report.contains("The site has no report of this study");
        assert_eq!(has_none, without.contains(page), "{page}");
    }
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
