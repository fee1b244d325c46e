//! `--quiet` and `--verbose`.

use crate::harness::Test;
use crate::recipes::PRETRAIN;

const RUN: [&str; 3] = ["run", "recipe.toml", "events"];

#[test]
fn a_quiet_run_writes_its_summary_and_nothing_else() {
    let mut test = Test::new().recipe(PRETRAIN);
    let quiet = RUN.into_iter().chain(["--quiet"]);
    let first = test.run_with(quiet).success().stderr_is("");
    first.stdout_has("events  data  executed");
    let usual = test.run_with(RUN).success();
    assert!(!usual.stderr.is_empty());
    let quiet = test.run_with(["-q", "run", "recipe.toml", "events"]);
    quiet.success().stderr_is("").stdout_is(&usual.stdout);
}

#[test]
fn the_quiet_are_told_errors_but_no_notes() {
    let mut test = Test::new().recipe(PRETRAIN);
    let missing = test.run_with(["-q", "run", "nowhere.toml"]);
    missing.failure(2).stderr_has("error: ");
    let collect = ["cache", "gc", "--keep-recipe", "recipe.toml"];
    let usual = test.run_with(collect).success();
    let usual = usual.stderr_has("note: recipe.toml is out of date");
    let quiet = test.run_with(collect.into_iter().chain(["-q"]));
    quiet.success().stderr_is("").stdout_is(&usual.stdout);
}

#[test]
fn a_verbose_run_tells_reasons_keys_threads_and_paths() {
    let mut test = Test::new().recipe(PRETRAIN);
    let verbose = ["run", "recipe.toml", "--threads", "2", "-v"];
    let outcome = test.run_with(verbose.into_iter().chain(["--format", "json"]));
    let outcome = outcome.success();
    let stages = &outcome.json()["stages"];
    for (index, name) in ["events", "pretrain"].into_iter().enumerate() {
        let text = |value: &serde_json::Value| value.as_str().map(str::to_string);
        let key = text(&stages[index]["key"]).expect("a key");
        for line in [
            format!("{name}: started\n{name}: why: never run\n"),
            format!("{name}: key {key}\n{name}: threads 2\n"),
        ] {
            assert!(outcome.stderr.contains(&line), "no {line:?}{outcome}");
        }
        for (artifact, output) in stages[index]["outputs"].as_object().expect("a table") {
            let path = text(&output["path"]).expect("a path");
            let line = format!("{name}: {artifact} {path}\n");
            assert!(outcome.stderr.contains(&line), "no {line:?}{outcome}");
        }
    }
    let set = ["--set", "stages.pretrain.epochs=2"];
    let outcome = test.run_with(verbose.into_iter().chain(set)).success();
    let changed = "pretrain: why: field `stages.pretrain.epochs` changed: 1 → 2\n";
    outcome
        .stderr_has("events: cached\nevents: key ")
        .stderr_has(changed);
}

#[test]
fn the_reason_of_a_stage_whose_input_was_not_known_is_what_came_of_it() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml"]).success();
    let stays = "stages.events.source.stays=41";
    let outcome = test.run_with(["run", "recipe.toml", "-v", "--set", stays]);
    outcome
        .success()
        .stderr_has("events: why: field `stages.events.source.stays` changed: 40 → 41\n")
        .stderr_has("pretrain: why: content of input `data.events` changed (artifact `events` ");
}

#[test]
fn a_verbose_plan_tells_keys_and_its_standard_output_is_the_same() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(RUN).success();
    let usual = test.run_with(["plan", "recipe.toml"]).success();
    let usual = usual.stderr_is("");
    let verbose = test.run_with(["plan", "recipe.toml", "--verbose"]);
    let verbose = verbose.success().stdout_is(&usual.stdout);
    assert!(verbose.stderr.starts_with("events: key "), "{verbose}");
    let store = test.folder().join(".pipeline/blobs/v1");
    let stays = format!("events: stays {}", store.display());
    verbose.stderr_has(&stays).stderr_has("pretrain: key ");
}

#[test]
fn quiet_and_verbose_contradict_each_other_wherever_they_stand() {
    let lines = [
        ["plan", "recipe.toml", "-q", "-v"],
        ["-q", "plan", "recipe.toml", "--verbose"],
    ];
    for line in lines {
        let outcome = Test::new().recipe(PRETRAIN).args(line).run();
        outcome.failure(2).stdout_is("").stderr_is(
            "\
error: --quiet and --verbose contradict each other
hint: give one of them, or none
",
        );
    }
}
