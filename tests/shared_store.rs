//! Issue 22: a store that several machines share, on a file system whose locks reach none of the others.
//!
//! Each node is a process in namespaces of its own: it sees its own processes alone, has its own name, and says that
//! its kernel was started another time. `PIPELINE_LOCKS=none` makes the kernel's locks useless.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pipeline_random::Stream;
use serde_json::Value;

use crate::document::{digests, statuses};
use crate::harness::{Outcome, Test, campaign};
use crate::running::Running;

const RUN: [&str; 6] = ["run", "recipe.toml", "--threads", "1", "--format", "json"];

/// Stages of some milliseconds each, one with artifacts that are written in pieces.
const RECIPE: &str = r#"
format = 1
[stages.first]
kind = "command"
run = "seq 3000 > a; sleep 0.02; seq 3000 >> a; echo b > b"
outputs = { a = "a", b = "b" }
[stages.second]
kind = "command"
run = "cat {inputs.a} > c; sleep 0.02; wc -c < {inputs.a} >> c"
inputs = { a = { stage = "first", artifact = "a" } }
outputs = { c = "c" }
"#;

/// What a machine called `name` would do: the script's `$@` is its command line.
const NODE: &str = r#"
hostname "$1"
echo "$1-0000-0000" > "boot-$1"
mount --bind "boot-$1" /proc/sys/kernel/random/boot_id
shift
exec "$@"
"#;

/// The program on a machine of this name, in the test's folder.
fn node(test: &Test, name: &str, lease_seconds: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command
        .args([
            "-rmpuf",
            "--mount-proc",
            "--kill-child",
            "sh",
            "-ec",
            NODE,
            "sh",
            name,
        ])
        .arg(env!("CARGO_BIN_EXE_pipeline"))
        .args(arguments)
        .current_dir(test.folder())
        .env("PIPELINE_LOCKS", "none")
        .env("PIPELINE_LEASE_SECONDS", lease_seconds)
        .env_remove("PIPELINE_STORE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A test's folder; none, with a notice, where this machine has no namespaces to spare.
fn nodes(recipe: &str) -> Option<Test> {
    let test = Test::new().recipe(recipe);
    let mut tried = node(&test, "a", "600", &["--version"]);
    let works = tried.output().is_ok_and(|output| output.status.success());
    if !works {
        println!("skipped: there are no namespaces here");
    }
    works.then_some(test)
}

fn ended(child: Child) -> Outcome {
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Outcome {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn start(mut command: Command) -> Child {
    command.spawn().expect("it starts")
}

/// Ends a node as a power cut of it would.
fn kill(mut node: Child) {
    node.kill().expect("it can be killed");
    node.wait().expect("it can be waited for");
}

fn undisturbed(recipe: &str) -> BTreeMap<(String, String), String> {
    let mut test = Test::new().recipe(recipe);
    digests(&test.run_with(RUN).success().json())
}

/// Bytes of all actions, by file.
fn actions(test: &Test) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = std::fs::read_dir(test.folder().join(".pipeline/actions/v1"));
    let files = folder
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path());
    files
        .map(|path| (path.clone(), std::fs::read(&path).expect("an action")))
        .collect()
}

fn wait_for(what: &str, there: impl Fn() -> bool) {
    let start = Instant::now();
    while !there() {
        assert!(start.elapsed() < Duration::from_secs(60), "no {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn two_nodes_without_locks_execute_every_stage_once_in_all() {
    let Some(test) = nodes(RECIPE) else { return };
    let both = ["a", "b"].map(|name| start(node(&test, name, "600", &RUN)));
    let mut executed = Vec::new();
    let expected = undisturbed(RECIPE);
    for node in both {
        let document = ended(node).success().json();
        assert_eq!(digests(&document), expected);
        let of_it = statuses(&document)
            .into_iter()
            .filter(|(_, status)| *status == "executed");
        executed.extend(of_it.map(|(stage, _)| stage.to_string()));
    }
    executed.sort();
    assert_eq!(executed, ["first", "second"]);
    // A node that comes to a key as another leaves it may make its folder anew; nothing is in it, and `gc` takes it.
    let work = std::fs::read_dir(test.folder().join(".pipeline/work")).expect("work");
    for key in work {
        let left = std::fs::read_dir(key.expect("a key").path()).expect("a folder");
        assert_eq!(left.count(), 0, "attempts go with the commit");
    }
}

/// Two nodes work at one key and are killed at random; one of them comes back each time.
#[test]
fn nodes_that_die_at_any_moment_leave_no_wrong_result_and_the_first_commit_stays() {
    let Some(first) = nodes(RECIPE) else { return };
    drop(first);
    let expected = undisturbed(RECIPE);
    let kills = campaign(4, 200);
    let (mut killed, mut round) = (0, 0);
    while killed < kills {
        round += 1;
        let mut draws = Stream::new(22, "kills").at(&[round]);
        let test = Test::new().recipe(RECIPE);
        let mut committed = BTreeMap::new();
        for _ in 0..2 {
            let both = ["a", "b"].map(|name| start(node(&test, name, "0.3", &RUN)));
            for node in both {
                std::thread::sleep(Duration::from_secs_f64(0.08 * draws.uniform()));
                kill(node);
                killed += 1;
            }
            let now = actions(&test);
            for (path, bytes) in &committed {
                assert_eq!(
                    now.get(path),
                    Some(bytes),
                    "round {round}: the first commit stays"
                );
            }
            committed = now;
        }
        let both = ["a", "b"].map(|name| start(node(&test, name, "0.3", &RUN)));
        for node in both {
            let document = ended(node).success().json();
            assert_eq!(digests(&document), expected, "round {round}");
        }
        for (path, bytes) in &committed {
            assert_eq!(actions(&test).get(path), Some(bytes), "round {round}");
        }
        let verified = ended(start(node(&test, "a", "0.3", &["cache", "verify"])));
        assert_eq!(verified.code, Some(0), "round {round}{verified}");
    }
    eprintln!("{killed} kills in {round} rounds");
}

#[test]
fn a_lease_that_is_broken_wrongly_costs_work_and_the_first_commit_stays() {
    let recipe = r#"
format = 1
[stages.own]
kind = "command"
run = "cat /proc/sys/kernel/random/uuid > a; touch $PIPELINE_RESUME/mine; sleep 0.4"
outputs = { a = "a" }
"#;
    let Some(test) = nodes(recipe) else { return };
    let slow = start(node(&test, "a", "0.5", &RUN));
    let work = test.folder().join(".pipeline/work");
    let attempts = || {
        let keys = std::fs::read_dir(&work).into_iter().flatten().flatten();
        let attempts = keys.filter_map(|key| std::fs::read_dir(key.path()).ok());
        attempts
            .flatten()
            .flatten()
            .filter(|it| it.path().join("run/a").exists())
            .count()
    };
    wait_for("attempt", || attempts() == 1);
    let inside = format!("/proc/{0}/task/{0}/children", slow.id());
    let inside = std::fs::read_to_string(inside).expect("its children");
    let inside: libc::pid_t = inside.trim().parse().expect("one child");
    // SAFETY: it is a child of a child that was not waited for.
    let signal = |signal| assert_eq!(unsafe { libc::kill(inside, signal) }, 0);
    signal(libc::SIGSTOP);
    let quick = ended(start(node(&test, "b", "0.5", &RUN))).success().json();
    let committed = actions(&test);
    signal(libc::SIGCONT);
    let slow = ended(slow).success();
    assert_eq!(statuses(&quick), [("own", "executed")]);
    assert_eq!(statuses(&slow.json()), [("own", "cached")]);
    assert_eq!(digests(&slow.json()), digests(&quick));
    assert_eq!(actions(&test), committed);
    slow.stderr_has("another process committed first, and its result stays: its bytes of a differ")
        .stderr_has("it ran on ");
}

#[test]
fn an_attempt_goes_on_from_what_one_of_another_node_left() {
    let recipe = r#"
format = 1
[stages.own]
kind = "command"
run = "cp $PIPELINE_RESUME/step a 2> tmp/none || { echo 1 > $PIPELINE_RESUME/step; sleep 60; }"
outputs = { a = "a" }
"#;
    let Some(test) = nodes(recipe) else { return };
    let first = start(node(&test, "a", "0.5", &RUN));
    let work = test.folder().join(".pipeline/work");
    let step = || {
        let keys = std::fs::read_dir(&work).into_iter().flatten().flatten();
        let attempts = keys.filter_map(|key| std::fs::read_dir(key.path()).ok());
        attempts
            .flatten()
            .flatten()
            .any(|it| std::fs::read(it.path().join("resume/step")).is_ok_and(|text| text == b"1\n"))
    };
    wait_for("step", step);
    kill(first);
    let second = ended(start(node(&test, "b", "0.5", &RUN))).success().json();
    assert_eq!(statuses(&second), [("own", "executed")]);
}

#[test]
fn nothing_is_collected_while_a_node_works_and_what_is_young_stays() {
    let recipe = "format = 1\n[stages.own]\nkind = \"command\"\nrun = \"echo 1 > a; sleep 0.6\"\noutputs = { a = \"a\" }\n";
    let Some(test) = nodes(recipe) else { return };
    let worker = start(node(&test, "a", "600", &RUN));
    let work = test.folder().join(".pipeline/work");
    let taken = || {
        let keys = std::fs::read_dir(&work).into_iter().flatten().flatten();
        keys.filter(|key| key.path().join("lease").exists()).count() == 1
    };
    wait_for("lease", taken);
    let gc = ["cache", "gc", "--keep-runs", "0", "--format", "json"];
    let refused = ended(start(node(&test, "b", "600", &gc))).failure(2);
    refused
        .stderr_has("a stage runs here: pid ")
        .stderr_has(" on a, work/");
    ended(worker).success();
    for action in actions(&test).into_keys() {
        std::fs::remove_file(action).expect("an action");
    }
    let young = ended(start(node(&test, "b", "600", &gc))).success();
    assert_eq!(young.json()["removed"], serde_json::json!([]));
    let blobs = test.folder().join(".pipeline/blobs/v1");
    assert_eq!(std::fs::read_dir(&blobs).expect("blobs").count(), 1);
    // On a file system of one machine the locks tell that no run goes on.
    let mut alone = test;
    alone.run_with(gc).success();
    assert_eq!(std::fs::read_dir(&blobs).expect("blobs").count(), 0);
}

#[test]
fn another_kind_of_locks_is_refused() {
    let mut test = Test::new().recipe(RECIPE).env("PIPELINE_LOCKS", "some");
    test.run_with(RUN)
        .failure(2)
        .stderr_has("PIPELINE_LOCKS: `some` is no kind of locks");
    let mut test = Test::new()
        .recipe(RECIPE)
        .env("PIPELINE_LEASE_SECONDS", "-1");
    test.run_with(RUN)
        .failure(2)
        .stderr_has("PIPELINE_LEASE_SECONDS: `-1`");
}

#[test]
fn a_scheduler_s_warning_or_a_closed_terminal_stops_a_run_which_goes_on_later() {
    for signal in [libc::SIGUSR1, libc::SIGUSR2, libc::SIGHUP] {
        let slow = RECIPE.replace("echo b > b", "echo b > b; sleep 0.5");
        let mut test = Test::new().recipe(&slow).args(RUN);
        let running = Running::start(&test);
        let work = test.folder().join(".pipeline/work");
        let at_work = || {
            let keys = std::fs::read_dir(&work).into_iter().flatten().flatten();
            keys.filter(|key| key.path().join("run/b").exists()).count() == 1
        };
        wait_for("program", at_work);
        running.signal(signal);
        let stopped = running.finish().failure(130);
        assert_eq!(stopped.json()["status"], "interrupted");
        assert_eq!(
            digests(&test.run_with(RUN).success().json()),
            undisturbed(&slow)
        );
    }
}

#[test]
fn a_job_of_slurm_has_the_threads_that_it_was_granted() {
    let one = "format = 1\n[stages.one]\nkind = \"command\"\nrun = \"echo 1 > a\"\noutputs = { a = \"a\" }\n";
    for (name, granted) in [("SLURM_CPUS_PER_TASK", 3), ("SLURM_CPUS_ON_NODE", 5)] {
        let mut test = Test::new().recipe(one).env(name, &granted.to_string());
        let run = test
            .run_with(["run", "recipe.toml", "--format", "json"])
            .success()
            .json();
        let run = run["run"].as_str().expect("an id");
        let events = test
            .folder()
            .join(".pipeline/runs")
            .join(run)
            .join("events.jsonl");
        let events = std::fs::read_to_string(events).expect("events");
        let lines = events
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let threads: Vec<u64> = lines
            .filter_map(|line| line["event"]["stage-started"]["threads"].as_u64())
            .collect();
        assert_eq!(threads, [granted]);
    }
}
