//! What `predict` says of sources that are not as those that the model learned from: stays that are not cut, variables
//! that it does not know, and tables that its output would replace.

use std::fs;

use crate::harness::{Outcome, Test};
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run, stages};

const SOURCE: &str = r#"format = 1

[source]
format = "long"
files = ["one/events.csv"]
id = "id"
time = { column = "hour", as = "hours" }
variable = "item"
value = "value"
"#;

const UNTIL: &str = "stays = { path = \"one/until.csv\", id = \"id\", prediction = \"until\" }\n";

/// A data stage of the same stays, without labels and without times of prediction.
const WHOLE: &str = r#"
[stages.whole]
kind = "data"
like = "events"
labels = "none"
split = "all"
[stages.whole.source]
format = "long"
files = ["one/events.csv"]
id = "id"
time = { column = "hour", as = "hours" }
variable = "item"
value = "value"
"#;

fn predict_stage(data: &str) -> String {
    format!(
        "\n[stages.predictions]\nkind = \"predict\"\nmodel = \"classifier\"\ndata = \"{data}\"\nformat = \"csv\"\n"
    )
}

/// The bundle `bundle` of a model whose stays end after two hours of four if they are `cut`, made of predictions of
/// `predicted`.
fn bundled(cut: bool, predicted: &str) -> Test {
    let until: String = (0..60).map(|stay| format!("{stay},2\n")).collect();
    let test = cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1)
        .file("one/until.csv", format!("id,until\n{until}"))
        .file("source.toml", SOURCE);
    let mut events = data("events", "one", "");
    if cut {
        let plain = "stays = { path = \"one/stays.csv\", id = \"id\" }\n";
        assert!(events.contains(plain));
        events = events.replace(plain, UNTIL);
    }
    let parts = [
        MODEL,
        &events,
        WHOLE,
        &stages("events", "events", "events"),
        &predict_stage(predicted),
    ];
    let mut test = test.recipe(&parts.concat());
    run(&mut test, &[]).success();
    test.run_with(["bundle", "recipe.toml", "predictions", "bundle"])
        .success();
    test
}

fn predict(test: &mut Test, more: &[&str]) -> Outcome {
    let fixed = ["predict", "bundle", "--source", "source.toml", "--output"];
    test.run_with(fixed.iter().chain(more))
}

fn write(test: &Test, path: &str, text: &str) {
    fs::write(test.folder().join(path), text).expect(path);
}

fn read(test: &Test, path: &str) -> String {
    fs::read_to_string(test.folder().join(path)).expect(path)
}

/// How many warnings there are of a cut.
fn warnings(outcome: &Outcome) -> usize {
    let told = outcome.to_string();
    told.matches("warning: the model learned from").count()
}

#[test]
fn a_bundle_knows_how_stays_were_cut_and_a_source_that_is_not_is_told() {
    // Predictions of stays that are not cut say nothing of those that the model learned from.
    for predicted in ["events", "whole"] {
        let mut test = bundled(true, predicted);
        let document = (test
            .run_with(["inspect", "bundle", "--format", "json"])
            .success())
        .json();
        let cut = &document["inputs"]["settings"]["cut"];
        assert_eq!(cut, "[\"prediction-times\"]", "{predicted}");
        let whole = predict(&mut test, &["whole.csv"]).success();
        assert_eq!(warnings(&whole), 1, "{whole}");
        whole
            .stderr_has("stays that end at their time of prediction")
            .stderr_has("whole stays get other probabilities. State `stays.prediction`, or cut");
        write(&test, "source.toml", &[SOURCE, UNTIL].concat());
        let outcome = predict(&mut test, &["cut.csv"]).success();
        assert_eq!(warnings(&outcome), 0, "{outcome}");
        let probabilities = |path: &str| -> Vec<String> {
            let text = read(&test, path);
            let lines = text.lines().skip(1);
            let ends = lines.filter_map(|line| line.rsplit(',').nth(1));
            ends.map(String::from).collect()
        };
        assert_ne!(probabilities("whole.csv"), probabilities("cut.csv"));
    }
}

#[test]
fn a_bundle_of_whole_stays_says_nothing_of_cuts() {
    let mut test = bundled(false, "events");
    assert!(!read(&test, "bundle/preprocessing.json").contains("\"cut\""));
    let outcome = predict(&mut test, &["-"]).success();
    assert_eq!(warnings(&outcome), 0, "{outcome}");
}

#[test]
fn a_cut_by_labels_is_refused_where_none_is_read_in_words_that_fit_the_format() {
    let mut test = bundled(false, "events");
    let hours = "format = 1\n\n[source]\nformat = \"physionet-2019\"\nrecords = [\"one\"]\n";
    for (setting, stated) in [
        (
            "landmarks",
            "landmarks = { every_hours = 6, horizon_hours = 6 }\n",
        ),
        ("negatives", "negatives = \"matched\"\n"),
    ] {
        write(&test, "source.toml", &[hours, stated].concat());
        let outcome = predict(&mut test, &["-"]).failure(2).stderr_has(&format!(
            "source.{setting} cuts stays by the labels of their rows, and no label is read"
        ));
        assert!(!outcome.to_string().contains("row_label"), "{outcome}");
    }
}

#[test]
fn a_variable_that_the_model_does_not_know_is_left_out_whatever_its_values_are() {
    let mut test = bundled(false, "events");
    let plain = predict(&mut test, &["-"]).success();
    let events = read(&test, "one/events.csv");
    write(
        &test,
        "one/events.csv",
        &format!("{events}5,1,Note,walks about\n5,2,Note,7\n5,2,Note,inf\n"),
    );
    let with = predict(&mut test, &["long.csv"]).success();
    with.stderr_has("3 events are dropped, of variables that")
        .stderr_has("`Note`");
    assert!(plain.to_string().contains(&read(&test, "long.csv")));
    // A variable that it does know has numbers.
    write(&test, "one/events.csv", &format!("{events}5,1,A,high\n"));
    predict(&mut test, &["-"])
        .failure(3)
        .stderr_has("value `high` of `A` is not a finite number");

    let mut rows = ["id,hour", &VARIABLES.join(","), "Note\n"].join(",");
    for stay in 0..60 {
        for hour in 0..4 {
            let value = |number: usize| {
                let value = 10 * number + (stay * 7 + hour * 3 + number) % 9;
                value.to_string()
            };
            let values: Vec<String> = (0..VARIABLES.len()).map(value).collect();
            rows += &format!("{stay},{hour},{},some text\n", values.join(","));
        }
    }
    let wide = "format = 1\n\n[source]\nformat = \"wide\"\nfiles = [\"rows.csv\"]\nid = \"id\"\ntime = { column = \"hour\", as = \"hours\" }\n";
    write(&test, "rows.csv", &rows);
    write(&test, "source.toml", wide);
    predict(&mut test, &["wide.csv"])
        .success()
        .stderr_has("240 events are dropped, of variables that");
    assert_eq!(read(&test, "wide.csv"), read(&test, "long.csv"));
}

#[test]
fn predictions_replace_no_table_that_they_are_made_from() {
    let mut test = bundled(false, "events");
    let events = read(&test, "one/events.csv");
    for files in ["one/events.csv", "one/ev*.csv", "tables"] {
        fs::create_dir_all(test.folder().join("tables")).expect("a folder");
        write(&test, "tables/events.csv", &events);
        let source = SOURCE.replace("one/events.csv", files);
        write(&test, "source.toml", &source);
        let output = match files {
            "tables" => "./tables/../tables/events.csv",
            _ => "one/../one/events.csv",
        };
        predict(&mut test, &[output, "--force"])
            .failure(2)
            .stdout_is("")
            .stderr_has("would be replaced")
            .stderr_has("hint: name another file");
        assert_eq!(read(&test, output), events, "{files}");
    }
    write(&test, "old.csv", "ours");
    predict(&mut test, &["old.csv", "--force"]).success();
    assert!(read(&test, "old.csv").starts_with("stay_id,"));
}
