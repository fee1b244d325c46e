use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn no_step_below_the_root_is_taken_over_a_link() {
    let place = tempfile::tempdir().unwrap();
    let precious = place.path().join("precious");
    fs::create_dir_all(place.path().join("store/deep")).unwrap();
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("file"), "precious").unwrap();
    for (target, name) in [("precious", "folder"), ("precious/file", "file")] {
        symlink(
            place.path().join(target),
            place.path().join("store/deep").join(name),
        )
        .unwrap();
    }
    symlink(place.path().join("store"), place.path().join("root")).unwrap();
    let root = Folder::root(&place.path().join("root")).unwrap();
    let deep = root.folder("deep").unwrap();
    for refused in [
        root.folder("deep/folder").err(),
        root.make("deep/folder/more").err(),
        deep.open("file").err(),
        deep.create("file").err(),
        deep.open_or_make("file").err(),
        deep.remove_all("folder").err(),
    ] {
        let error = refusal(&refused.unwrap()).unwrap();
        assert_eq!(error.exit_code(), 6);
        assert!(error.to_string().contains("is a symbolic link"), "{error}");
    }
    // Entries are taken away, not what they lead to.
    root.clear(|_, _| true).unwrap();
    assert_eq!(root.entries().unwrap(), []);
    assert_eq!(
        fs::read_to_string(precious.join("file")).unwrap(),
        "precious"
    );
    assert!(root.folder("../precious").is_err());
}

#[test]
fn a_folder_can_be_made_while_others_remove_it() {
    let place = tempfile::tempdir().unwrap();
    let root = Folder::root(place.path()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = root.remove_empty("a");
            }
        });
        for _ in 0..20_000 {
            root.make("a").unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_file_with_a_second_name_is_not_emptied() {
    let place = tempfile::tempdir().unwrap();
    let theirs = place.path().join("theirs");
    fs::write(&theirs, "theirs").unwrap();
    fs::hard_link(&theirs, place.path().join("draft")).unwrap();
    let root = Folder::root(place.path()).unwrap();
    let error = root.create("draft").unwrap_err().to_string();
    assert!(error.ends_with("has a second name elsewhere"), "{error}");
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
}

#[test]
fn a_colleague_s_folder_is_a_part_of_a_store_that_its_owner_shares_with_a_group() {
    let place = tempfile::tempdir().unwrap();
    let theirs = place.path().join("work");
    fs::create_dir(&theirs).unwrap();
    let group = fs::metadata(place.path()).unwrap().gid();
    if chown(&theirs, Some(12345), None).is_err() {
        eprintln!("skipped: only the administrator can give a folder away");
        return;
    }
    for (mode, gid, is_part) in [
        (0o2775, group, true),
        (0o2755, group, false),
        (0o2777, group, false),
        (0o2775, group + 1, false),
    ] {
        fs::set_permissions(place.path(), fs::Permissions::from_mode(mode)).unwrap();
        chown(&theirs, None, Some(gid)).unwrap();
        let found = Folder::root(place.path()).unwrap().folder("work");
        assert_eq!(found.is_ok(), is_part, "{mode:o} {gid}");
        if let Err(error) = found {
            let told = format!("{:?}", refusal(&error).unwrap());
            assert!(told.contains("a colleague's"), "{told}");
        }
    }
}
