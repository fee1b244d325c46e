//! Processes that die, and several of them on one store.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;
use crate::record::StageStatus::Executed;
use crate::survey;

/// Where a child process finds the store it is to work on.
const STORE: &str = "PIPELINE_TEST_CHILD_STORE";

fn chain(lab: &Lab) -> Vec<Node> {
    let slow = |name: &str, setting: i32, reads: &[&'static str]| {
        lab.working(name, setting, reads, |context, text| {
            let log = fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(context.work.join("attempts"));
            std::io::Write::write_all(&mut log.unwrap(), b"x").unwrap();
            // Half of the artifact, as a crash may leave it.
            fs::write(context.work.join("out.txt"), &text[..text.len() / 2]).unwrap();
            std::thread::sleep(Duration::from_millis(4));
            Ok(text)
        })
    };
    vec![
        slow("a", 1, &[]),
        slow("b", 2, &["a"]),
        slow("c", 3, &["a"]),
        slow("d", 4, &["b", "c"]),
    ]
}

/// Does nothing but in the child processes of the tests below.
#[test]
fn a_child_process_runs_the_chain() {
    let Some(root) = std::env::var_os(STORE) else {
        return;
    };
    let mut lab = Lab::new();
    lab.store = Store::open(root).unwrap();
    let record = lab.run(&chain(&lab));
    let executed = record
        .stages
        .iter()
        .filter(|stage| stage.status == Executed);
    println!("\nexecuted={}", executed.count());
}

fn child(lab: &Lab) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::crashes::a_child_process_runs_the_chain"])
        .arg("--nocapture")
        .env(STORE, lab.store.root())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_process_killed_at_any_moment_leaves_nothing_to_clean_up() {
    let undisturbed = Lab::new();
    let expected = digests(&undisturbed.run(&chain(&undisturbed)));
    let lab = Lab::new();
    let mut kills = 0;
    // Ever longer after the child got somewhere, so that all steps of a stage are hit.
    for delay in (0..40).map(Duration::from_millis) {
        let mut child = child(&lab);
        let before = progress(&lab);
        while progress(&lab) == before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(delay);
        let done = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        if done {
            break;
        }
        kills += 1;
    }
    assert!(kills > 3, "the child was killed only {kills} times");
    assert_eq!(lab.store.actions().len(), 4);
    assert_eq!(digests(&lab.run(&chain(&lab))), expected);
    for (_, action) in lab.store.actions() {
        lab.store.verify(&action.outputs["out"]).unwrap();
    }
}

/// Commits, and stages begun.
fn progress(lab: &Lab) -> (usize, u64) {
    let work = fs::read_dir(lab.store.root().join("work"));
    let begun = work.into_iter().flatten().flatten().map(|folder| {
        let attempts = fs::metadata(folder.path().join("attempts"));
        attempts.map_or(0, |attempts| attempts.len())
    });
    (lab.store.actions().len(), begun.sum())
}

#[test]
fn processes_on_one_store_execute_each_stage_once() {
    let lab = Lab::new();
    let children: Vec<Child> = (0..3).map(|_| child(&lab)).collect();
    let executed: usize = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success());
            let text = String::from_utf8(output.stdout).unwrap();
            let count = text.lines().find_map(|line| line.strip_prefix("executed="));
            count.unwrap().parse::<usize>().unwrap()
        })
        .sum();
    assert_eq!(executed, 4);
}

#[test]
fn threads_on_one_store_execute_each_stage_once() {
    let lab = Lab::new();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| lab.run(&chain(&lab)));
        }
    });
    assert_eq!(lab.executed(), ["a", "b", "c", "d"]);
}

#[test]
fn half_written_files_of_a_crash_are_replaced() {
    let lab = Lab::new();
    let nodes = [lab.node("a", 1, &[])];
    let surveyed = survey(&nodes, &RunOptions::default(), &lab.store).unwrap();
    let key = surveyed[0].key.unwrap();
    let work = lab.store.root().join("work").join(key.to_string());
    fs::create_dir_all(&work).unwrap();
    for (name, text) in [
        ("lock", "pid 1 on elsewhere"),
        ("out.txt", "ha"),
        (".action", "{"),
    ] {
        fs::write(work.join(name), text).unwrap();
    }
    fs::write(lab.store.root().join("stat-cache.draft"), "half").unwrap();
    fs::write(lab.store.root().join("stat-cache"), "pipeline").unwrap();
    fs::write(lab.store.root().join("CACHEDIR.TAG"), "Sig").unwrap();
    let record = lab.run(&nodes);
    assert_eq!(lab.text(&record, "a"), "1");
    assert!(!work.exists());
}
