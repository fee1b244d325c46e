//! Issue 19: nothing outside a store is emptied, overwritten or deleted through a link in it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::document::repository;
use crate::harness::{Outcome, Test};

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

/// The group of whoever shares a store here, and two of its members.
const GROUP: u32 = 12345;
const MEMBERS: [u32; 2] = [12346, 12347];

/// A store that is shared as the documentation says, with one run of its owner; none where this user cannot.
fn shared() -> Option<Test> {
    let test = Test::new().recipe(
        "format = 1\n[stages.one]\nkind = \"command\"\nrun = \"echo 1 > a\"\noutputs = { a = \"a\" }\n",
    );
    let made = test.shell(&format!(
        "umask 002; mkdir .pipeline; chgrp {GROUP} .pipeline && chmod g+rwxs .pipeline && chmod 755 ."
    ));
    // The program may lie where nobody else may look.
    fs::copy(
        env!("CARGO_BIN_EXE_pipeline"),
        test.folder().join("program"),
    )
    .expect("a copy");
    if made.code != Some(0) || as_member(&test, 0, &["--version"]).is_none() {
        println!("skipped: only the administrator can be several users");
        return None;
    }
    test.shell("umask 002; pipeline run recipe.toml").success();
    Some(test)
}

/// The program as a member of the group runs it; none where this user cannot become one.
fn as_member(test: &Test, member: usize, args: &[&str]) -> Option<Outcome> {
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 002; exec ./program \"$@\"", "sh"])
        .args(args)
        .current_dir(test.folder())
        .env_remove("PIPELINE_STORE")
        .env("XDG_CONFIG_HOME", test.folder().join("config"))
        .stdin(Stdio::null())
        .uid(MEMBERS[member])
        .gid(GROUP);
    let output = command.output().ok()?;
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Some(Outcome {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    })
}

#[test]
fn a_store_that_is_shared_with_a_group_has_folders_of_all_its_members() {
    let Some(mut test) = shared() else { return };
    let again = ["run", "recipe.toml", "--set", "seed=2"];
    for member in [0, 1] {
        as_member(&test, member, &again)
            .expect("a member")
            .success();
        for command in [&["runs"][..], &["cache", "verify"], &["cache", "gc"]] {
            let outcome = as_member(&test, member, command);
            outcome.expect("a member").success();
            test.run_with(command.iter().copied()).success();
        }
    }
    // A folder of a member is nobody's once the store is not shared.
    for name in ["work", "runs", "actions/v1"] {
        let folder = test.folder().join(".pipeline").join(name);
        chown(folder, Some(MEMBERS[0]), None).expect("given away");
    }
    test.run_with(["runs"]).success();
    for mode in [0o2755, 0o2777] {
        set_mode(&test, mode);
        test.run_with(["runs"]).failure(6);
    }
}

#[test]
fn a_private_run_of_somebody_else_is_neither_verified_nor_collected() {
    let Some(test) = shared() else { return };
    // What it sets in the environment is for its user alone.
    let recipe = fs::read_to_string(test.folder().join("recipe.toml")).expect("a recipe");
    let test = test.recipe(&format!("{recipe}env = {{ X = \"1\" }}\n"));
    let member = |member: usize, args: &[&str]| as_member(&test, member, args).expect("a member");
    member(0, &["run", "recipe.toml"]).success();
    let runs = || fs::read_dir(test.folder().join(".pipeline/runs")).expect("runs");
    assert_eq!(runs().count(), 2);
    member(1, &["cache", "verify"])
        .success()
        .stdout_has("all sound");
    member(1, &["cache", "gc", "--keep-runs", "0"]).success();
    let left: Vec<u32> = runs()
        .map(|run| run.and_then(|run| run.metadata()).expect("a run").uid())
        .collect();
    assert_eq!(left, [MEMBERS[0]]);
    member(0, &["cache", "gc", "--keep-runs", "0"]).success();
    assert_eq!(runs().count(), 0);
}
