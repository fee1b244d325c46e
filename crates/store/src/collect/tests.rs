use super::*;
use crate::action::Outcome;
use crate::audit::Mending;
use crate::publish::tests::commit;
use std::collections::BTreeMap;
use std::fs;

fn store_with(contents: &str) -> (tempfile::TempDir, Store, Outcome) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let action = commit(&store, &[("a", contents)], BTreeMap::new()).unwrap();
    (folder, store, action)
}

fn collect(store: &Store, collection: &Collection) -> Collected {
    let alone = store.hold_alone().unwrap();
    store.collect(collection, alone.as_ref(), false).unwrap()
}

#[test]
fn only_what_no_action_refers_to_goes_by_itself_and_actions_go_first() {
    let (_folder, store, action) = store_with("text");
    assert_eq!(collect(&store, &Collection::default()).removed, []);
    let all = Collection {
        keep: Some(BTreeSet::new()),
        ..Collection::default()
    };
    let collected = collect(&store, &all);
    let what: Vec<&str> = collected.removed.iter().map(|it| it.what).collect();
    assert_eq!(what, ["action", "blob"]);
    assert_eq!((collected.bytes, collected.remaining_bytes), (4, 0));
    assert!(!store.blob_path(&action.outputs["a"].digest).exists());
}

#[test]
fn a_blob_without_an_action_goes() {
    let (_folder, store, action) = store_with("text");
    fs::remove_file(store.action_path(&action.key)).unwrap();
    assert_eq!(collect(&store, &Collection::default()).removed.len(), 1);
    assert!(store.inventory().unwrap().blobs.is_empty());
}

#[test]
fn a_held_work_folder_stays_and_a_free_one_goes() {
    let (_folder, store, action) = store_with("text");
    let never = std::sync::atomic::AtomicBool::new(false);
    let held = store.claim(&action.key, &never, |_| {}).unwrap();
    assert_eq!(collect(&store, &Collection::default()).removed, []);
    drop(held);
    let collected = collect(&store, &Collection::default());
    assert_eq!(collected.removed[0].what, "work");
    assert!(store.inventory().unwrap().work.is_empty());
}

#[test]
fn mending_leaves_a_sound_store() {
    let (_folder, store, action) = store_with("text");
    let blob = store.blob_path(&action.outputs["a"].digest);
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, "tent").unwrap();
    let audit = store.audit().unwrap();
    assert_eq!(audit.damage.len(), 1);
    assert_eq!(audit.damage[0].path, blob);
    assert!(audit.damage[0].lost.contains("data a"));
    let alone = store.hold_alone().unwrap().unwrap();
    store.mend(&audit, Mending::Remove, &alone).unwrap();
    assert!(store.audit().unwrap().damage.is_empty());
    assert!(store.inventory().unwrap().actions.is_empty());
}

#[test]
fn what_cannot_be_removed_keeps_nothing_else_from_going() {
    let (folder, store, action) = store_with("text");
    fs::remove_file(store.action_path(&action.key)).unwrap();
    let blob = store.blob_path(&action.outputs["a"].digest);
    let shelf = folder.path().join("blobs/v1/00");
    // A folder in place of a blob is not removed as a file.
    fs::create_dir_all(shelf.join("0".repeat(64)).join("inside")).unwrap();
    let alone = store.hold_alone().unwrap();
    let collected = store.collect(&Collection::default(), alone.as_ref(), false);
    let error = collected.unwrap_err().to_string();
    assert!(error.starts_with("1 removed, 1 could not be"), "{error}");
    assert!(!blob.exists());
}

#[test]
fn a_run_counts_with_its_parts_as_one_and_a_living_one_stays() {
    let (folder, store, _) = store_with("text");
    let [whole, part, other] =
        ["0102", "0103", "0104"].map(|day| format!("2020{day}T000000Z-0000"));
    for run in [&whole, &part, &other] {
        fs::create_dir_all(folder.path().join("runs").join(run)).unwrap();
    }
    let mut collection = Collection {
        keep_runs: Some(2),
        part_of: BTreeMap::from([(part, whole.clone())]),
        living: BTreeSet::from([whole.clone()]),
        ..Collection::default()
    };
    assert_eq!(collect(&store, &collection).removed, []);
    collection.keep_runs = Some(1);
    assert_eq!(collect(&store, &collection).removed, []);
    collection.living.clear();
    assert_eq!(collect(&store, &collection).removed.len(), 2);
    assert_eq!(store.run_ids().unwrap(), [other]);
}

#[test]
fn a_run_with_a_young_part_stays_whole_where_leases_are_needed() {
    let (folder, store, _) = store_with("text");
    let no_locks = || std::io::Error::from_raw_os_error(libc::ENOLCK);
    let lock = fs::File::open(folder.path()).unwrap();
    let taken = (store.locks).take(&lock, |_| Err(fs::TryLockError::Error(no_locks())));
    taken.unwrap();
    let [whole, part] = ["0102", "0103"].map(|day| format!("2020{day}T000000Z-0000"));
    let place = |run: &String| folder.path().join("runs").join(run);
    let long_ago = SystemTime::now() - 2 * YOUNG;
    for run in [&whole, &part] {
        fs::create_dir_all(place(run)).unwrap();
        fs::write(place(run).join("events.jsonl"), "").unwrap();
        for path in [place(run).join("events.jsonl"), place(run)] {
            let written = fs::File::open(path).unwrap();
            written.set_modified(long_ago).unwrap();
        }
    }
    let collection = Collection {
        keep_runs: Some(0),
        part_of: BTreeMap::from([(part.clone(), whole)]),
        ..Collection::default()
    };
    let events = fs::File::open(place(&part).join("events.jsonl")).unwrap();
    events.set_modified(SystemTime::now()).unwrap();
    assert_eq!(collect(&store, &collection).removed, []);
    events.set_modified(long_ago).unwrap();
    let removed = collect(&store, &collection).removed;
    assert!(removed.iter().all(|it| it.what == "run"), "{removed:?}");
    assert_eq!(removed.len(), 2);
}
