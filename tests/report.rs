//! `pipeline report`: one page that needs nothing else.

use std::fs;

use crate::document::repository;
use crate::harness::Test;

/// The main job, small, with everything that a page has a section for. The name would be
/// markup if it were not escaped.
fn recipe() -> String {
    format!(
        r#"
format = 1
extends = ["{}"]
name = "<script>alert('a & b')</script>"
description = "An & in words."
authors = ["A. Author", "B. Author"]

[vars]
stays = 200

[stages.pretrain]
epochs = 2

[stages.classifier]
epochs = 4

[stages.test]
operating_points = [{{ kind = "youden" }}]
recalibrate = "platt"
subgroups = ["events"]
baseline = "logistic-regression"
bootstrap = {{ resamples = 100 }}

[stages.look]
kind = "diagnose"
model = "classifier"
data = "events"
pretrain = "pretrain"
"#,
        repository("tests/fixtures/recipes/mlp-head.toml")
    )
}

/// A test of the recipe with its run.
fn after_a_run() -> Test {
    let run = ["run", "recipe.toml", "--quiet"];
    let mut test = Test::new().recipe(&recipe()).warmed(run);
    test.run_with(run).success();
    test
}

const SECTIONS: [&str; 9] = [
    "summary",
    "stages",
    "data",
    "evaluation",
    "diagnosis",
    "training",
    "weights",
    "recipe",
    "provenance",
];

/// The run's id, from the newest on.
fn runs(test: &mut Test) -> Vec<String> {
    let listed = test.run_with(["runs", "--format", "json"]).success().json();
    let runs = listed["runs"].as_array().expect("a list");
    let ids = runs.iter().map(|run| run["run"].as_str().expect("an id"));
    ids.map(ToString::to_string).collect()
}

fn page(test: &mut Test, more: &[&str]) -> String {
    let arguments = ["report", "recipe.toml"].iter().chain(more);
    test.run_with(arguments.copied())
        .success()
        .stdout_is("report.html\n");
    let page = fs::read_to_string(test.folder().join("report.html"));
    page.expect("the page is written")
}

fn sections(page: &str) -> Vec<&str> {
    let parts = page.split("<section id=\"").skip(1);
    parts.filter_map(|part| part.split('"').next()).collect()
}

/// Levels of the headings, in the page's order.
fn headings(page: &str) -> Vec<u32> {
    let parts = page.split("<h").skip(1);
    let digits = parts.filter_map(|part| part.chars().next()?.to_digit(10));
    digits.collect()
}

/// No link leads out of the page, nothing is loaded, and it is small enough to be sent.
fn needs_nothing_else(page: &str) {
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    for outside in [
        "http:",
        "https:",
        " src=",
        "@import",
        "<script",
        "<link rel=\"stylesheet",
        "//cdn",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    let links = page.matches("href=\"").count();
    assert_eq!(
        links,
        page.matches("href=\"#").count() + page.matches("href=\"data:,\"").count()
    );
    assert_eq!(page.matches("url(").count(), page.matches("url(#").count());
}

#[test]
fn a_page_has_every_section_and_its_pictures_and_needs_nothing_else() {
    let mut test = after_a_run();
    let whole = page(&mut test, &[]);
    assert_eq!(sections(&whole), SECTIONS);

    // The graph, four curves, the probabilities, and what two histories have.
    assert_eq!(whole.matches("<svg ").count(), 1 + 4 + 1 + 7 + 2);
    assert_eq!(
        whole.matches("<svg ").count(),
        whole.matches("role=\"img\"").count()
    );
    assert_eq!(
        whole.matches("<svg ").count(),
        whole.matches("<desc ").count()
    );
    for title in [
        "Operating points",
        "Subgroups",
        "Baseline",
        "Receiver operating characteristic",
        "Predicted probabilities, by outcome",
        "Table 1: the stays of events by outcome",
        "<p class=\"lead\">An &amp; in words.</p>",
        "<dd>A. Author, B. Author</dd>",
        "best: epoch ",
    ] {
        assert!(whole.contains(title), "{title}");
    }

    let levels = headings(&whole);
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert_eq!(levels[0], 1);
    assert!(
        levels.windows(2).all(|pair| pair[1] <= pair[0] + 1),
        "{levels:?}"
    );

    let mut ids: Vec<&str> = whole
        .split(" id=\"")
        .skip(1)
        .filter_map(|part| part.split('"').next())
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id stands twice");

    needs_nothing_else(&whole);
    assert!(whole.contains("&lt;script&gt;alert('a &amp; b')&lt;/script&gt;"));

    // A run that executes nothing, and another look at the same store, change no byte.
    test.run_with(["run", "recipe.toml", "--quiet"]).success();
    assert!(page(&mut test, &[]) == whole, "the page is not the same");
}

#[test]
fn what_is_not_up_to_date_is_said_to_be_so_and_not_shown() {
    let failing = recipe()
        + "\n[stages.breaks]\nkind = \"command\"\nrun = \"false\"\noutputs = { nothing = \"nothing\" }\n";
    let mut test = Test::new().recipe(&failing);
    let nothing = page(&mut test, &[]);
    assert_eq!(
        sections(&nothing),
        ["summary", "stages", "recipe", "provenance"]
    );
    assert!(nothing.contains("0 of 10 stages are up to date"));

    test.run_with(["run", "recipe.toml", "--quiet", "--keep-going"])
        .failure(3);
    let half = page(&mut test, &["--set", "stages.classifier.epochs=5"]);
    let shown = [
        "summary",
        "stages",
        "data",
        "training",
        "weights",
        "recipe",
        "provenance",
    ];
    assert_eq!(sections(&half), shown);
    assert!(half.contains("<span class=\"bad\">failed</span> <strong>breaks</strong>: "));
    assert!(half.contains("breaks failed; <a href=\"#stages\">why</a>"));
    assert!(
        half.contains("stages.classifier.epochs"),
        "the reason is told"
    );
    assert!(!half.contains("History of classifier") && !half.contains("Loss of classifier"));
}

#[test]
fn a_model_card_answers_what_it_can_and_marks_the_rest() {
    let mut test = Test::new().recipe(&recipe());
    let card = |test: &mut Test| {
        let arguments = ["report", "recipe.toml", "--model-card", "card.md"];
        test.run_with(arguments)
            .success()
            .stdout_is("report.html\ncard.md\n");
        fs::read_to_string(test.folder().join("card.md")).expect("the card is written")
    };
    let blank = "To be filled in by the authors:";
    let before = card(&mut test);
    assert!(before.contains("**Incomplete**"));
    let after = card(&mut after_a_run());
    assert_eq!(after.matches("\n### ").count(), 52);
    assert!(after.matches(blank).count() < before.matches(blank).count());
    assert!(after.starts_with("# Model card: \\<script\\>alert('a & b')\\</script\\>\n"));
    for answered in [
        "| auroc | 0.",
        "AUROC of the baseline",
        "12 variables of events",
        "recalibrated on validation",
    ] {
        assert!(after.contains(answered), "{answered}");
    }
    assert!(after.contains(&format!("### 17 Ethical approval\n\n_{blank}_")));
}

#[test]
fn a_model_card_lists_every_setting_that_prepares_inputs() {
    let prepared = [
        "cleaning = { HR = { missing = [-1.0], factor = 2.0, range = [20, 250], outside = 'clip' }, Urine = { log = 'log1p' } }",
        "hours = 24",
        "gap_hours = 2",
        "max_sets = 30",
        "max_events = 500",
        "categorical = ['Unit']",
        "split = { ratio = [0.5, 0.25, 0.25] }",
    ];
    let settings = prepared.map(|setting| format!("{setting}\n")).concat();
    let more = format!("\n[stages.events]\n{settings}");
    let mut test = Test::new().recipe(&[recipe(), more].concat());
    let arguments = ["report", "recipe.toml", "--model-card", "card.md"];
    test.run_with(arguments).success();
    let card = fs::read_to_string(test.folder().join("card.md")).expect("the card is written");
    let from = card.find("### 7 Data preparation").expect("item 7");
    let to = card.find("### 8a").expect("item 8a");
    let item = card[from..to].replace('\\', "");
    for line in [
        "cleaning.HR.missing = [-1.0]",
        "cleaning.HR.factor = 2.0",
        "cleaning.HR.range = [20.0,250.0]",
        "cleaning.HR.outside = \"clip\"",
        "cleaning.Urine.log = \"log1p\"",
        "hours = 24.0",
        "gap_hours = 2.0",
        "max_sets = 30",
        "max_events = 500",
        "categorical = [\"Unit\"]",
        "duplicates = \"mean\"",
    ] {
        assert!(
            item.contains(&format!("- events: {line}\n")),
            "{line}\n{item}"
        );
    }
    for other in ["source", "split", "memory", "kind", "variables.drop"] {
        assert!(!item.contains(&format!("events: {other}")), "{item}");
    }
}

#[test]
fn a_comparison_of_runs_is_a_page_too() {
    let mut test = after_a_run();
    let change = ["--set", "stages.classifier.optimizer.lr=1e-2"];
    let run = ["run", "recipe.toml", "--quiet"];
    test.run_with(run.iter().chain(&change).copied()).success();
    let ids = runs(&mut test);
    let page = |test: &mut Test, other: &str| {
        let compare = ["compare", &ids[1], other, "--resamples", "50", "--output"];
        let arguments = compare.iter().chain(&["c.html"]).copied();
        test.run_with(arguments).success();
        fs::read_to_string(test.folder().join("c.html")).expect("the page is written")
    };
    let differing = page(&mut test, &ids[0]);
    assert_eq!(sections(&differing), ["runs", "metrics", "settings"]);
    needs_nothing_else(&differing);
    for shown in [
        ids[0].as_str(),
        "<code>stages.classifier.optimizer.lr</code>",
        "<code>0.01</code>",
        "average precision",
    ] {
        assert!(differing.contains(shown), "{shown}");
    }
    let same = page(&mut test, &ids[1]);
    assert!(same.contains("The recipes have the same values."));
    assert!(
        !same.contains("<details>"),
        "what people come for is not folded"
    );
    assert!(!same.contains("<strong>"), "no difference is marked");
}
