//! Folders whose names are not UTF-8.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use crate::harness::Test;
use crate::which_files::{LONG, ROWS, STAYS};

/// A folder inside the test's whose name is Latin-1.
fn in_latin_1(test: &Test, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = test.folder().join(OsStr::from_bytes(b"Universit\xe4t"));
    if !folder.exists() {
        fs::create_dir_all(folder.join("charts")).expect("a folder");
        for (name, text) in [
            ("stays.csv", STAYS),
            ("recipe.toml", LONG),
            ("charts/a.csv", ROWS),
        ] {
            fs::write(folder.join(Path::new(name)), text).expect("a file");
        }
    }
    let outcome = Command::new(env!("CARGO_BIN_EXE_pipeline"))
        .args(arguments)
        .current_dir(&folder)
        .env_remove("PIPELINE_STORE")
        .output()
        .expect("the program runs");
    (
        outcome.status.code(),
        String::from_utf8_lossy(&outcome.stderr).into_owned(),
    )
}

#[test]
fn issue16_a_store_in_a_folder_whose_name_is_not_utf_8_is_refused_before_anything_runs() {
    let test = Test::new();
    for command in [&["run", "recipe.toml"][..], &["plan", "recipe.toml"]] {
        let (code, stderr) = in_latin_1(&test, command);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(
            stderr.contains("cannot be a store: its path is not UTF-8"),
            "{stderr}"
        );
        assert!(stderr.contains("--store"), "{stderr}");
    }
    let store = test.folder().join("store").display().to_string();
    for _ in 0..2 {
        let (code, stderr) = in_latin_1(&test, &["run", "recipe.toml", "--store", &store]);
        assert_eq!(code, Some(0), "{stderr}");
    }
}
