use super::*;
use crate::{ArtifactFile, Store};
use serde_json::json;
use std::sync::atomic::AtomicBool;

fn fingerprint() -> Fingerprint {
    Fingerprint {
        format: Fingerprint::FORMAT,
        kind: "data".into(),
        code_version: 1,
        fields: json!({}),
        inputs: BTreeMap::new(),
        seed: None,
        device: "cpu".into(),
    }
}

pub fn commit(
    store: &Store,
    contents: &[(&str, &str)],
    metrics: BTreeMap<String, Value>,
) -> Result<Outcome, Error> {
    let never = AtomicBool::new(false);
    let work = store.claim(&fingerprint().key(), &never, |_| {})?;
    let mut artifacts = BTreeMap::new();
    for (name, text) in contents {
        fs::write(work.path().join(name), text).unwrap();
        artifacts.insert(name.to_string(), ArtifactFile::from(name));
    }
    let action = work.commit(fingerprint(), &artifacts, metrics, 0.5)?;
    work.remove();
    Ok(action.into_outcome())
}

#[test]
fn a_result_reads_back_and_its_blobs_are_read_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let metrics = BTreeMap::from([("auroc".into(), json!(0.812)), ("n".into(), Value::Null)]);
    let action = commit(&store, &[("a", "same"), ("b", "same")], metrics).unwrap();
    let Lookup::Complete(found) = store.lookup(&action.key).unwrap() else {
        panic!("the result is not there");
    };
    assert_eq!(*found, action);
    assert_eq!(action.outputs["a"], action.outputs["b"]);
    let path = store.artifact_path(&action.outputs["a"]).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "same");
    assert!(fs::metadata(&path).unwrap().permissions().readonly());
    assert_eq!(fs::read_dir(store.root().join("work")).unwrap().count(), 0);
    let again = commit(
        &store,
        &[("a", "same"), ("b", "same")],
        action.metrics.clone(),
    );
    assert_eq!(again.unwrap(), action);
}

#[test]
fn a_file_with_other_names_is_stored_as_a_copy_and_the_others_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    let theirs = folder.path().join("theirs");
    fs::write(&theirs, "one").unwrap();
    let never = AtomicBool::new(false);
    let work = store.claim(&fingerprint().key(), &never, |_| {}).unwrap();
    fs::hard_link(&theirs, work.path().join("a")).unwrap();
    fs::write(work.path().join("b"), "two").unwrap();
    fs::hard_link(work.path().join("b"), work.path().join("c")).unwrap();
    let names = ["a", "b", "c"].map(|name| (name.to_string(), ArtifactFile::from(name)));
    let action = work.commit(fingerprint(), &names.into(), BTreeMap::new(), 0.5);
    let action = action.unwrap().into_outcome();
    assert!(!fs::metadata(&theirs).unwrap().permissions().readonly());
    fs::write(&theirs, "other").unwrap();
    for (name, text) in [("a", "one"), ("b", "two"), ("c", "two")] {
        let blob = store.artifact_path(&action.outputs[name]).unwrap();
        assert_eq!(fs::read_to_string(&blob).unwrap(), text);
        assert!(fs::metadata(&blob).unwrap().permissions().readonly());
        assert_eq!(fs::metadata(&blob).unwrap().nlink(), 1);
        store.verify(&action.outputs[name]).unwrap();
    }
}

#[test]
fn the_first_of_two_commits_stays_and_the_second_tells_in_what_it_differs() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let never = AtomicBool::new(false);
    let late = store.claim(&fingerprint().key(), &never, |_| {}).unwrap();
    // As where no lock keeps the other one out.
    let other = Store::open(folder.path()).unwrap();
    fs::rename(late.path(), folder.path().join("work/late")).unwrap();
    let first = commit(&other, &[("a", "one"), ("b", "two")], BTreeMap::new()).unwrap();
    fs::rename(folder.path().join("work/late"), late.path()).unwrap();
    fs::write(late.path().join("a"), "other").unwrap();
    fs::write(late.path().join("b"), "two").unwrap();
    let names = ["a", "b"].map(|name| (name.to_string(), ArtifactFile::from(name)));
    let second = late.commit(fingerprint(), &names.into(), BTreeMap::new(), 0.5);
    let Committed::Second(second) = second.unwrap() else {
        panic!("it replaced the first");
    };
    assert_eq!(second.outcome, first);
    assert_eq!(second.differing, ["a"]);
    assert_eq!(
        second.cpus,
        [
            machine::cpu().map(str::to_string),
            machine::cpu().map(str::to_string)
        ]
    );
    late.remove();
    // One that was there before is what `--refresh` replaces.
    let again = commit(&store, &[("a", "other")], BTreeMap::new()).unwrap();
    assert_ne!(again, first);
    let action = fs::metadata(store.action_path(&again.key)).unwrap();
    assert_eq!(action.nlink(), 1);
}

#[test]
fn artifacts_that_are_not_files_of_the_stage_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let never = AtomicBool::new(false);
    let work = store.claim(&fingerprint().key(), &never, |_| {}).unwrap();
    fs::create_dir(work.path().join("folder")).unwrap();
    for path in ["missing", "folder", "../escape", "lock", "/etc/hostname"] {
        let artifacts = BTreeMap::from([("events".to_string(), ArtifactFile::from(path))]);
        let error = work
            .commit(fingerprint(), &artifacts, BTreeMap::new(), 0.0)
            .unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("`events`"), "{path}: {error}");
    }
    assert!(matches!(
        store.lookup(&fingerprint().key()).unwrap(),
        Lookup::Absent
    ));
}

#[test]
fn metrics_are_numbers_or_null() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let metrics = BTreeMap::from([("auroc".into(), json!("NaN"))]);
    let error = commit(&store, &[], metrics).unwrap_err();
    assert!(error.to_string().contains("`auroc`"));
}

#[test]
fn a_missing_blob_makes_a_result_incomplete_and_a_short_one_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let action = commit(&store, &[("a", "text")], BTreeMap::new()).unwrap();
    let blob = store.blob_path(&action.outputs["a"].digest);
    fs::remove_file(&blob).unwrap();
    let found = store.lookup(&action.key).unwrap();
    assert!(matches!(found, Lookup::Incomplete(name) if name == "a"));
    fs::write(&blob, "tex").unwrap();
    let error = store.lookup(&action.key).unwrap_err();
    assert_eq!(error.exit_code(), 6);
    assert!(error.to_string().contains(&*blob.to_string_lossy()));
    fs::write(&blob, "texx").unwrap();
    assert!(store.lookup(&action.key).is_ok());
    assert_eq!(
        store.verify(&action.outputs["a"]).unwrap_err().exit_code(),
        6
    );
}

#[test]
fn an_action_cut_short_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let action = commit(&store, &[], BTreeMap::new()).unwrap();
    fs::write(store.action_path(&action.key), "{\"key\":").unwrap();
    assert_eq!(store.lookup(&action.key).unwrap_err().exit_code(), 6);
    assert!(store.actions().is_empty());
}

/// Its bytes are not read again; whoever verifies the store reads them.
#[test]
fn what_was_digested_as_it_was_written_is_stored_under_that_digest() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let never = AtomicBool::new(false);
    let work = store.claim(&fingerprint().key(), &never, |_| {}).unwrap();
    let path = work.path().join("file");
    let file = fs::File::create(&path).unwrap();
    let written = pipeline_files::write_parts(&file, [b"one".into()]).unwrap();
    let artifacts = BTreeMap::from([("a".into(), ArtifactFile::written("file", written))]);
    let commit = || work.commit(fingerprint(), &artifacts, BTreeMap::new(), 0.5);

    fs::write(&path, "three").unwrap();
    let error = commit().unwrap_err().to_string();
    let told = "`a` cannot be stored: 3 bytes were written, and it has 5";
    assert!(error.contains(told), "{error}");

    fs::write(&path, "two").unwrap();
    let stored = commit().unwrap().into_outcome().outputs["a"];
    assert_eq!(stored.digest, Digest::of_bytes(b"one"));
    let blob = store.blob_path(&stored.digest);
    let error = crate::verify_file(&blob, &stored.digest).unwrap_err();
    assert!(error.to_string().contains("have changed"), "{error}");
}
