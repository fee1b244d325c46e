//! Sweeps as arrays of jobs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::cluster::{CLUSTER, Slurm};
use crate::document::digests;
use crate::harness::Test;

#[test]
fn variants_of_a_sweep_are_one_array_whose_readers_follow_task_by_task() {
    let sweep = r#"
format = 1
extends = ["finetune"]
[stages.classifier]
subsample = { stays = 50, seed = 1 }
[sweep]
objective = { stage = "classifier", metric = "validation_auroc", direction = "maximize" }
[sweep.grid]
"stages.classifier.subsample.stays" = [50, 100, 200]
"#;
    let mut slurm = Slurm::new(sweep, CLUSTER);
    let dry = slurm
        .test
        .run_with(["submit", "recipe.toml", "--dry-run"])
        .success();
    let jobs: BTreeMap<&str, Vec<&str>> = (dry.stdout.split("#!/bin/bash\n"))
        .filter_map(|script| {
            let options: Vec<&str> = script
                .lines()
                .filter_map(|it| it.strip_prefix("#SBATCH --"))
                .collect();
            let name = options.first()?.strip_prefix("job-name=RUN-")?;
            Some((name.split('.').next()?, options))
        })
        .collect();
    let has = |job: &str, option: &str| jobs[job].contains(&option);
    assert!(has("classifier", "array=0-2"), "{dry}");
    assert!(has("test", "array=0-2"), "{dry}");
    let after = jobs["test"]
        .iter()
        .find(|option| option.starts_with("dependency="));
    assert!(
        after.is_some_and(|after| after.contains("aftercorr:ID(RUN-classifier.")),
        "{dry}"
    );
    assert!(
        !jobs["pretrain"]
            .iter()
            .any(|option| option.starts_with("array="))
    );
    assert!(Path::new(&slurm.state()).exists());
}

/// Eight heads, of which one fails where there is no file `fixed`, and as many scores of them.
const SWEEP: &str = r#"
format = 1
[resources.command]
pack = 3
[stages.base]
kind = "command"
run = "echo 5 > base"
outputs = { base = "base" }
[stages.head]
kind = "command"
run = "echo x >> ../../../../ran; test $X != 7 || test -e ../../../../fixed || exit 9; echo $((X * 2)) > head"
env = { X = "0" }
inputs = { base = { stage = "base", artifact = "base" } }
outputs = { head = "head" }
[stages.score]
kind = "command"
run = "echo \"{\\\"score\\\": $(cat {inputs.head})}\" > score.json"
inputs = { head = { stage = "head", artifact = "head" } }
outputs = { score = "score.json" }
metrics = "score"
[sweep]
objective = { stage = "score", metric = "score", direction = "maximize" }
grid."stages.head.env.X" = ["1", "2", "3", "4", "5", "6", "7", "8"]
"#;

/// What the sweep comes to on one machine.
fn local(recipe: &str, code: i32) -> Value {
    let mut test = Test::new().recipe(recipe);
    fs::write(test.folder().join("fixed"), "").expect("a file");
    let run = ["sweep", "recipe.toml", "--format", "json"];
    let outcome = test.run_with(run);
    assert_eq!(outcome.code, Some(code), "{outcome}");
    outcome.json()
}

/// How often heads began.
fn begun(slurm: &Slurm) -> usize {
    let ran = fs::read_to_string(slurm.test.folder().join("ran")).unwrap_or_default();
    ran.lines().count()
}

fn found(slurm: &mut Slurm) -> Value {
    let run = ["sweep", "recipe.toml", "--format", "json"];
    let found = slurm.test.run_with(run).success().json();
    assert_eq!(found["counts"]["executed"], json!({}), "{found}");
    found
}

#[test]
fn a_worker_opens_the_variants_of_its_task_and_calls_them_as_they_were_submitted() {
    let mut slurm = Slurm::new(SWEEP, CLUSTER);
    fs::write(slurm.test.folder().join("fixed"), "").expect("a file");
    slurm
        .submit()
        .success()
        .stdout_has("17 stages, 0 done, 17 submitted");
    assert_eq!(slurm.names(), ["base.0", "head.1", "score.2"]);
    assert_eq!(slurm.option(102, "array"), "0-2");
    assert_eq!(slurm.option(103, "dependency"), "aftercorr:102");
    slurm.drain();
    let log = fs::read_to_string(slurm.option(102, "output").replace("%a", "2")).expect("a log");
    // Two variants alone, among which `base` has no other name than among all.
    for line in [
        "4 stages\n",
        "base: cached\n",
        "head@X=7: executed",
        "head@X=8: executed",
    ] {
        let line = line.replace("4 stages", "3 stages");
        assert!(log.contains(&line), "{line}: {log}");
    }
    assert!(!log.contains("X=6"), "{log}");
    slurm.watch().success().stdout_has("score@X=8  done");
    assert_eq!(digests(&found(&mut slurm)), digests(&local(SWEEP, 0)));
    assert_eq!(begun(&slurm), 8);
}

#[test]
fn what_is_no_more_in_the_recipe_does_not_run_and_what_other_variants_have_does() {
    let mut slurm = Slurm::new(SWEEP, CLUSTER);
    slurm.submit().success();
    let other = SWEEP.replace("\"1\", \"2\", \"3\", ", "");
    fs::write(slurm.test.folder().join("recipe.toml"), other).expect("a recipe");
    slurm.put(101, "RUNNING");
    assert!(slurm.start(101).wait().expect("it ends").success());
    slurm.put(101, "COMPLETED");
    let status = slurm.start_task(102, 0).wait().expect("it ends");
    assert_eq!(status.code(), Some(2));
    assert_eq!(begun(&slurm), 0);
}

#[test]
fn one_failed_variant_leaves_the_others_alone() {
    let mut slurm = Slurm::new(SWEEP, CLUSTER);
    slurm.submit().success();
    slurm.drain();
    slurm
        .watch()
        .failure(3)
        .stdout_has("head@X=7   failed on n1")
        .stdout_has("score@X=6  done");
    fs::write(slurm.test.folder().join("fixed"), "").expect("a file");
    slurm.submit().success().stdout_has("3 submitted");
    slurm.drain();
    slurm.watch().success();
    assert_eq!(begun(&slurm), 9);
    assert_eq!(digests(&found(&mut slurm)), digests(&local(SWEEP, 0)));
}

#[test]
fn earlier_runs_say_how_many_short_stages_a_task_has() {
    let recipe = SWEEP.replace("[resources.command]\npack = 3\n", "name = 'heads'\n");
    let mut slurm = Slurm::new(&recipe, CLUSTER);
    let arrays = |slurm: &mut Slurm| {
        let dry = ["submit", "recipe.toml", "--dry-run", "--format", "json"];
        let dry = slurm.test.run_with(dry).success().json();
        let jobs = dry["jobs"].as_array().expect("jobs").iter();
        let tasks = jobs.map(|job| job["tasks"].as_array().map_or(0, Vec::len));
        tasks.collect::<Vec<usize>>()
    };
    assert_eq!(
        arrays(&mut slurm),
        [1, 8, 8],
        "nobody knows how long they take"
    );
    slurm.test.run_with(["run", "recipe.toml"]).success();
    assert_eq!(arrays(&mut slurm), [4, 4], "milliseconds");
}

/// Halving over the amount of work: of eight settings four, then two.
fn halving() -> String {
    let recipe = SWEEP
        .replace("format = 1\n", "format = 1\n[vars]\namount = 1\n")
        .replace(
            "env = { X = \"0\" }",
            "env = { X = \"0\", AMOUNT = \"n${vars.amount}\" }",
        )
        .replace(
            "echo $((X * 2)) > head",
            "echo $((X * $${AMOUNT#n})) > head",
        );
    format!("{recipe}halving = {{ path = \"vars.amount\", rungs = [1, 10, 100], keep = 0.5 }}\n")
}

#[test]
fn halving_goes_on_to_the_next_rung_by_itself() {
    let recipe = halving();
    let mut slurm = Slurm::new(&recipe, CLUSTER);
    fs::write(slurm.test.folder().join("fixed"), "").expect("a file");
    slurm
        .submit()
        .success()
        .stdout_has("job 104 goes on submitting");
    // A rung is over when all of it is.
    assert_eq!(slurm.option(104, "dependency"), "afterany:101:102:103");
    slurm.drain();
    assert_eq!(
        slurm.names(),
        [
            "base.0", "head.1", "score.2", "submit.3", "head.4", "score.5", "submit.6", "head.7",
            "score.8"
        ]
    );
    slurm
        .watch()
        .success()
        .stdout_has("head@X=8,amount=100   done");
    assert_eq!(begun(&slurm), 8 + 4 + 2);
    let (found, expected) = (found(&mut slurm), local(&recipe, 0));
    assert_eq!(found["settings"], expected["settings"]);
    assert_eq!(digests(&found), digests(&expected));
    slurm
        .submit()
        .success()
        .stdout_is("everything is up to date\n");
}

#[test]
fn halving_leaves_a_failed_variant_behind_until_somebody_submits_again() {
    // As many runs of workers as it takes for the failure to be none of the latest runs.
    let recipe = halving().replace("pack = 3", "pack = 1");
    let mut slurm = Slurm::new(&recipe, CLUSTER);
    slurm.submit().success();
    slurm.drain();
    // Of seven that are left four go on, then two.
    assert_eq!(begun(&slurm), 8 + 4 + 2);
    slurm
        .watch()
        .success()
        .stdout_has("head@X=8,amount=100   done");
    fs::write(slurm.test.folder().join("fixed"), "").expect("a file");
    slurm
        .submit()
        .success()
        .stdout_has("2 submitted")
        .stderr_has("stage `head@X=7,amount=1` failed on n1");
    slurm.drain();
    slurm
        .watch()
        .success()
        .stdout_has("head@X=7,amount=100   done");
    let (found, expected) = (found(&mut slurm), local(&recipe, 0));
    assert_eq!(found["settings"], expected["settings"]);
}

#[test]
fn a_rung_that_was_cut_short_goes_on_after_submit() {
    let recipe = halving();
    let mut slurm = Slurm::new(&recipe, &format!("{CLUSTER}max_queued = 3\n"));
    fs::write(slurm.test.folder().join("fixed"), "").expect("a file");
    slurm.submit().success();
    slurm.put(101, "CANCELLED");
    slurm.drain();
    slurm.submit().success();
    slurm.drain();
    slurm
        .watch()
        .success()
        .stdout_has("head@X=8,amount=100   done");
    assert_eq!(found(&mut slurm)["settings"], local(&recipe, 0)["settings"]);
}
