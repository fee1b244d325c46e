//! `pipeline sweep`, on programs that take no time.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::document::kinds_in_store;
use crate::harness::Test;

/// Its score is X · 10 plus the seed, less 100 for the odd ones when they are bad; X = 7 fails.
const BASE: &str = r#"format = 1
name = "demo"

[stages.base]
kind = "command"
run = "cp inputs/start.txt base.txt"
inputs = { start = "in/start.txt" }
outputs = { base = "base.txt" }

[stages.score]
kind = "command"
run = 'test "$X" != 7 && sleep "$PAUSE" && echo "{\"score\": $((X * 10 + PIPELINE_SEED))}" > score.json'
inputs = { base = { stage = "base", artifact = "base" } }
env = { X = "1", PAUSE = "0" }
outputs = { score = "score.json" }
metrics = "score"
seed = 1

[stages.after]
kind = "command"
run = "cp inputs/score.json after.json"
inputs = { score = { stage = "score", artifact = "score" } }
outputs = { after = "after.json" }
"#;

pub const SWEEP: &str = r#"format = 1
extends = ["base.toml"]

[sweep]
objective = { stage = "score", metric = "score", direction = "maximize" }

[sweep.grid]
"stages.score.env.X" = ["1", "3", "2"]

[sweep.seeds]
"stages.score.seed" = [1, 2]
"#;

pub fn test(sweep: &str) -> Test {
    Test::new()
        .file("in/start.txt", "start")
        .file("base.toml", BASE)
        .file("sweep.toml", sweep)
}

pub fn counts(record: &Value) -> (Value, Value) {
    (
        record["counts"]["executed"].clone(),
        record["counts"]["cached"].clone(),
    )
}

pub const RUN: [&str; 4] = ["sweep", "sweep.toml", "--format", "json"];

#[test]
fn what_variants_share_runs_once_and_a_second_run_executes_nothing() {
    let mut test = test(SWEEP);
    let record = test
        .run_with(RUN.into_iter().chain(["--jobs", "2"]))
        .success()
        .json();
    assert_eq!(
        counts(&record),
        (json!({ "command": 1 + 6 + 6 }), json!({}))
    );
    assert_eq!(record["status"], "done");
    let variants = record["variants"].as_array().expect("variants");
    assert_eq!(variants.len(), 6);
    let variant = &variants[3];
    assert_eq!(variant["name"], "X=3,seed=2");
    assert_eq!(variant["status"], "done");
    assert_eq!(
        variant["overrides"],
        json!({ "stages.score.env.X": "3", "stages.score.seed": 2 })
    );
    assert_eq!(variant["metrics"], json!({ "score": { "score": 32 } }));
    assert_eq!(variant["stages"]["base"], "base");
    assert_eq!(variant["stages"]["score"], "score@X=3,seed=2");
    let again = test.run_with(RUN).success().json();
    assert_eq!(counts(&again), (json!({}), json!({ "command": 13 })));
    assert_eq!(again["settings"], record["settings"]);
}

#[test]
fn more_values_run_what_is_new_alone() {
    let mut test = test(SWEEP);
    test.run_with(RUN).success();
    let test = &mut test.file("sweep.toml", SWEEP.replace("\"2\"]", "\"2\", \"4\"]"));
    let plan = test.run_with(["sweep", "plan", "sweep.toml"]).success();
    plan.stdout_is(
        "\
stage  kind     variants  different  cached  run  may run
base   command         8          1       1
score  command         8          8       6    2
after  command         8          8       6             2

8 variants have 24 stages, 17 of them different
computed once for all 8 variants: base
2 of 17 would run, 2 may run
",
    )
    .stderr_is("");
    let plan = ["sweep", "plan", "sweep.toml", "--format", "json"];
    let plan = test.run_with(plan).success().json();
    let sharing = |stage: usize| plan["shared"][stage]["sharing"].clone();
    assert_eq!(sharing(0), json!([{ "variants": 8, "stages": 1 }]));
    assert_eq!(sharing(1), json!([{ "variants": 1, "stages": 8 }]));
    let record = test.run_with(RUN).success().json();
    assert_eq!(
        counts(&record),
        (json!({ "command": 4 }), json!({ "command": 13 }))
    );
    // Another start changes what depends on it: nothing but the copy of it, as no score reads its bytes.
    let test = &mut std::mem::replace(test, Test::new()).file("in/start.txt", "other");
    let record = test.run_with(RUN).success().json();
    assert_eq!(counts(&record).0, json!({ "command": 1 + 8 }));
    assert_eq!(
        counts(&record).1,
        json!({ "command": 8 }),
        "the scores are the same bytes"
    );
}

#[test]
fn a_plan_says_what_is_computed_once_for_how_many_variants() {
    let list = r#"format = 1
extends = ["base.toml"]

[sweep]
objective = { stage = "score", metric = "score", direction = "maximize" }
list = [
  { "stages.score.env.X" = "1" },
  { "stages.score.env.X" = "2" },
  { "stages.score.env.X" = "1", "stages.base.run" = "cat inputs/start.txt > base.txt" },
]
"#;
    let mut test = test(list);
    let plan = test.run_with(["sweep", "plan", "sweep.toml"]).success();
    plan.stdout_is(
        "\
stage  kind     variants  different  cached  run  may run
base   command         3          2            2
score  command         3          3                     3
after  command         3          3                     3

3 variants have 9 stages, 8 of them different
computed once for 1 to 2 variants each: base
2 of 8 would run, 6 may run
",
    );
    let plan = ["sweep", "plan", "sweep.toml", "--format", "json"];
    let plan = test.run_with(plan).success().json();
    let base = &plan["shared"][0];
    assert_eq!(
        base["sharing"],
        json!([{ "variants": 2, "stages": 1 }, { "variants": 1, "stages": 1 }])
    );
}

#[test]
fn a_failed_variant_is_recorded_and_the_others_go_on() {
    let mut test = test(&SWEEP.replace("\"3\"", "\"7\""));
    let outcome = test.run_with(RUN).failure(3);
    let record = outcome.json();
    outcome
        .stderr_has("score@X=7,seed=1")
        .stderr_has("score@X=7,seed=2");
    let statuses = |record: &Value| -> Vec<String> {
        let variants = record["variants"].as_array().expect("variants").iter();
        variants
            .map(|one| one["status"].as_str().expect("a status").into())
            .collect()
    };
    let expected = ["done", "done", "failed", "failed", "done", "done"];
    assert_eq!(statuses(&record), expected);
    let error = record["variants"][2]["error"].as_str().expect("an error");
    assert!(error.starts_with("stage `score@X=7,seed=1`: "), "{error}");
    // Later, and without running anything, it is known, too.
    let show = test.run_with(["sweep", "show", "sweep.toml", "--format", "json"]);
    let show = show.success().json();
    assert_eq!(statuses(&show), expected);
    assert_eq!(show["settings"][0]["name"], "X=2");
    assert_eq!(show["settings"][2]["failed"], 2);
    let again = test.run_with(RUN).failure(3).json();
    assert_eq!(
        counts(&again).0,
        json!({}),
        "only what failed is tried again"
    );
}

#[test]
fn a_sweep_that_is_killed_repeats_no_finished_stage_and_comes_to_the_same() {
    let slow = SWEEP.replace(
        "[sweep.grid]",
        "[stages.score]\nenv = { X = \"1\", PAUSE = \"0.2\" }\n\n[sweep.grid]",
    );
    let undisturbed = {
        let mut test = test(&slow);
        test.run_with(RUN).success().json()
    };
    let test = test(&slow).args(RUN);
    let mut child = test
        .command()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let start = Instant::now();
    while kinds_in_store(&test).len() < 5 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing happens");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    let finished = kinds_in_store(&test).len();
    let record = test.run().success().json();
    let (executed, cached) = counts(&record);
    assert_eq!(cached["command"], json!(finished));
    assert_eq!(executed["command"], json!(13 - finished));
    for key in ["variants", "settings"] {
        assert_eq!(record[key], undisturbed[key], "{key}");
    }
}

#[test]
fn a_recipe_with_variants_still_runs_without_them_and_says_so() {
    let mut test = test(SWEEP);
    for command in ["plan", "run"] {
        let outcome = test.run_with([command, "sweep.toml"]).success();
        outcome.stderr_has(
            "note: this is the recipe without its variants; `pipeline sweep sweep.toml` runs those",
        );
    }
    let record = test.run_with(RUN).success().json();
    assert_eq!(
        counts(&record).1,
        json!({ "command": 3 }),
        "what it made is that of a variant"
    );
    let check = test.run_with(["check", "sweep.toml"]).success();
    check.stdout_has(": demo, 6 variants, 3 stages: ");
    let base = test.run_with(["sweep", "base.toml"]).failure(2);
    base.stderr_has("base.toml has no [sweep]");
}

#[test]
fn mistakes_of_variants_are_found_before_anything_runs() {
    let mut test = test(&SWEEP.replace("\"2\"]", "2]"));
    let outcome = test.run_with(RUN).failure(2).stdout_is("");
    outcome
        .stderr_has("`stages.score.env.X` must be a string")
        .stderr_has("[sweep.toml:8:");
    assert!(!test.folder().join(".pipeline").exists());
}

#[test]
fn a_name_is_of_its_variant_alone() {
    let mut test = test(SWEEP);
    let names = |record: &Value| -> BTreeMap<String, String> {
        let stages = record["stages"].as_array().expect("stages").iter();
        let text = |value: &Value| value.as_str().expect("text").to_string();
        stages
            .map(|stage| (text(&stage["key"]), text(&stage["name"])))
            .collect()
    };
    let few = names(&test.run_with(RUN).success().json());
    let test = &mut test.file("sweep.toml", SWEEP.replace("[\"1\"", "[\"5\", \"1\""));
    let more = names(&test.run_with(RUN).success().json());
    for (key, name) in &few {
        assert_eq!(more.get(key), Some(name));
    }
}

#[test]
fn a_stage_that_some_variants_share_is_called_by_what_they_have_in_common() {
    let sweep = SWEEP.replace("[sweep.seeds]\n\"stages.score.seed\" = [1, 2]", "")
        + "\"stages.after.env.Y\" = [\"a\", \"b\"]\n";
    let mut test = test(&sweep);
    let record = test.run_with(RUN).success().json();
    assert_eq!(counts(&record).0, json!({ "command": 1 + 3 + 6 }));
    let stages = &record["variants"][3]["stages"];
    assert_eq!(
        *stages,
        json!({ "base": "base", "score": "score@X=3", "after": "after@X=3,Y=b" })
    );
}

#[test]
fn a_collection_that_keeps_the_recipe_keeps_its_variants() {
    let mut test = test(SWEEP);
    test.run_with(RUN).success();
    let collect = ["cache", "gc", "--keep-recipe", "sweep.toml"];
    test.run_with(collect).success();
    let record = test.run_with(RUN).success().json();
    assert_eq!(counts(&record).0, json!({}), "nothing had to be made again");
}
