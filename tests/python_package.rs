//! The Python package in `python/`: its own tests, with this build of the program.

use std::process::Command;

use crate::document::repository;

/// The oldest Python that the package is for.
const OLDEST: &str = "import sys; sys.exit(sys.version_info < (3, 10))";

#[test]
fn its_tests_pass_with_this_program_where_there_is_python() {
    let python = std::env::var("PIPELINE_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let is_there = Command::new(&python).args(["-c", OLDEST]).status();
    if !is_there.is_ok_and(|status| status.success()) {
        eprintln!("there is no {python} of version 3.10 or later: the package is not tested");
        return;
    }
    let package = repository("python");
    let tests = Command::new(&python)
        .args([
            "-B",
            "-W",
            "error::ResourceWarning",
            "-m",
            "unittest",
            "discover",
            "-v",
        ])
        .args(["-s", &format!("{package}/tests"), "-t", &package])
        .env("PYTHONPATH", &package)
        .env("PIPELINE_EXECUTABLE", env!("CARGO_BIN_EXE_pipeline"))
        .env_remove("PIPELINE_STORE")
        .output()
        .expect("Python starts");
    let told = String::from_utf8_lossy(&tests.stderr);
    assert!(tests.status.success(), "{told}");
    // What it left out is told by its name.
    let skipped = told.lines().filter(|line| line.contains("... skipped"));
    skipped.for_each(|line| eprintln!("{line}"));
    assert!(
        told.contains("test_a_run_is_typed_and_cached_the_second_time"),
        "{told}"
    );
}
