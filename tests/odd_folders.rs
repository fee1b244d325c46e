//! Folders whose names are not UTF-8.

use std::ffi::{OsStr, OsString};
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

#[test]
fn a_path_that_is_not_utf_8_is_shown_in_documents() {
    let odd = |file: &str| -> OsString {
        let folder = OsStr::from_bytes(b"caf\xe9");
        Path::new(folder).join(file).into_os_string()
    };
    let recipe = "format = 1\n[stages.say]\nkind = \"command\"\nrun = \"echo 1 > o\"\noutputs = { o = \"o\" }\n";
    let mut test = Test::new().recipe(recipe);
    fs::create_dir(test.folder().join(odd(""))).expect("a folder");
    fs::write(test.folder().join(odd("recipe.toml")), recipe).expect("a recipe");
    for (line, place) in [
        (&["check"][..], odd("recipe.toml")),
        (&["run"], odd("recipe.toml")),
        (&["lock"], odd("recipe.toml")),
        (&["report", "recipe.toml", "--output"], odd("page.html")),
        (&["export", "recipe.toml", "say", "o"], odd("o")),
        (&["init"], odd("new")),
    ] {
        let words = line.iter().map(OsString::from);
        let words = words.chain([place, "--format".into(), "json".into()]);
        let outcome = test.run_with(words).success();
        assert!(outcome.json().is_object(), "{outcome}");
        if line != ["run"] {
            outcome.stdout_has("caf\u{fffd}/");
        }
    }
}
