//! Sweeps that do not try everything: successive halving, and optimizers outside.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::document::repository;
use crate::harness::Test;
use crate::sweep::{RUN, SWEEP, counts, test};

/// Seven settings, of which one fails, on three rungs.
const HALVING: &str = r#"format = 1
extends = ["base.toml"]

[vars]
amount = 1

[stages.score]
run = 'test "$X" != 7 && echo "{\"score\": $((X * $${AMOUNT#n} + PIPELINE_SEED))}" > score.json'
env = { AMOUNT = "n${vars.amount}" }

[sweep]
objective = { stage = "score", metric = "score", direction = "maximize" }
halving = { path = "vars.amount", rungs = [1, 10, 100], keep = 0.5 }
grid."stages.score.env.X" = ["1", "3", "2", "9", "7", "8", "4"]
"#;

#[test]
fn halving_promotes_the_better_settings_and_comes_to_the_same_from_the_store() {
    let mut test = test(HALVING);
    let plan = test.run_with(["sweep", "plan", "sweep.toml"]).success();
    plan.stdout_has("7 variants have 21 stages, 15 of them different\n")
        .stdout_has("on the first of 3 rungs\n");
    let record = test.run_with(RUN).failure(3).json();
    // One base; of seven scores one fails; four go on, two of these once more.
    assert_eq!(
        counts(&record).0,
        json!({ "command": 1 + 2 * 6 + 2 * 4 + 2 * 2 })
    );
    let names = |record: &Value| -> Vec<String> {
        let settings = record["settings"].as_array().expect("settings").iter();
        settings
            .map(|one| one["name"].as_str().expect("a name").into())
            .collect()
    };
    assert_eq!(
        names(&record),
        [
            "X=9,amount=100",
            "X=8,amount=100",
            "X=4,amount=10",
            "X=3,amount=10",
            "X=2,amount=1",
            "X=1,amount=1",
            "X=7,amount=1",
        ]
    );
    assert_eq!(record["settings"][0]["objective"]["mean"], json!(901.0));
    let show = test.run_with(["sweep", "show", "sweep.toml", "--format", "json"]);
    assert_eq!(show.success().json()["settings"], record["settings"]);
    let again = test.run_with(RUN).failure(3).json();
    assert_eq!(counts(&again).0, json!({}));
    let write = ["sweep", "best", "sweep.toml", "--write", "best.toml"];
    test.run_with(write)
        .success()
        .stdout_has("X=9,amount=100\n");
    let plan = test.run_with(["plan", "best.toml", "--check"]).success();
    plan.stdout_has("everything is up to date");
}

#[test]
fn halving_over_seeds_takes_the_first_ones_first() {
    let sweep = SWEEP.replace(
        "[sweep.grid]",
        "halving = { rungs = [1, 2], keep = 0.3 }\n\n[sweep.grid]",
    );
    let mut test = test(&sweep);
    let record = test.run_with(RUN).success().json();
    assert_eq!(counts(&record).0, json!({ "command": 1 + 2 * 3 + 2 }));
    let best = &record["settings"][0];
    assert_eq!(
        (&best["name"], &best["variants"]),
        (&json!("X=3"), &json!(2))
    );
    assert_eq!(record["settings"][1]["variants"], 1);
}

#[test]
fn issue16_a_request_without_an_id_is_told_so_with_its_line() {
    let test = test(SWEEP).args(["sweep", "sweep.toml", "--ask-tell", "--quiet"]);
    let asked = r#"{"overrides": {"stages.score.env.X": "4"}}
{"id": null, "overrides": {}}
{"id": 7, "override": {}}
{"id": 8, "overrides": {"stages.score.env.X": "4", "stages.score.env.X": "5"}}
{"id": 12345678901234567890123, "overrides": {}}
"#;
    let output = assert_cmd::Command::from_std(test.command())
        .write_stdin(asked)
        .output()
        .expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text.lines().skip(1);
    let answers: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let errors: Vec<&str> = answers
        .iter()
        .map(|answer| answer["error"].as_str().expect("an error"))
        .collect();
    assert!(answers.iter().all(|answer| answer["status"] == "refused"));
    assert!(errors[0].contains("missing field `id`"), "{errors:?}");
    assert!(
        errors[0].contains(
            r#"it has no `id` to answer to, so this is the answer to the line {"overrides""#
        ),
        "{errors:?}"
    );
    assert!(errors[1].contains("must not be null"), "{errors:?}");
    // What has an id is answered by it, whatever else is wrong.
    assert_eq!(answers[2]["id"], 7);
    assert!(
        errors[3].contains("the key `stages.score.env.X` stands twice"),
        "{errors:?}"
    );
    let not_repeated = "is beyond 64 bits, and could not be repeated";
    assert!(errors[4].contains(not_repeated), "{errors:?}");
}

#[test]
fn a_line_that_is_not_utf_8_is_refused_and_the_next_is_answered() {
    let test = test(SWEEP).args(["sweep", "sweep.toml", "--ask-tell", "--quiet"]);
    let asked = b"{\"id\": 1, \"n\": \"\xff\", \"overrides\": {}}\n{\"id\": 2, \"overrides\": {\"vars.zz\": 1}}\n";
    let output = assert_cmd::Command::from_std(test.command())
        .write_stdin(asked.to_vec())
        .output()
        .expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<Value> = (text.lines().skip(1))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let ids: Vec<&Value> = answers.iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [1, 2]);
    assert!(answers.iter().all(|answer| answer["status"] == "refused"));
    let error = answers[1]["error"].as_str().expect("an error");
    assert!(error.contains("there is no variable `zz`"), "{error}");
}

#[test]
fn an_optimizer_asks_and_is_told() {
    let sweep = SWEEP.replace("[sweep.grid]", "[sweep.random]\ncount = 3\ndraw.\"stages.score.seed\" = { kind = \"integer\", min = 1, max = 9 }\n\n[sweep.grid]");
    let sweep = &sweep[..sweep.find("[sweep.grid]").expect("a grid")];
    let test = test(sweep).args(["sweep", "sweep.toml", "--ask-tell", "--quiet"]);
    let asked = r#"{"id": "a", "overrides": {"stages.score.env.X": "4", "stages.score.seed": 2}}
{"id": 2, "overrides": {"stages.score.env.X": "7"}}
{"id": 3, "overrides": {"stages.score.seeds": 1}}
{"id": 4, "overrides": {"stages.score.env.X": null}}
nonsense
"#;
    let output = assert_cmd::Command::from_std(test.command())
        .write_stdin(asked)
        .output()
        .expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let (opening, mut answers): (Vec<Value>, Vec<Value>) =
        lines.partition(|line| line["space"].is_object());
    assert_eq!(
        opening,
        [json!({
            "recipe": "demo",
            "objective": { "stage": "score", "metric": "score", "direction": "maximize", "allow_test": false },
            "space": { "stages.score.seed": { "kind": "integer", "min": 1, "max": 9 } },
        })]
    );
    answers.sort_by_key(|answer| answer["id"].to_string());
    let [told, failed, unknown, null, nonsense] = answers.as_slice() else {
        panic!("{text}")
    };
    assert_eq!(
        *told,
        json!({
            "id": "a", "status": "done", "variant": "X=4,seed=2", "objective": 42.0,
            "metrics": { "score": { "score": 42 } },
        })
    );
    assert_eq!(
        (&failed["id"], &failed["status"]),
        (&json!(2), &json!("failed"))
    );
    assert_eq!(unknown["status"], "refused");
    let error = unknown["error"].as_str().expect("an error");
    assert_eq!(error, "unknown key `seeds` in `stages.score`");
    assert_eq!(
        (&null["id"], &null["status"]),
        (&json!(4), &json!("refused"))
    );
    assert_eq!(
        (&nonsense["id"], &nonsense["status"]),
        (&Value::Null, &json!("refused"))
    );
}

/// The optimizer would compare scores of two data sets.
#[test]
fn an_input_that_changes_between_two_requests_ends_the_search() {
    let test = test(SWEEP).args(["sweep", "sweep.toml", "--ask-tell", "--quiet"]);
    let mut search = test
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut requests = search.stdin.take().expect("its input");
    let answers = BufReader::new(search.stdout.take().expect("its output"));
    let mut answers = answers.lines().map(|line| line.expect("text")).skip(1);
    for x in [4, 5] {
        let request = format!(r#"{{"id": {x}, "overrides": {{"stages.score.env.X": "{x}"}}}}"#);
        writeln!(requests, "{request}").expect("it reads");
        if x == 4 {
            let answer = answers.next().expect("an answer");
            assert!(answer.contains(r#""status":"done""#), "{answer}");
            std::fs::write(test.folder().join("in/start.txt"), "other").expect("a new input");
        }
    }
    assert_eq!(answers.next(), None);
    drop(requests);
    let output = search.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let told = "in/start.txt: (inputs.start) changed since an earlier request was answered";
    assert!(stderr.contains(told), "{stderr}");
}

#[test]
fn draws_that_come_to_an_earlier_setting_are_counted() {
    let sweep = SWEEP.replace(
        "[sweep.grid]\n\"stages.score.env.X\" = [\"1\", \"3\", \"2\"]",
        "[sweep.random]\ncount = 9\ndraw.\"stages.score.env.X\" = { kind = \"choice\", values = [\"1\", \"2\"] }",
    );
    let mut test = test(&sweep);
    let note = "note: of 9 draws of [sweep.random], 7 come to the settings of earlier ones";
    let plan = test.run_with(["sweep", "plan", "sweep.toml"]).success();
    plan.stdout_has("4 variants have").stderr_has(note);
    test.run_with(["sweep", "sweep.toml"])
        .success()
        .stderr_has(note);
}

/// The main job, small; two rates for 2 epochs, the better for 4 and then for 8.
fn rungs(more: &str) -> String {
    format!(
        r#"
format = 1
extends = ["{}"]

[vars]
stays = 120

[stages.pretrain]
epochs = 1

[stages.classifier]
epochs = 2
{more}

[sweep]
objective = {{ stage = "classifier", metric = "validation_auroc", direction = "maximize" }}
halving = {{ path = "stages.classifier.epochs", rungs = [2, 4, 8], keep = 0.5 }}
grid."stages.classifier.optimizer.lr" = [1e-3, 1e-2]
"#,
        repository("tests/fixtures/recipes/mlp-head.toml")
    )
}

/// The epoch in which each finetuning began, in the order of the runs.
fn beginnings(test: &Test) -> Vec<u64> {
    let runs = test.folder().join(".pipeline/runs");
    let folders = std::fs::read_dir(runs).expect("there are runs");
    let mut folders: Vec<_> = folders.map(|run| run.expect("a run").path()).collect();
    folders.sort();
    let mut found = Vec::new();
    for folder in folders {
        let events = std::fs::read_to_string(folder.join("events.jsonl")).expect("events");
        let begun = events.lines().filter_map(|line| {
            let (_, after) = line.split_once("goes on in epoch ")?;
            after.split('"').next()?.parse::<u64>().ok()
        });
        found.extend(begun);
    }
    found
}

#[test]
fn a_promoted_variant_goes_on_from_where_it_was_and_comes_to_what_it_would_have_come_to() {
    let recipe = rungs("");
    let mut test = Test::new().file("sweep.toml", &recipe);
    let record = test.run_with(RUN).success().json();
    assert_eq!(beginnings(&test), [3, 5]);
    let best = &record["settings"][0]["overrides"];
    assert_eq!(best["stages.classifier.epochs"], 8);
    let rate = best["stages.classifier.optimizer.lr"].to_string();
    let weights = |record: &Value| {
        let stages = record["stages"].as_array().expect("stages");
        let mut trained = stages.iter().filter(|stage| stage["kind"] == "finetune");
        let longest = trained.next_back().expect("a finetune stage");
        longest["outputs"].clone()
    };
    let digests = |outputs: &Value| {
        ["weights", "history"].map(|name| outputs[name]["digest"].as_str().map(str::to_string))
    };
    let (whole, _) = recipe.split_once("[sweep]").expect("a sweep");
    let mut alone = Test::new().recipe(whole);
    let rate = format!("stages.classifier.optimizer.lr={rate}");
    let set = ["--set", "stages.classifier.epochs=8", "--set", &rate];
    let run = ["run", "recipe.toml", "classifier", "--format", "json"];
    let undisturbed = alone.run_with(run.into_iter().chain(set)).success().json();
    assert_eq!(beginnings(&alone), [0; 0]);
    let found = digests(&weights(&record));
    assert!(found.iter().all(Option::is_some));
    assert_eq!(found, digests(&weights(&undisturbed)));
}

/// Its rates depend on how long it is to be: what a shorter one did is no beginning of it.
#[test]
fn a_training_whose_schedule_looks_ahead_begins_again_on_every_rung() {
    let recipe = rungs("schedule = { kind = \"cosine\" }");
    let mut test = Test::new().file("sweep.toml", &recipe);
    test.run_with(RUN).success();
    assert_eq!(beginnings(&test), [0; 0]);
}
