//! Jobs whose time is over.

use std::fs;
use std::time::{Duration, Instant};

use super::cluster::{CLUSTER, Slurm};

/// A stage that writes where it stands, and one that does not.
fn slow(resume: &str) -> String {
    format!(
        "format = 1\n[stages.slow]\nkind = 'command'\noutputs = {{ a = 'a' }}\n\
         run = \"test -e ../../../../go && {{ echo x > a; exit; }}; {resume}; echo > ../../../../begun; while :; do sleep 0.05; done\"\n"
    )
}

/// Warns a job as Slurm does, and waits for its end.
fn warned(slurm: &Slurm, id: u32) -> Option<i32> {
    slurm.put(id, "RUNNING");
    let mut child = slurm.start(id);
    let start = Instant::now();
    while !slurm.test.folder().join("begun").exists() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it does not begin"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    // SAFETY: the child has not been waited for, so its id is its own.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGUSR1) };
    child.wait().expect("it ends").code()
}

#[test]
fn a_worker_whose_time_is_over_goes_on_in_another_turn() {
    let recipe = slow("echo 1 > $PIPELINE_RESUME/step");
    let mut slurm = Slurm::new(&recipe, CLUSTER);
    slurm.submit().success();
    assert_eq!(warned(&slurm, 101), Some(130));
    let requeued = fs::read_to_string(slurm.state().join("requeued")).expect("it was requeued");
    assert_eq!(requeued, "101\n");
    fs::write(slurm.test.folder().join("go"), "").expect("a file");
    slurm.put(101, "PENDING");
    slurm.submit().success().stdout_has("0 submitted");
    slurm.drain();
    slurm.watch().success();
}

#[test]
fn a_turn_that_leaves_nothing_new_is_the_last() {
    let recipe = slow("test -e $PIPELINE_RESUME/step || echo 1 > $PIPELINE_RESUME/step");
    let mut slurm = Slurm::new(&recipe, CLUSTER);
    slurm.submit().success();
    assert_eq!(warned(&slurm, 101), Some(130));
    fs::remove_file(slurm.test.folder().join("begun")).expect("it began");
    assert_eq!(warned(&slurm, 101), Some(3));
    let requeued = fs::read_to_string(slurm.state().join("requeued")).expect("it was requeued");
    assert_eq!(requeued, "101\n", "once");
}

#[test]
fn a_worker_in_a_container_is_warned_and_requeued_by_the_shell_outside() {
    let recipe = slow("echo 1 > $PIPELINE_RESUME/step");
    let mut slurm = Slurm::new(&recipe, &format!("{CLUSTER}container = 'image.sif'\n"));
    slurm.submit().success();
    assert_eq!(warned(&slurm, 101), Some(130));
    let requeued = fs::read_to_string(slurm.state().join("requeued")).expect("it was requeued");
    assert_eq!(requeued, "101\n");
    fs::write(slurm.test.folder().join("go"), "").expect("a file");
    slurm.put(101, "PENDING");
    slurm.drain();
    slurm.watch().success();
}

#[test]
fn a_stage_that_would_begin_anew_gets_more_time_instead() {
    let recipe = slow("true").replace(
        "kind = 'command'\n",
        "kind = 'command'\nresources = { time = '10m' }\n",
    );
    let mut slurm = Slurm::new(
        &recipe,
        &format!("{CLUSTER}retry = {{ time_factor = 3, times = 1 }}\n"),
    );
    slurm.submit().success();
    assert_eq!(warned(&slurm, 101), Some(3));
    assert!(!slurm.state().join("requeued").exists());
    slurm.put(101, "FAILED");
    fs::write(slurm.test.folder().join("go"), "").expect("a file");
    slurm.drain();
    assert_eq!(slurm.option(103, "time"), "0-00:30:00");
    slurm.watch().success();
}
