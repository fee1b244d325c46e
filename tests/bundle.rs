//! Issue 17: a bundle predicts what the stage does, and holds nothing else.

mod made;
mod replaced;

use std::fs;
use std::path::Path;

use crate::harness::{Outcome, Test};
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run, stages};

/// No number of the recipe looks like these.
const FIRST_ID: usize = 900_917_300;
/// The one value that a variable ever has.
const ONLY_VALUE: &str = "4711.25";

const PREDICT: &str = r#"
[stages.predictions]
kind = "predict"
model = "classifier"
data = "events"
recalibrate = "isotonic"
operating_points = [{ kind = "sensitivity", target = 0.8 }]
format = "csv"
"#;

const SOURCE: &str = r#"format = 1

[source]
format = "long"
files = ["one/events.csv"]
id = "id"
time = { column = "hour", as = "hours" }
variable = "item"
value = "value"
"#;

/// A cohort with a variable that never varies, trained on and predicted.
fn trained() -> Test {
    let test = cohort_of(Test::new(), "one", FIRST_ID, &VARIABLES, |_| 1);
    let events = test.folder().join("one/events.csv");
    let mut text = fs::read_to_string(&events).expect("events");
    for stay in 0..60 {
        text += &format!("{},0,Z,{ONLY_VALUE}\n", FIRST_ID + stay);
    }
    fs::write(events, text).expect("events");
    let recipe = [
        MODEL,
        &data("events", "one", "hours = 3"),
        &stages("events", "events", "events"),
        PREDICT,
    ];
    let mut test = test.recipe(&recipe.concat()).file("source.toml", SOURCE);
    run(&mut test, &[]).success();
    test
}

/// The same, and the bundle `bundle`.
fn bundled() -> Test {
    let mut test = trained();
    test.run_with([
        "bundle",
        "recipe.toml",
        "predictions",
        "bundle",
        "--license",
        "mit",
    ])
    .success()
    .stdout_is("bundle\n");
    test
}

fn predict(test: &mut Test, more: &[&str]) -> Outcome {
    let fixed = ["predict", "bundle", "--source", "source.toml", "--output"];
    test.run_with(fixed.iter().chain(more))
}

fn predictions_of_the_stage(test: &mut Test) -> String {
    let stage = ["predictions", "predictions", "stage.csv"];
    test.run_with(["export", "recipe.toml"].iter().chain(&stage))
        .success();
    read(test, "stage.csv")
}

fn read(test: &Test, path: &str) -> String {
    fs::read_to_string(test.folder().join(path)).expect(path)
}

#[test]
fn issue17_a_bundle_in_another_folder_predicts_the_same_bits() {
    let mut test = bundled();
    let stage = predictions_of_the_stage(&mut test);
    assert!(stage.lines().count() == 61 && stage.starts_with("stay_id,subject_id,probability,"));

    let mut other = Test::new().file("source.toml", SOURCE);
    let copy = |from: &str| {
        let to = other.folder().join(from);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(test.folder().join(from), to).expect(from);
    };
    copy("one/events.csv");
    for file in fs::read_dir(test.folder().join("bundle")).expect("a bundle") {
        let name = file.expect("a file").file_name();
        copy(&format!("bundle/{}", name.to_string_lossy()));
    }
    for threads in ["1", "2"] {
        predict(&mut other, &["-", "--threads", threads])
            .success()
            .stdout_is(&stage);
    }
    predict(&mut other, &["some.csv"])
        .success()
        .stdout_is("some.csv\n");
    assert_eq!(read(&other, "some.csv"), stage);
    let document = predict(&mut other, &["some.parquet", "--format", "json"])
        .success()
        .json();
    assert_eq!(
        (&document["path"], &document["stays"]),
        (&"some.parquet".into(), &60.into())
    );
    predict(&mut other, &["SOME.CSV", "--force"]).success();
    assert_eq!(read(&other, "SOME.CSV"), stage);
    let left: Vec<_> = fs::read_dir(other.folder()).expect("a folder").collect();
    assert_eq!(left.len(), 6, "nothing else is left behind: {left:?}");
}

#[test]
fn issue18_a_bundle_of_several_models_predicts_what_their_stage_does() {
    let second = "\n[stages.second]\nkind = \"finetune\"\nmodel = \"frozen\"\ndata = \"events\"\nepochs = 2\nseed = 5\n";
    let both = PREDICT.replace("\"classifier\"", "[\"classifier\", \"second\"]");
    let test = trained();
    let recipe = read(&test, "recipe.toml").replace(PREDICT, &[second, both.as_str()].concat());
    let mut test = test.recipe(&recipe);
    run(&mut test, &[]).success();
    test.run_with(["bundle", "recipe.toml", "predictions", "bundle"])
        .success();
    let stage = predictions_of_the_stage(&mut test);
    predict(&mut test, &["-"]).success().stdout_is(&stage);
    (test.run_with(["inspect", "bundle"]).success())
        .stdout_has("model-2.safetensors")
        .stdout_has("models         2\n");
}

#[test]
fn issue17_no_id_and_no_value_of_a_patient_is_in_a_bundle() {
    let mut test = bundled();
    let holds = |path: &Path, what: &str| {
        let bytes = fs::read(path).expect("a file");
        bytes
            .windows(what.len())
            .any(|window| window == what.as_bytes())
    };
    let ids = FIRST_ID.to_string();
    let ids = &ids[..7];
    let mut files = 0;
    for file in fs::read_dir(test.folder().join("bundle")).expect("a bundle") {
        let path = file.expect("a file").path();
        assert!(!holds(&path, ids), "{}", path.display());
        assert!(!holds(&path, ONLY_VALUE), "{}", path.display());
        files += 1;
    }
    assert_eq!(files, 7);
    let document = run(&mut test, &[]).success().json();
    let stays = crate::document::artifact(&document, "events", "stays");
    let profile = crate::document::artifact(&document, "events", "profile");
    assert!(
        holds(&stays, ids) && holds(&profile, ONLY_VALUE),
        "the test can see them"
    );
    let shown = test
        .run_with(["inspect", "bundle", "--format", "json"])
        .success()
        .json();
    assert_eq!(shown["provenance"]["license"], "mit");
    assert_eq!(shown["recalibration"], "isotonic");
    assert_eq!(shown["inputs"]["settings"]["hours"], "3.0");
    assert_eq!(
        shown["inputs"]["variables"].as_array().map(Vec::len),
        Some(9)
    );
    test.run_with(["inspect", "bundle"]).success().stdout_has(
        "from           stage predictions of inputs\nlicense        mit\nmodels         1\n",
    );
}

#[test]
fn issue17_every_file_of_a_bundle_is_looked_at_before_it_is_used() {
    let mut test = bundled();
    let folder = test.folder().join("bundle");
    let names = [
        "calibration.json",
        "config.json",
        "manifest.json",
        "model.safetensors",
        "preprocessing.json",
        "provenance.json",
    ];
    for name in names {
        let path = folder.join(name);
        let whole = fs::read(&path).expect(name);
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        for bytes in [Some(&damaged), None] {
            match bytes {
                Some(bytes) => fs::write(&path, bytes).expect(name),
                None => fs::remove_file(&path).expect(name),
            }
            let outcome = predict(&mut test, &["-"]).failure(4).stdout_is("");
            outcome.stderr_has(&format!("bundle/{name}"));
        }
        fs::write(&path, whole).expect(name);
    }
    let manifest = read(&test, "bundle/manifest.json");
    let newer = manifest.replace("\"format\": 1", "\"format\": 2");
    fs::write(folder.join("manifest.json"), newer).expect("a manifest");
    for command in [
        &["inspect", "bundle"][..],
        &[
            "predict",
            "bundle",
            "--source",
            "source.toml",
            "--output",
            "-",
        ],
    ] {
        test.run_with(command)
            .failure(4)
            .stderr_has("bundle/manifest.json: is of format 2, and this program reads format 1");
    }
    fs::write(folder.join("manifest.json"), manifest).expect("a manifest");
    // People complete the card, and put files of their own beside it.
    fs::write(folder.join("README.md"), "ours").expect("a card");
    fs::write(folder.join("notes.txt"), "ours").expect("a file");
    predict(&mut test, &["-"])
        .success()
        .stderr_has("note: notes.txt is no part of the bundle, and is not read");
}

#[test]
fn issue17_a_source_that_cannot_be_predicted_is_refused_by_name() {
    let mut test = bundled();
    for (more, what) in [
        (
            "labels = { path = \"one/stays.csv\", id = \"id\", column = \"died\" }\n",
            "source.labels is stated, and a prediction reads no labels",
        ),
        ("delimeter = \",\"\n", "unknown key `delimeter`"),
    ] {
        fs::write(test.folder().join("source.toml"), [SOURCE, more].concat()).expect("a source");
        predict(&mut test, &["-"])
            .failure(2)
            .stdout_is("")
            .stderr_has(what);
    }
    let stage = SOURCE.replace(
        "[\"one/events.csv\"]",
        "[{ stage = \"events\", artifact = \"events\" }]",
    );
    fs::write(test.folder().join("source.toml"), stage).expect("a source");
    predict(&mut test, &["-"])
        .failure(2)
        .stderr_has("names a stage, and there is no recipe around it");
    let window = ["hours = 24\n", SOURCE].concat();
    fs::write(test.folder().join("source.toml"), window).expect("a source");
    predict(&mut test, &["-"]).failure(2).stderr_has("hours");

    // Half a table leaves no half of a result.
    fs::write(test.folder().join("source.toml"), SOURCE).expect("a source");
    let events = read(&test, "one/events.csv");
    fs::write(
        test.folder().join("one/events.csv"),
        format!("{events}5,x,A,1\n"),
    )
    .expect("events");
    predict(&mut test, &["out.csv"])
        .failure(3)
        .stderr_has("one/events.csv");
    assert!(!test.folder().join("out.csv").exists());
    fs::write(test.folder().join("one/events.csv"), &events).expect("events");

    predict(&mut test, &["out.xlsx"])
        .failure(2)
        .stderr_has("ends neither in .parquet nor in .csv");
    predict(&mut test, &["-", "--format", "json"])
        .failure(2)
        .stderr_has("leave one of them out");
    fs::write(test.folder().join("out.csv"), "ours").expect("a file");
    predict(&mut test, &["out.csv"])
        .failure(2)
        .stderr_has("out.csv: is there already");
    predict(&mut test, &["out.csv", "--force"]).success();
    test.run_with([
        "predict",
        "nowhere",
        "--source",
        "source.toml",
        "--output",
        "-",
    ])
    .failure(2)
    .stderr_has("nowhere: there is no such folder");
}

#[test]
fn issue17_other_units_and_missing_variables_are_named_by_a_prediction() {
    let mut test = bundled();
    let events = read(&test, "one/events.csv");
    let changed = events
        .lines()
        .filter(|line| !line.contains(",B,"))
        .map(|line| {
            let mut fields: Vec<String> = line.split(',').map(String::from).collect();
            if fields[2] == "H" {
                let value: f64 = fields[3].parse().expect("a number");
                fields[3] = (value / 18.0).to_string();
            }
            fields.join(",") + "\n"
        });
    fs::write(
        test.folder().join("one/events.csv"),
        changed.collect::<String>(),
    )
    .expect("events");
    predict(&mut test, &["-"])
        .success()
        .stderr_has("warning: ")
        .stderr_has("`H`")
        .stderr_has("`B`");
    let factor = format!("{SOURCE}\n[cleaning]\nH = {{ factor = 18 }}\n");
    fs::write(test.folder().join("source.toml"), factor).expect("a source");
    let outcome = predict(&mut test, &["-"]).success();
    assert!(!outcome.stderr.contains("`H`"), "{}", outcome.stderr);
}

#[test]
fn issue17_an_explanation_is_what_the_stay_is_without_the_variable() {
    let mut test = bundled();
    predict(&mut test, &["whole.csv", "--explain", "3"]).success();
    let whole = read(&test, "whole.csv");
    let columns: Vec<&str> = whole.lines().next().expect("a header").split(',').collect();
    assert_eq!(
        columns[6..],
        [
            "variable_1",
            "change_1",
            "variable_2",
            "change_2",
            "variable_3",
            "change_3"
        ]
    );
    let row = |text: &str| -> Vec<String> {
        let row = text.lines().nth(7).expect("a row");
        row.split(',').map(String::from).collect()
    };
    let explained = row(&whole);
    let events = read(&test, "one/events.csv");
    let without = format!("{},", explained[0]);
    for place in [6, 8, 10] {
        let gone = format!(",{},", explained[place]);
        let left = events
            .lines()
            .filter(|line| !(line.starts_with(&without) && line.contains(&gone)));
        let left: Vec<&str> = left.collect();
        fs::write(test.folder().join("one/events.csv"), left.join("\n") + "\n").expect("events");
        predict(&mut test, &["less.csv", "--force"]).success();
        let number = |text: &str| text.parse::<f64>().expect("a number");
        let change = number(&explained[2]) - number(&row(&read(&test, "less.csv"))[2]);
        assert_eq!(
            change,
            number(&explained[place + 1]),
            "{}",
            explained[place]
        );
    }
}
