use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::action::Lookup;
use crate::publish::tests::commit;

/// A store with one result, its key, and an empty store.
fn two_stores() -> (tempfile::TempDir, Store, Key, Store) {
    let folder = tempfile::tempdir().unwrap();
    let theirs = Store::open(folder.path().join("theirs")).unwrap();
    let made = commit(
        &theirs,
        &[("a", "one"), ("b", "two"), ("c", "one")],
        BTreeMap::new(),
    );
    let ours = Store::open(folder.path().join("ours")).unwrap();
    (folder, theirs, made.unwrap().key, ours)
}

fn adopt(
    from: &Store,
    key: &Key,
    to: &Store,
    spoil: impl Fn(&mut Vec<u8>),
) -> Result<Committed, NotAdopted<io::Error>> {
    let foreign = from.sealed_action(key)?;
    let never = AtomicBool::new(false);
    let work = to.claim(key, &never, |_| {})?;
    let committed = work.adopt(&foreign, |_, artifact, draft| {
        let mut bytes = fs::read(from.blob_path(&artifact.digest))?;
        draft.write_all(b"a beginning that broke off")?;
        draft.restart()?;
        spoil(&mut bytes);
        draft.write_all(&bytes)
    });
    work.remove();
    committed
}

#[test]
fn a_result_is_taken_over_byte_for_byte() {
    let (_folder, theirs, key, ours) = two_stores();
    let committed = adopt(&theirs, &key, &ours, |_| {}).unwrap();
    let Lookup::Complete(found) = ours.lookup(&key).unwrap() else {
        panic!("the result is not there");
    };
    assert_eq!(committed, Committed::First(*found.clone()));
    for artifact in found.outputs.values() {
        ours.verify(artifact).unwrap();
        let path = ours.artifact_path(artifact).unwrap();
        assert!(fs::metadata(path).unwrap().permissions().readonly());
    }
    let bytes = |store: &Store| fs::read(store.action_path(&key)).unwrap();
    assert_eq!(bytes(&ours), bytes(&theirs));
    assert!(ours.audit().unwrap().damage.is_empty());
    assert_eq!(fs::read_dir(ours.root().join("work")).unwrap().count(), 0);
}

#[test]
fn of_other_bytes_nothing_lands() {
    let (_folder, theirs, key, ours) = two_stores();
    let spoilers: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes[0] ^= 1,
        |bytes| bytes.truncate(2),
        |bytes| bytes.push(b'x'),
    ];
    for spoil in spoilers {
        let refused = adopt(&theirs, &key, &ours, spoil);
        let Err(NotAdopted::Mismatch { name, .. }) = refused else {
            panic!("it was taken: {refused:?}");
        };
        assert_eq!(name, "a");
        assert!(matches!(ours.lookup(&key).unwrap(), Lookup::Absent));
        assert!(!ours.root().join("blobs").exists());
        assert_eq!(fs::read_dir(ours.root().join("work")).unwrap().count(), 0);
    }
}

#[test]
fn an_action_of_another_key_or_with_other_bytes_is_none() {
    let (_folder, theirs, key, _) = two_stores();
    let bytes = fs::read(theirs.action_path(&key)).unwrap();
    let other: Key = serde_json::from_value(serde_json::json!(Digest::of_bytes(b"other"))).unwrap();
    assert!(Foreign::read(bytes.clone(), &other).is_err());
    // One that says that it is of this key, above another fingerprint.
    let mut action: Action = serde_json::from_slice(&bytes).unwrap();
    action.fingerprint.code_version += 1;
    let error = Foreign::read(checksum::sealed(&action).unwrap(), &key).unwrap_err();
    assert!(error.contains("is the action of"), "{error}");
    for at in [3, bytes.len() / 2, bytes.len() - 10] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(Foreign::read(flipped, &key).is_err());
        assert!(Foreign::read(bytes[..at].to_vec(), &key).is_err());
    }
    Foreign::read(bytes, &key).unwrap();
}

#[test]
fn a_result_of_elsewhere_replaces_the_one_that_was_there() {
    let (_folder, theirs, key, ours) = two_stores();
    commit(&ours, &[("a", "another")], BTreeMap::new()).unwrap();
    let committed = adopt(&theirs, &key, &ours, |_| {}).unwrap();
    assert!(matches!(committed, Committed::First(_)));
    let outputs = ours.action(&key).unwrap().outputs;
    assert_eq!(outputs, theirs.action(&key).unwrap().outputs);
}
