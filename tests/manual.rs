//! `pipeline man`.

use std::collections::BTreeSet;
use std::process::Command;

use crate::document::repository;
use crate::harness::Test;

#[test]
fn the_page_of_the_whole_has_every_section() {
    let page = Test::new().args(["man"]).run().success().stderr_is("");
    let headings: Vec<&str> = page
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix(".SH "))
        .map(|heading| heading.trim_matches('"'))
        .collect();
    let expected = [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "SUBCOMMANDS",
        "EXAMPLES",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
    ];
    assert_eq!(headings, expected);
    page.stdout_has(".TH pipeline 1 ")
        .stdout_has("PIPELINE_STORE")
        .stdout_has("NO_COLOR")
        .stdout_has("a weight import failed its audit")
        .stdout_has("pipeline\\-run(1)");
}

#[test]
fn every_command_of_the_readme_has_a_page() {
    let mut test = Test::new();
    let written = test.run_with(["man", "pages"]).success().stderr_is("");
    let pages: BTreeSet<&str> = written.stdout.lines().collect();
    for page in &pages {
        let text = std::fs::read_to_string(test.folder().join(page)).expect("a page");
        for section in [
            "NAME",
            "SYNOPSIS",
            "OPTIONS",
            "EXAMPLES",
            "EXIT STATUS",
            "ENVIRONMENT",
        ] {
            let heading = [format!(".SH {section}\n"), format!(".SH \"{section}\"\n")];
            let has = heading.iter().any(|heading| text.contains(heading));
            assert!(has, "{page} has no {section}\n{text}");
        }
        assert!(!text.contains("Exit codes:"), "{page}\n{text}");
    }
    let readme = std::fs::read_to_string(repository("README.md")).expect("a README");
    let commands = readme.lines().filter_map(|line| line.strip_prefix("| `"));
    let commands = commands.filter_map(|line| line.split(['`', ' ', ',']).next());
    let mut found = 0;
    for command in commands {
        assert!(
            pages.contains(format!("pages/pipeline-{command}.1").as_str()),
            "{command} has no page"
        );
        found += 1;
    }
    assert!(found >= 13, "{found} commands");
    assert!(pages.contains("pages/pipeline.1"));
    assert!(pages.contains("pages/pipeline-cache-gc.1"));
    assert!(pages.contains("pages/pipeline-runs-show.1"));
}

#[test]
fn a_page_is_what_a_reader_of_pages_understands() {
    let test = Test::new().args(["man", "pages"]);
    test.run().success();
    let page = test.folder().join("pages/pipeline-run.1");
    let Ok(output) = Command::new("man")
        .env("MANWIDTH", "80")
        .arg("-l")
        .arg(page)
        .output()
    else {
        eprintln!("notice: no `man` here: pages are tested by their structure only");
        return;
    };
    let warnings = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("notice: `man -l` does not work here: {warnings}");
        return;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.contains("NAME") {
        eprintln!("notice: `man` prints no pages here");
        return;
    }
    assert_eq!(warnings, "");
    assert!(
        text.contains("--keep-going") && text.contains("EXIT STATUS"),
        "{text}"
    );
}
