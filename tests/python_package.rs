//! What is written in Python: the package in `python/` and the script of the action, each by its own tests, with this
//! build of the program.

use std::process::{Command, Output};

use crate::document::{interpreter, repository};

/// The oldest Python that the package is for.
const OLDEST: &str = "import sys; assert sys.version_info >= (3, 10)";

/// A Python; none, which is told, where there is no such version.
fn python() -> Option<String> {
    let python = std::env::var("PIPELINE_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = interpreter(&python, OLDEST);
    if found.is_none() {
        eprintln!(
            "there is no {python} of version 3.10 or later: what is written in Python is not tested"
        );
    }
    found
}

/// Runs tests of Python's own kind, and tells what they left out.
fn run(python: &str, arguments: &[&str]) -> Output {
    let tests = Command::new(python)
        .args(["-B", "-W", "error::ResourceWarning"])
        .args(arguments)
        .env("PYTHONPATH", repository("python"))
        .env("PIPELINE_EXECUTABLE", env!("CARGO_BIN_EXE_pipeline"))
        .env_remove("PIPELINE_STORE")
        .output()
        .expect("Python starts");
    let told = String::from_utf8_lossy(&tests.stderr);
    assert!(tests.status.success(), "{told}");
    let skipped = told.lines().filter(|line| line.contains("... skipped"));
    skipped.for_each(|line| eprintln!("{line}"));
    tests
}

#[test]
fn the_package_runs_this_program() {
    let Some(python) = python() else { return };
    let package = repository("python");
    let tests = format!("{package}/tests");
    let discover = [
        "-m", "unittest", "discover", "-v", "-s", &tests, "-t", &package,
    ];
    let told = run(&python, &discover).stderr;
    let told = String::from_utf8_lossy(&told);
    assert!(
        told.contains("test_a_run_is_typed_and_cached_the_second_time"),
        "{told}"
    );
}

#[test]
fn the_action_compares_a_change_with_its_base() {
    let Some(python) = python() else { return };
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("there is no git: the script of the action is not tested");
        return;
    }
    let told = run(
        &python,
        &[&repository("packaging/action/test_reproduce.py"), "-v"],
    )
    .stderr;
    let told = String::from_utf8_lossy(&told);
    assert!(
        told.contains("test_metrics_of_a_locked_change_are_compared_with_the_base"),
        "{told}"
    );
}
