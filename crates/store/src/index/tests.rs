use std::time::Duration;

use super::*;
use crate::Store;
use crate::action::{Lookup, Outcome};
use crate::collect::Collection;
use crate::publish::tests::commit;

const LONG_AGO: Duration = Duration::from_secs(1_000_000_000);

/// A store with one result, old enough not to be doubted, and the names of many stages.
struct Lab {
    _folder: tempfile::TempDir,
    store: Store,
    outcome: Outcome,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let outcome = commit(&store, &[("a", "text")], BTreeMap::new()).unwrap();
        Self {
            _folder: folder,
            store,
            outcome,
        }
    }

    fn index(&self) -> ActionIndex {
        self.store.index(["a"; FEW].into_iter())
    }

    /// An index that was written by a run that found the result.
    fn written(&self) -> ActionIndex {
        let index = self.index();
        self.look(&index);
        // A file's change cannot be dated back: it is taken for an old one.
        for entry in index.learnt().values_mut() {
            entry.state = Some(self.state());
        }
        self.store
            .mark_all_used(&index, [&self.outcome.key].into_iter());
        self.index()
    }

    fn look(&self, index: &ActionIndex) -> Lookup {
        self.store.lookup_by(index, &self.outcome.key).unwrap()
    }

    fn state(&self) -> Stat {
        Stat::of(&fs::symlink_metadata(self.action()).unwrap())
    }

    fn action(&self) -> PathBuf {
        self.store.action_path(&self.outcome.key)
    }

    fn used(&self) -> SystemTime {
        self.store.inventory().unwrap().actions[0].used
    }
}

#[test]
fn a_result_is_found_without_its_action_and_is_the_same() {
    let lab = Lab::new();
    let index = lab.written();
    let indexed = index.get(&lab.outcome.key, &lab.state());
    assert_eq!(indexed.as_ref(), Some(&lab.outcome));
    assert!(matches!(lab.look(&index), Lookup::Complete(found) if *found == lab.outcome));
    assert!(index.learnt().is_empty());
}

#[test]
fn an_action_that_was_written_to_is_read_again() {
    let lab = Lab::new();
    let index = lab.written();
    let mut bytes = fs::read(lab.action()).unwrap();
    let at = bytes.iter().position(|byte| *byte == b'4').unwrap();
    bytes[at] = b'5';
    let times = fs::metadata(lab.action()).unwrap().modified().unwrap();
    fs::remove_file(lab.action()).unwrap();
    fs::write(lab.action(), bytes).unwrap();
    folder::touch(&lab.action(), Some(times)).unwrap();
    let error = lab.store.lookup_by(&index, &lab.outcome.key).unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
    fs::remove_file(lab.action()).unwrap();
    assert!(matches!(lab.look(&index), Lookup::Absent));
}

#[test]
fn a_missing_artifact_is_noticed() {
    let lab = Lab::new();
    let index = lab.written();
    fs::remove_file(lab.store.blob_path(&lab.outcome.outputs["a"].digest)).unwrap();
    assert!(matches!(lab.look(&index), Lookup::Incomplete(name) if name == "a"));
}

#[test]
fn an_action_of_this_moment_is_doubted_and_few_stages_have_no_index() {
    let lab = Lab::new();
    let index = lab.index();
    lab.look(&index);
    assert!(index.learnt()[&lab.outcome.key].state.is_none());
    let few = lab.store.index(["a"; FEW - 1].into_iter());
    lab.look(&few);
    assert!(few.path.is_none() && few.learnt().is_empty());
}

#[test]
fn every_flipped_byte_empties_it() {
    let lab = Lab::new();
    let path = lab.written().path.unwrap();
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        fs::write(&path, &other).unwrap();
        assert!(lab.index().known.is_empty(), "{at}");
    }
}

#[test]
fn the_index_says_when_its_actions_were_used_until_it_names_them_no_more() {
    let lab = Lab::new();
    let index = lab.written();
    let path = index.path.clone().unwrap();
    folder::touch(&lab.action(), Some(SystemTime::UNIX_EPOCH)).unwrap();
    let then = SystemTime::UNIX_EPOCH + LONG_AGO;
    folder::touch(&path, Some(then)).unwrap();
    assert_eq!(lab.used(), then);
    lab.store
        .mark_all_used(&lab.index(), [&lab.outcome.key].into_iter());
    assert!(lab.used() > then, "the next run says so again");
    folder::touch(&path, Some(then)).unwrap();
    lab.store.mark_all_used(&lab.index(), std::iter::empty());
    assert_eq!(lab.used(), then, "the action's own time says so now");
}

#[test]
fn an_index_goes_with_the_last_action_it_names() {
    let lab = Lab::new();
    let path = lab.written().path.unwrap();
    let alone = lab.store.hold_alone().unwrap();
    let collect = |keep: Option<BTreeSet<String>>| {
        let collection = Collection {
            keep,
            ..Collection::default()
        };
        lab.store
            .collect(&collection, alone.as_ref(), false)
            .unwrap()
    };
    assert_eq!(collect(None).removed, []);
    assert!(
        collect(Some(BTreeSet::new()))
            .removed
            .iter()
            .any(|it| it.what == "index")
    );
    assert!(!path.exists());
}
