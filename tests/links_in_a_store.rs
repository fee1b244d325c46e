//! Issue 19: nothing outside a store is emptied, overwritten or deleted through a link in it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;

use crate::document::repository;
use crate::harness::Test;

/// It reads a file that is old enough to be remembered by its times.
fn recipe() -> String {
    let old = repository("LICENSE-MIT");
    format!(
        "format = 1\n[stages.one]\nkind = \"command\"\nrun = \"echo 1 > a\"\n\
         outputs = {{ a = \"a\" }}\ninputs = {{ old = {old:?} }}\n"
    )
}

/// A recipe that ran, and a folder beside its store that is not to be touched.
fn ran() -> (Test, PathBuf) {
    let mut test = Test::new()
        .recipe(&recipe())
        .file("precious/file", "precious")
        .file("precious/deep/file", "precious");
    // Without a store there is nothing to remember digests in.
    fs::create_dir(test.folder().join(".pipeline")).expect("a folder");
    test.run_with(["run", "recipe.toml"]).success();
    let precious = test.folder().join("precious");
    (test, precious)
}

fn assert_untouched(test: &Test, what: &str) {
    for file in ["precious/file", "precious/deep/file"] {
        let text = fs::read_to_string(test.folder().join(file));
        assert_eq!(text.ok().as_deref(), Some("precious"), "{what}: {file}");
    }
    let entries = fs::read_dir(test.folder().join("precious")).expect("it is there");
    assert_eq!(entries.count(), 2, "{what}: something was put into it");
}

#[test]
fn issue19_a_linked_folder_of_a_store_is_refused_by_name_and_its_target_stays() {
    for name in [
        "work",
        "blobs",
        "blobs/v1",
        "actions",
        "actions/v1",
        "runs",
        "damaged",
    ] {
        let (mut test, precious) = ran();
        let folder = test.folder().join(".pipeline").join(name);
        if folder.exists() {
            fs::rename(&folder, test.folder().join("moved")).expect("a move");
        }
        symlink(&precious, &folder).expect("a link");
        for args in [
            &["run", "recipe.toml", "--refresh", "one"][..],
            &["cache", "gc"],
            &["cache", "gc", "--keep-runs", "0"],
            &["cache", "verify", "--repair"],
        ] {
            let refused = test.run_with(args.iter().copied()).failure(6);
            let refused = refused.stderr_has(&format!(".pipeline/{name}: is a symbolic link"));
            refused.stderr_has("hint: move it away");
            assert_untouched(&test, name);
        }
    }
}

#[test]
fn issue19_a_link_below_the_folders_of_a_store_is_not_followed() {
    let (test, _) = ran();
    let shelf = fs::read_dir(test.folder().join(".pipeline/blobs/v1"))
        .expect("shelves")
        .next()
        .expect("one")
        .expect("an entry")
        .file_name();
    let shelf = format!("blobs/v1/{}", shelf.to_string_lossy());
    for (name, target) in [
        ("work/left", "precious"),
        (shelf.as_str(), "precious"),
        ("CACHEDIR.TAG", "precious/file"),
        ("format", "precious/file"),
        ("lock", "precious/file"),
        ("stat-cache", "precious/file"),
        ("stat-cache.draft", "precious/file"),
    ] {
        let (mut test, _) = ran();
        let place = test.folder().join(".pipeline").join(name);
        if place.is_dir() {
            fs::remove_dir_all(&place).expect("removed");
        } else if place.exists() {
            fs::remove_file(&place).expect("removed");
        }
        symlink(test.folder().join(target), &place).expect("a link");
        if name == "stat-cache.draft" {
            fs::remove_file(place.with_file_name("stat-cache")).expect("it is there");
        }
        for args in [
            &["run", "recipe.toml", "--refresh", "one"][..],
            &["cache", "gc", "--keep-runs", "0"],
            &["cache", "verify", "--repair"],
        ] {
            let outcome = test.run_with(args.iter().copied());
            let named = outcome.stderr.contains(&format!(".pipeline/{name}"));
            let ended = outcome.code == Some(0) || outcome.code == Some(6) && named;
            assert!(ended, "{name}{outcome}");
            assert_untouched(&test, name);
        }
    }
}

#[test]
fn issue19_a_file_that_is_written_to_has_no_second_name_outside() {
    let (mut test, precious) = ran();
    let store = test.folder().join(".pipeline");
    fs::remove_file(store.join("stat-cache")).expect("it is there");
    fs::hard_link(precious.join("file"), store.join("stat-cache.draft")).expect("a second name");
    test.run_with(["run", "recipe.toml"]).success();
    assert_untouched(&test, "stat-cache.draft");
}

#[test]
fn issue19_a_store_may_be_a_link_itself() {
    let mut test = Test::new().recipe(&recipe());
    fs::create_dir(test.folder().join("disk")).expect("a folder");
    symlink("disk", test.folder().join("store")).expect("a link");
    for args in [
        &["run", "recipe.toml", "--store", "store"][..],
        &["cache", "gc", "--store", "store"],
        &["cache", "verify", "--store", "store"],
    ] {
        test.run_with(args.iter().copied()).success();
    }
    assert!(test.folder().join("disk/actions/v1").is_dir());
}

/// Says who may write the store's own folder.
fn set_mode(test: &Test, mode: u32) {
    let store = test.folder().join(".pipeline");
    fs::set_permissions(store, fs::Permissions::from_mode(mode)).expect("permissions");
}

#[test]
fn issue19_a_folder_of_somebody_else_in_a_store_is_refused_by_name() {
    let (mut test, _) = ran();
    let work = test.folder().join(".pipeline/work");
    set_mode(&test, 0o755);
    // Whoever is not the administrator cannot make one.
    if chown(&work, Some(12345), None).is_err() {
        return;
    }
    let refused = test.run_with(["run", "recipe.toml"]).failure(6);
    refused
        .stderr_has(".pipeline/work: belongs to somebody else than the store")
        .stderr_has("hint: if it is a colleague's, its results need not be lost");
}

#[test]
fn a_store_that_is_shared_with_a_group_has_folders_of_all_its_members() {
    let (mut test, _) = ran();
    let store = test.folder().join(".pipeline");
    set_mode(&test, 0o755);
    for name in ["work", "runs", "actions/v1"] {
        if chown(store.join(name), Some(12345), None).is_err() {
            println!("skipped: only the administrator can give a folder away");
            return;
        }
    }
    test.run_with(["runs"]).failure(6);
    set_mode(&test, 0o2775);
    test.run_with(["run", "recipe.toml", "--refresh", "one"])
        .success();
    for command in [&["runs"][..], &["cache", "verify"], &["cache", "gc"]] {
        test.run_with(command.iter().copied()).success();
    }
}
