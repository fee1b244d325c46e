use super::*;
use std::fs::File;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant, SystemTime};

fn digests() -> (tempfile::TempDir, ExternalDigests) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    (folder, store.external_digests())
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_file_has_the_digest_of_its_bytes() {
    let (folder, digests) = digests();
    let path = folder.path().join("a.csv");
    write(&path, "abc");
    assert_eq!(
        digests.digest(&path, false).unwrap(),
        Digest::of_bytes(b"abc")
    );
}

#[test]
fn a_folder_is_the_names_and_contents_below_it_wherever_it_lies() {
    let (folder, digests) = digests();
    let digest = |name: &str, files: &[(&str, &str)]| {
        for (file, text) in files {
            write(&folder.path().join(name).join(file), text);
        }
        digests.digest(&folder.path().join(name), false).unwrap()
    };
    let first = digest("one", &[("a/x", "1"), ("b", "2")]);
    assert_eq!(digest("two", &[("b", "2"), ("a/x", "1")]), first);
    assert_ne!(digest("three", &[("a/x", "1"), ("b", "3")]), first);
    assert_ne!(digest("four", &[("a/y", "1"), ("b", "2")]), first);
    assert_ne!(digest("five", &[("a/x", "1")]), first);
    fs::create_dir(folder.path().join("one/empty")).unwrap();
    symlink(folder.path().join("one"), folder.path().join("six")).unwrap();
    for name in ["one", "one/", "six"] {
        assert_eq!(digest(name, &[]), first, "{name}");
    }
}

#[test]
fn a_folder_that_holds_the_store_is_refused_unless_the_store_is_hidden_from_data() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.csv"), "1");
    for (name, of_data, refused) in [
        ("store", false, true),
        ("store", true, true),
        (".store", false, true),
        (".store", true, false),
    ] {
        let store = Store::open(folder.path().join(name)).unwrap();
        let seen = store.external_digests().digest(folder.path(), of_data);
        let message = seen.map_err(|error| error.to_string());
        let told = message.is_err_and(|message| message.contains("holds the store"));
        assert_eq!(told, refused, "{name} {of_data}");
    }
}

#[test]
fn a_pattern_is_a_folder_of_the_files_it_fits() {
    let (folder, digests) = digests();
    for (file, text) in [("one/a.csv", "1"), ("one/b.csv", "2"), ("one/c.txt", "3")] {
        write(&folder.path().join(file), text);
    }
    let digest = |name: &str| digests.digest(&folder.path().join(name), true);
    let before = digest("one/*.csv").unwrap();
    write(&folder.path().join("one/c.txt"), "4");
    assert_eq!(digest("one/*.csv").unwrap(), before);
    write(&folder.path().join("one/c.csv"), "4");
    assert_ne!(digest("one/*.csv").unwrap(), before);
    let nothing = digest("one/*.tsv").unwrap_err().to_string();
    assert!(nothing.ends_with("one/*.tsv: fits no file"), "{nothing}");
}

#[test]
fn hidden_files_are_no_part_of_a_folder_of_data() {
    let (folder, digests) = digests();
    let data = folder.path().join("data");
    write(&data.join("a.csv"), "1");
    let both = || [true, false].map(|of_data| digests.digest(&data, of_data).unwrap());
    let before = both();
    assert_eq!(before[0], before[1]);
    write(&data.join(".ipynb_checkpoints/a.csv"), "2");
    assert_eq!(both()[0], before[0]);
    assert_ne!(both()[1], before[1]);
    let pattern = digests.digest(&data.join("**/*.csv"), true).unwrap();
    assert_eq!(pattern, before[0]);
}

#[test]
fn what_cannot_be_digested_is_named() {
    let (folder, digests) = digests();
    let missing = folder.path().join("missing.csv");
    let error = digests.digest(&missing, false).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(
        error.to_string(),
        format!("{}: does not exist", missing.display())
    );
    let ring = folder.path().join("ring");
    fs::create_dir(&ring).unwrap();
    symlink(&ring, ring.join("self")).unwrap();
    let error = digests.digest(&ring, true).unwrap_err();
    assert!(error.to_string().contains("ring/self"));
}

#[test]
fn a_change_that_keeps_size_and_modification_time_is_seen() {
    let (folder, digests) = digests();
    let path = folder.path().join("a");
    write(&path, "abc");
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let set_back = || {
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(hour_ago).unwrap();
    };
    set_back();
    assert_eq!(
        digests.digest(&path, false).unwrap(),
        Digest::of_bytes(b"abc")
    );
    fs::write(&path, "xyz").unwrap();
    set_back();
    assert_eq!(
        digests.digest(&path, false).unwrap(),
        Digest::of_bytes(b"xyz")
    );
}

#[test]
fn contents_that_were_set_back_are_the_same_and_their_state_is_another() {
    let (folder, digests) = digests();
    let path = folder.path().join("data/a");
    write(&path, "abc");
    let both =
        || [&path, &folder.path().join("data")].map(|path| digests.see(path, false).unwrap());
    let before = both();
    assert_eq!(both(), before);
    std::thread::sleep(Duration::from_millis(20));
    write(&path, "xyz");
    write(&path, "abc");
    for (after, before) in both().into_iter().zip(before) {
        assert_eq!(after.digest, before.digest);
        assert_ne!(after.state, before.state);
    }
}

#[test]
fn eight_thousand_unchanged_files_are_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    fs::create_dir(store.root()).unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    for stay in 0..8000 {
        fs::write(data.join(format!("{stay}.txt")), "Time,Parameter,Value").unwrap();
    }
    std::thread::sleep(Duration::from_millis(2100));
    let first = store.external_digests();
    let digest = first.digest(&data, true).unwrap();
    first.save();
    assert!(store.root().join("stat-cache").exists());
    let start = Instant::now();
    let second = store.external_digests();
    assert_eq!(second.digest(&data, true).unwrap(), digest);
    let elapsed = start.elapsed();
    assert!(second.cache.is_unchanged(), "a file was read again");
    // Generous: the machine may be busy. Idle it takes a few hundredths of this.
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
}
