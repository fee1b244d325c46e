//! A submitted run in `pipeline runs`.

use std::fs;

use super::cluster::{CLUSTER, RECIPE, Slurm};

const RUNS: [&str; 3] = ["runs", "--format", "json"];

#[test]
fn a_submitted_run_is_one_line_with_what_its_workers_did() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    slurm.submit().success();
    let of = |slurm: &mut Slurm| {
        let list = slurm.test.run_with(RUNS).success().json();
        let runs = list["runs"].as_array().expect("runs").clone();
        assert_eq!(runs.len(), 1, "{list}");
        runs[0].clone()
    };
    let open = of(&mut slurm);
    assert_eq!(open["run"], slurm.run());
    assert_eq!(
        (&open["recipe"], &open["status"]),
        (&"two".into(), &"unfinished".into())
    );
    slurm.put(101, "RUNNING");
    assert!(slurm.start(101).wait().expect("it ends").success());
    slurm.put(101, "COMPLETED");
    let half = of(&mut slurm);
    assert_eq!(
        (&half["status"], &half["executed"]),
        (&"unfinished".into(), &1.into())
    );
    slurm.drain();
    let done = of(&mut slurm);
    assert_eq!(
        (&done["status"], &done["executed"]),
        (&"done".into(), &2.into())
    );
    assert_eq!(
        (&done["cached"], &done["exit_code"]),
        (&0.into(), &0.into())
    );
    assert!(done["seconds"].is_f64(), "{done}");
    // The runs inside of the jobs, when asked for.
    let all = ["runs", "--format", "json", "--workers"];
    let all = slurm.test.run_with(all).success().json();
    let workers: Vec<&serde_json::Value> = (all["runs"].as_array().expect("runs").iter())
        .filter(|run| run["worker_of"] == done["run"])
        .collect();
    assert_eq!(workers.len(), 2, "{all}");
    let run = slurm.run();
    let show = ["runs", "show", &run, "--format", "json"];
    let show = slurm.test.run_with(show).success().json();
    assert_eq!(show["status"], "done");
    assert_eq!(show["stages"].as_array().map(Vec::len), Some(2));
    assert_eq!(show["stages"][0]["name"], "first");
    // A limit counts lines, not workers.
    slurm.test.run_with(["run", "recipe.toml"]).success();
    let two = ["runs", "--format", "json", "--limit", "2"];
    let two = slurm.test.run_with(two).success().json();
    assert_eq!(two["runs"][1]["run"], done["run"], "{two}");
}

#[test]
fn a_submitted_run_failed_where_a_stage_did_and_was_interrupted_where_it_was_cancelled() {
    let broken = RECIPE.replace("echo one > a", "test -e ../../../../fixed && echo one > a");
    let mut slurm = Slurm::new(&broken, CLUSTER);
    slurm.submit().success();
    slurm.drain();
    let status = |slurm: &mut Slurm| {
        let list = slurm.test.run_with(RUNS).success().json();
        (
            list["runs"][0]["status"].clone(),
            list["runs"][0]["failed"].clone(),
        )
    };
    assert_eq!(status(&mut slurm), ("failed".into(), 1.into()));
    fs::write(slurm.test.folder().join("fixed"), "").expect("a file");
    slurm.submit().success();
    assert_eq!(
        status(&mut slurm),
        ("unfinished".into(), 0.into()),
        "it is queued again"
    );
    let run = slurm.run();
    slurm.test.run_with(["cancel", &run]).success();
    assert_eq!(status(&mut slurm), ("interrupted".into(), 0.into()));
}

#[test]
fn a_worker_that_ends_before_its_stages_begin_has_failed_them() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    slurm.submit().success();
    let other = RECIPE.replace("echo one", "echo two");
    fs::write(slurm.test.folder().join("recipe.toml"), other).expect("a recipe");
    slurm.drain();
    let list = slurm.test.run_with(RUNS).success().json();
    let run = &list["runs"][0];
    assert_eq!(
        (&run["status"], &run["failed"]),
        (&"failed".into(), &1.into())
    );
}

#[test]
fn a_run_of_which_nothing_is_queued_stays_what_it_is_when_it_is_cancelled() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    slurm.submit().success();
    slurm.drain();
    let run = slurm.run();
    let cancelled = slurm.test.run_with(["cancel", &run]).success();
    cancelled.stdout_has("nothing of it is queued or runs");
    let list = slurm.test.run_with(RUNS).success().json();
    assert_eq!(list["runs"][0]["status"], "done");
}

#[test]
fn a_run_whose_jobs_are_queued_is_not_collected_and_its_workers_go_with_it() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    slurm.submit().success();
    let change = "stages.first.run='echo three > a'";
    let local = ["run", "recipe.toml", "--set", change];
    slurm.test.run_with(local).success();
    let collect = |slurm: &mut Slurm, keep: &str| {
        let gc = ["cache", "gc", "--keep-runs", keep, "--format", "json"];
        let removed = slurm.test.run_with(gc).success().json();
        let removed = removed["removed"].as_array().expect("a list").clone();
        removed.iter().filter(|it| it["what"] == "run").count()
    };
    assert_eq!(collect(&mut slurm, "0"), 1, "the local run");
    slurm.drain();
    slurm.watch().success();
    assert_eq!(collect(&mut slurm, "1"), 0, "it is one run");
    assert_eq!(collect(&mut slurm, "0"), 3, "with its two workers");
}

#[test]
fn a_run_of_which_nobody_knows_is_not_collected_and_it_is_said_why() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    slurm.submit().success();
    let run = slurm.run();
    let collect = |slurm: &mut Slurm, why: &str| {
        let gc = ["cache", "gc", "--keep-runs", "0"];
        let outcome = slurm.test.run_with(gc).success();
        outcome.stdout_has("0 removed").stderr_has(why);
    };
    fs::write(slurm.state().join("down"), "").expect("a file");
    collect(
        &mut slurm,
        "1 submitted run kept, as jobs may still be queued: ",
    );
    let asked = slurm.test.folder().join(".pipeline/runs").join(&run);
    fs::write(asked.join("submission.json"), "{").expect("a file");
    collect(
        &mut slurm,
        &format!("run {run} is kept because its submission cannot be read: "),
    );
}
