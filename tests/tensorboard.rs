//! `pipeline export --layout tensorboard`.

use std::path::Path;
use std::process::Command;

use pipeline_report::tensorboard::event_file;
use pipeline_train::history::History;

use crate::document::{artifact, python_with, repository};
use crate::harness::Test;
use crate::recipes::PRETRAIN;

const FILE: &str = "events.out.tfevents.0.pipeline";

/// Prints every scalar that TensorBoard finds: tag, step, wall time, number.
const READER: &str = r#"
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
for tag in events.Tags()["scalars"]:
    for event in events.Scalars(tag):
        print(tag, event.step, event.wall_time, event.value.hex())
"#;

fn read_by_tensorboard(folder: &Path) -> Option<String> {
    let mut python = Command::new(python_with("tensorboard")?);
    python.args(["-W", "ignore", "-c", READER]).arg(folder);
    let output = python.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}

#[test]
fn every_history_of_a_recipe_is_written_each_in_a_folder_of_its_stage() {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    let mut test = Test::new();
    let set = [
        "--set",
        "vars.stays=160",
        "--set",
        "stages.pretrain.epochs=2",
    ];
    let run = ["run", &recipe, "--format", "json"].into_iter().chain(set);
    let document = test.run_with(run).success().json();
    let export = ["export", &recipe, "boards", "--layout", "tensorboard"];
    let export = || export.into_iter().chain(set);
    let files = ["pretrain", "classifier"].map(|stage| format!("boards/{stage}/{FILE}"));
    let outcome = test.run_with(export()).success();
    outcome
        .stdout_is(&format!("{}\n{}\n", files[0], files[1]))
        .stderr_is("");

    for (stage, file) in ["pretrain", "classifier"].into_iter().zip(&files) {
        let path = artifact(&document, stage, "history");
        let history = History::read_parquet(&path).expect("a history");
        let bytes = std::fs::read(test.folder().join(file)).expect("an event file");
        assert!(bytes == event_file(&history).expect("steps"), "{stage}");
        assert_is_read(&test.folder().join("boards").join(stage), &history);
    }

    test.run_with(export()).failure(2).stderr_has("--force");
    let again = test.run_with(export().chain(["--force", "--format", "json"]));
    let again = again.success().json();
    assert_eq!(again["files"][0]["stage"], "pretrain");
    assert_eq!(again["files"][1]["path"], files[1].as_str());
    let bytes = std::fs::read(test.folder().join(&files[1])).expect("an event file");
    let digest = blake3::hash(&bytes).to_hex().to_string();
    assert_eq!(again["files"][1]["digest"], digest);
}

/// TensorBoard reads every number of the history, rounded; nothing is asserted where it is not installed.
#[track_caller]
fn assert_is_read(folder: &Path, history: &History) {
    let Some(read) = read_by_tensorboard(folder) else {
        eprintln!(
            "notice: no python3 with tensorboard: {} is not read",
            folder.display()
        );
        return;
    };
    let mut lines = read.lines();
    for tag in history.columns().iter().filter(|name| *name != "step") {
        for (value, step) in history.column(tag).into_iter().zip(history.column("step")) {
            let (Some(value), Some(step)) = (value, step) else {
                continue;
            };
            let line = lines.next().unwrap_or_default();
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(words[..2], [tag.as_str(), &format!("{step}")], "{line}");
            assert_eq!(words[2], format!("{step:.1}"), "{line}");
            assert_eq!(words[3], hex(value as f32), "{line}");
        }
    }
    assert_eq!(lines.next(), None);
}

/// As Python's `float.hex`.
fn hex(value: f32) -> String {
    let bits = f64::from(value).to_bits();
    let sign = if bits >> 63 == 1 { "-" } else { "" };
    let (exponent, mantissa) = ((bits >> 52 & 0x7ff) as i64, bits & ((1 << 52) - 1));
    match exponent {
        0 if mantissa == 0 => format!("{sign}0x0.0p+0"),
        _ => format!("{sign}0x1.{mantissa:013x}p{:+}", exponent - 1023),
    }
}

#[test]
fn one_stage_may_be_asked_for_and_one_without_a_history_is_refused() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml"]).success();
    let mut export = |places: &[&str]| {
        let arguments = ["export", "recipe.toml", "--layout", "tensorboard"];
        test.run_with(arguments.into_iter().chain(places.iter().copied()))
    };
    let written = format!("boards/pretrain/{FILE}\n");
    export(&["pretrain", "boards"])
        .success()
        .stdout_is(&written);
    export(&["events", "boards"])
        .failure(2)
        .stdout_is("")
        .stderr_has("stage `events` has no history")
        .stderr_has("stages with a history: pretrain");
    export(&["pretrian", "boards"])
        .failure(2)
        .stderr_has("did you mean `pretrain`?");
    export(&["pretrain", "history", "boards"])
        .failure(2)
        .stderr_has("[STAGE] DEST");
    let few = test.run_with(["export", "recipe.toml", "pretrain", "out"]);
    few.failure(2).stderr_has("STAGE NAME DEST");
}

#[test]
fn what_is_up_to_date_is_written_though_the_rest_is_not() {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    let mut test = Test::new();
    let set = [
        "--set",
        "vars.stays=160",
        "--set",
        "stages.pretrain.epochs=1",
    ];
    let export = ["export", &recipe, "boards", "--layout", "tensorboard"];
    let export = || export.into_iter().chain(set);
    let outcome = test.run_with(export()).failure(5).stdout_is("");
    outcome.stderr_has("pretrain, classifier");
    assert!(!test.folder().join("boards").exists());
    let run = ["run", &recipe, "pretrain"].into_iter().chain(set);
    test.run_with(run).success();
    let outcome = test.run_with(export()).failure(5);
    outcome
        .stdout_is(&format!("boards/pretrain/{FILE}\n"))
        .stderr_has("out of date: classifier");
}
