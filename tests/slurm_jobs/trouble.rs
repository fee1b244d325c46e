//! What goes wrong with jobs, and how they go on.

use std::fs;

use super::cluster::{CLUSTER, RECIPE, Slurm};
use crate::harness::Test;

#[test]
fn a_failed_stage_shows_its_node_and_its_log_and_is_tried_again_when_somebody_says_so() {
    let broken = RECIPE
        .replace(
            "echo one > a",
            "test -e fixed || { echo broken >&2; exit 9; }; echo one > a",
        )
        .replace("test -e fixed", "test -e ../../../../fixed");
    let mut slurm = Slurm::new(&broken, &format!("{CLUSTER}retry = {{ times = 2 }}\n"));
    slurm.submit().success();
    assert_eq!(slurm.names(), ["first.0", "second.1", "submit.2"]);
    slurm.drain();
    assert_eq!(slurm.jobs().len(), 3, "the same would fail again");
    slurm
        .watch()
        .failure(3)
        .stdout_has("first   failed on n1")
        .stderr_has("broken")
        .stderr_has("first.0.0.log");
    fs::write(slurm.test.folder().join("fixed"), "").expect("a file");
    slurm
        .submit()
        .success()
        .stdout_has("2 submitted")
        .stderr_has("stage `first` failed on n1");
    slurm.drain();
    slurm.watch().success();
}

#[test]
fn a_submit_that_is_killed_between_two_jobs_is_taken_up_by_the_next() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    fs::write(slurm.state().join("kill"), "").expect("a file");
    let killed = slurm.submit();
    assert_eq!(killed.code, None, "{killed}");
    assert_eq!(slurm.jobs(), [101], "its id is known to nobody");
    let run = slurm.run();
    let once = slurm.test.run_with(["watch", &run, "--once"]).success();
    once.stdout_has("first   queued (Priority)");
    slurm.submit().success().stdout_has("0 done, 1 submitted");
    assert_eq!(slurm.names(), ["first.0", "second.1"]);
    assert_eq!(slurm.option(102, "dependency"), "afterok:101");
    slurm.drain();
    slurm.is_done(RECIPE);
}

#[test]
fn a_controller_that_is_away_for_a_moment_is_asked_again() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    fs::write(slurm.state().join("down"), "").expect("a file");
    slurm
        .submit()
        .success()
        .stderr_has("Unable to contact slurm controller");
    assert_eq!(slurm.names(), ["first.0", "second.1"]);
}

#[test]
fn a_job_that_nobody_knows_any_more_is_submitted_anew_with_what_waits_for_it() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    slurm.submit().success();
    fs::remove_dir_all(slurm.job(101)).expect("a job");
    slurm
        .submit()
        .success()
        .stdout_has("2 submitted")
        .stderr_has("stage `first` was lost");
    assert_eq!(slurm.state_of(102), "CANCELLED", "it would wait in vain");
    assert_eq!(slurm.names(), ["second.1", "first.2", "second.3"]);
    slurm.drain();
    slurm.is_done(RECIPE);
}

#[test]
fn what_ran_out_of_memory_gets_more_of_it_without_anybody_there() {
    let mut slurm = Slurm::new(
        RECIPE,
        &format!("{CLUSTER}retry = {{ mem_factor = 3, times = 1 }}\n"),
    );
    slurm.submit().success();
    slurm.put(101, "OUT_OF_MEMORY");
    slurm.drain();
    assert_eq!(slurm.names()[3..], ["first.3", "second.4", "submit.5"]);
    assert_eq!(
        (slurm.option(101, "mem"), slurm.option(104, "mem")),
        ("1G".into(), "3G".into())
    );
    slurm.watch().success();
    slurm.is_done(RECIPE);
}

#[test]
fn a_job_that_was_killed_for_its_memory_is_known_by_what_slurm_wrote_into_its_log() {
    let cluster = format!("{CLUSTER}retry = {{ mem_factor = 3, times = 1 }}\n");
    let mut slurm = Slurm::new(RECIPE, &cluster);
    slurm.submit().success();
    let line =
        "slurmstepd-n1: error: StepId=101.batch exceeded memory limit (2 > 1), being killed\n";
    fs::write(slurm.option(101, "output"), line).expect("a log");
    slurm.put(101, "FAILED");
    slurm.drain();
    assert_eq!(slurm.option(104, "mem"), "3G");
    slurm.is_done(RECIPE);
}

#[test]
fn what_changed_since_it_was_submitted_is_not_run_in_its_place() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    slurm.submit().success();
    let other = RECIPE.replace("echo one", "echo two");
    fs::write(slurm.test.folder().join("recipe.toml"), &other).expect("a recipe");
    slurm.put(101, "RUNNING");
    let status = slurm.start(101).wait().expect("it ends");
    assert_eq!(status.code(), Some(2));
    slurm.put(101, "FAILED");
    slurm.submit().success().stdout_has("2 submitted");
    assert_eq!(slurm.state_of(102), "CANCELLED");
    slurm.drain();
    slurm.is_done(&other);
}

#[test]
fn without_slurm_nothing_is_written_of_a_run() {
    let mut test = Test::new()
        .recipe(RECIPE)
        .file("cluster.toml", CLUSTER)
        .env("PIPELINE_CLUSTER", "cluster.toml")
        .env("PATH", "/nowhere");
    test.run_with(["submit", "recipe.toml"])
        .failure(2)
        .stderr_has("there is no `sbatch` on the PATH");
    test.run_with(["runs"]).success().stdout_has("no runs yet");
}
