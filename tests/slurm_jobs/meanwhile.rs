//! Somebody submits while somebody else does.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use super::cluster::{CLUSTER, RECIPE, Slurm};
use crate::running::Running;

/// One that submits and waits for the answer about the job of this id, and one that waits for its end.
fn two(slurm: &Slurm, id: u32) -> [Running; 2] {
    fs::write(slurm.state().join("wait"), id.to_string()).expect("a file");
    let first = Running::start(&slurm.test);
    let start = Instant::now();
    while !slurm.job(id).join("0.state").exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no job {id}");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut second = Running::start(&slurm.test);
    second.until_stderr_has("which submits jobs of this run");
    [first, second]
}

fn slurm() -> Slurm {
    let slurm = Slurm::new(RECIPE, CLUSTER);
    Slurm {
        test: slurm.test.args(["submit", "recipe.toml"]),
    }
}

fn answer(slurm: &Slurm) {
    fs::remove_file(slurm.state().join("wait")).expect("it waits");
}

#[test]
fn what_is_done_by_the_time_of_ones_turn_is_not_submitted() {
    let mut slurm = slurm();
    let [first, second] = two(&slurm, 102);
    slurm.run_task(101, 0);
    answer(&slurm);
    first.finish().success().stdout_has("2 submitted");
    let second = second.finish().success();
    second.stdout_has("1 done, 0 submitted");
    assert_eq!(slurm.jobs(), [101, 102]);
    slurm.drain();
    slurm.is_done(RECIPE);
}

#[test]
fn a_run_that_is_cancelled_before_ones_turn_is_not_gone_on_with() {
    let slurm = slurm();
    let [first, second] = two(&slurm, 101);
    let jobs = slurm.test.folder().join(".pipeline/runs");
    let jobs = jobs.join(slurm.run()).join("jobs.jsonl");
    let mut jobs = fs::File::options().append(true).open(jobs).expect("jobs");
    writeln!(jobs, "{{\"entry\":\"cancelled\"}}").expect("a line");
    answer(&slurm);
    first.finish().success();
    let refused = second.finish().failure(2);
    refused
        .stderr_has("was cancelled meanwhile")
        .stderr_has("submit again: it begins a new run");
    assert_eq!(slurm.jobs(), [101, 102]);
}
