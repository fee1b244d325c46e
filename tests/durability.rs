//! What the store promises when a process dies, another one runs, or the disk gives out.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::document::{digests, statuses};
use crate::harness::{Outcome, Test, campaign};

/// Cheap stages of several kinds in a diamond; each takes some milliseconds.
const DIAMOND: &str = r#"
format = 1
name = "diamond"
seed = 3

[model]
input_dim = 16

[stages.events]
kind = "data"
source = { format = "synthetic", stays = 40 }
split = { ratio = [0.6, 0.2, 0.2] }

[stages.left]
kind = "command"
run = "sleep 0.01; wc -c < {inputs.events} > a; echo part > b; sleep 0.005; echo whole > b"
inputs = { events = { stage = "events", artifact = "events" } }
outputs = { a = "a", b = "b" }

[stages.right]
kind = "command"
run = "seq 2000 > {outputs.a}; sleep 0.01; cat {inputs.stays} >> {outputs.a}"
inputs = { stays = { stage = "events", artifact = "stays" } }
outputs = { a = "a" }

[stages.joined]
kind = "command"
run = "cat inputs/* > {outputs.all}; sleep 0.01"
outputs = { all = "all" }
[stages.joined.inputs]
left = { stage = "left", artifact = "b" }
right = { stage = "right", artifact = "a" }
"#;

fn arguments(jobs: &str) -> [&str; 8] {
    [
        "run",
        "recipe.toml",
        "--format",
        "json",
        "--jobs",
        jobs,
        "--threads",
        "2",
    ]
}

/// The run of a recipe that nobody disturbed: its artifacts, and how long it took.
fn undisturbed() -> (BTreeMap<(String, String), String>, Duration) {
    let mut test = Test::new().recipe(DIAMOND);
    let start = Instant::now();
    let document = test.run_with(arguments("1")).success().json();
    (digests(&document), start.elapsed())
}

/// The n-th number of a fixed sequence, in [0, 1).
fn fraction(n: u64) -> f64 {
    let digest = blake3::hash(&n.to_le_bytes());
    let bytes = digest.as_bytes().first_chunk().expect("32 bytes");
    u64::from_le_bytes(*bytes) as f64 / u64::MAX as f64
}

/// Starts the program and kills it after a while; true unless it had ended by itself.
fn killed_after(test: &Test, delay: Duration) -> bool {
    let mut command = test.command();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    std::thread::sleep(delay);
    let ended = child.try_wait().expect("it can be looked at").is_some();
    child.kill().expect("it can be killed");
    child.wait().expect("it can be waited for");
    !ended
}

#[test]
fn a_run_killed_at_any_moment_leaves_a_sound_store_and_ends_as_if_undisturbed() {
    let (expected, whole) = undisturbed();
    let mut kills = 0;
    let mut moment = 0;
    while kills < campaign(12, 200) {
        moment += 1;
        assert!(
            moment < 1000,
            "only {kills} of {moment} runs could be killed"
        );
        let jobs = ["1", "2"][moment as usize % 2];
        let mut test = Test::new().recipe(DIAMOND).args(arguments(jobs));
        if !killed_after(&test, whole.mul_f64(fraction(moment))) {
            continue;
        }
        kills += 1;
        if test.folder().join(".pipeline").exists() {
            test.run_with(["cache", "verify"]).success();
        }
        let document = test.run_with(arguments(jobs)).success().json();
        assert_eq!(document["status"], "done");
        assert_eq!(digests(&document), expected, "after kill {kills}");
        test.run_with(["cache", "verify"]).success();
        // Killed after its commit a stage leaves a folder that nobody needs.
        test.run_with(["cache", "gc"]).success();
        let work = std::fs::read_dir(test.folder().join(".pipeline/work"));
        assert_eq!(work.into_iter().flatten().count(), 0, "after kill {kills}");
    }
}

#[test]
fn two_processes_started_together_execute_every_stage_once_in_all() {
    for _ in 0..10 {
        let test = Test::new().recipe(DIAMOND).args(arguments("2"));
        let start = || {
            let mut command = test.command();
            command.stdout(Stdio::piped()).stderr(Stdio::null());
            command.spawn().expect("the program starts")
        };
        let children = [start(), start()];
        let mut executed = Vec::new();
        let mut results = BTreeSet::new();
        for child in children {
            let output = child.wait_with_output().expect("it ends");
            assert_eq!(output.status.code(), Some(0));
            let document = serde_json::from_slice(&output.stdout).expect("a document");
            for (stage, status) in statuses(&document) {
                if status == "executed" {
                    executed.push(stage.to_string());
                }
            }
            results.insert(digests(&document));
        }
        executed.sort();
        assert_eq!(executed, ["events", "joined", "left", "right"]);
        assert_eq!(results.len(), 1, "both saw the same artifacts");
    }
}

/// Runs a shell script in the test's folder, in a namespace where it may mount. False, with a
/// printed notice, where the system does not let us.
fn with_mounts(test: &Test, script: &str) -> bool {
    let unshared = |script: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["-rm", "sh", "-ec", script])
            .env("PROGRAM", env!("CARGO_BIN_EXE_pipeline"))
            .env_remove("PIPELINE_STORE")
            .current_dir(test.folder());
        command
            .output()
            .ok()
            .filter(|output| output.status.success())
    };
    if unshared("mount -t tmpfs none /mnt").is_none() {
        println!("skipped: no file system can be mounted here");
        return false;
    }
    assert!(unshared(script).is_some(), "the script ends well");
    true
}

/// What a script kept of a run: `NAME.code`, `NAME.out`, `NAME.err`.
fn kept(test: &Test, name: &str) -> Outcome {
    let read = |ending: &str| {
        let path = test.folder().join(format!("{name}.{ending}"));
        std::fs::read_to_string(path).expect("the script wrote it")
    };
    Outcome {
        code: read("code").trim().parse().ok(),
        stdout: read("out"),
        stderr: read("err"),
    }
}

/// A shell function that runs the program and keeps its outcome.
const KEEP: &str = r#"
mkdir -p .pipeline
keep() { name=$1; shift; code=0; "$PROGRAM" "$@" > $name.out 2> $name.err || code=$?; echo $code > $name.code; }
"#;

#[test]
fn a_full_disk_fails_the_run_and_nothing_half_written_is_taken_for_a_result() {
    let recipe = r#"
format = 1
[stages.small]
kind = "command"
run = "echo 1 > a"
outputs = { a = "a" }
[stages.large]
kind = "command"
run = "cat {inputs.a} > b; seq 5000 >> b; seq 3000 > c"
inputs = { a = { stage = "small", artifact = "a" } }
outputs = { b = "b", c = "c" }
"#;
    let mut expected = Test::new().recipe(recipe);
    let expected = digests(&expected.run_with(arguments("1")).success().json());
    let mut failed = 0;
    for kilobytes in (4..=120).step_by(4) {
        let test = Test::new().recipe(recipe);
        let script = format!(
            "{KEEP}
            mount -t tmpfs -o size={kilobytes}k none .pipeline
            keep first run recipe.toml --format json
            mount -o remount,size=64m .pipeline
            keep verify cache verify
            keep second run recipe.toml --format json
            keep third run recipe.toml --format json"
        );
        if !with_mounts(&test, &script) {
            return;
        }
        let first = kept(&test, "first");
        if first.code != Some(0) {
            failed += 1;
            assert!(matches!(first.code, Some(2 | 3)), "{kilobytes} kB{first}");
            first.stderr_has("No space left on device");
        }
        kept(&test, "verify").success();
        let second = kept(&test, "second").success().json();
        assert_eq!(digests(&second), expected, "{kilobytes} kB");
        let third = kept(&test, "third").success().json();
        assert!(
            statuses(&third)
                .iter()
                .all(|(_, status)| *status == "cached")
        );
    }
    assert!(failed > 10, "only {failed} disks were too small");
}

#[test]
fn a_store_that_cannot_be_written_is_named_and_what_is_in_it_can_still_be_read() {
    let test = Test::new().recipe(DIAMOND);
    let script = format!(
        "{KEEP}
        mount --bind .pipeline .pipeline
        mount -o remount,bind,ro .pipeline
        keep empty run recipe.toml
        mount -o remount,bind,rw .pipeline
        keep fill run recipe.toml
        mount -o remount,bind,ro .pipeline
        keep full run recipe.toml
        keep plan plan recipe.toml --check
        keep outputs outputs recipe.toml
        keep verify cache verify"
    );
    if !with_mounts(&test, &script) {
        return;
    }
    for name in ["empty", "full"] {
        let outcome = kept(&test, name).failure(2).stdout_is("");
        let outcome = outcome
            .stderr_has(".pipeline")
            .stderr_has("Read-only file system");
        outcome
            .stderr_has("hint: name a folder that can be written with --store or PIPELINE_STORE");
    }
    for name in ["fill", "plan", "outputs", "verify"] {
        kept(&test, name).success();
    }
}
