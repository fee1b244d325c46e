//! What a file system may hold after a power cut.
//!
//! Two families of file systems are drawn from. In one with a *journal* (ext4, XFS) names change in their order: a
//! cut keeps some first part of the changes, at least up to the last sync of anything. In a *lax* one each change of
//! a name is kept or lost by itself, unless its own folder was synced; only changes that are about the same file keep
//! their order. In both the bytes of a file that were not synced since they were written may be lost: all, some of
//! the writes, some sectors, or all while the length stays.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pipeline_random::Draws;

use super::log::{Id, Log, Step, Tree, tree};

/// Bytes that a disk writes whole.
const SECTOR: usize = 512;

/// How much of what was not synced is kept.
#[derive(Clone, Copy)]
enum Kept {
    Nothing,
    Everything,
    Some,
}

impl Kept {
    fn draw(draws: &mut Draws) -> Self {
        match draws.below(4) {
            0 => Kept::Nothing,
            1 => Kept::Everything,
            _ => Kept::Some,
        }
    }
}

/// One state that the first `after` steps may leave behind.
pub fn cut(log: &Log, after: usize, journal: bool, draws: &mut Draws) -> Tree {
    let steps = &log.steps[..after];
    let kept = match journal {
        true => of_journal(steps, draws),
        false => of_lax(steps, draws),
    };
    let mut names: BTreeMap<(Id, PathBuf), Id> = BTreeMap::new();
    for (step, _) in steps.iter().zip(&kept).filter(|(_, kept)| **kept) {
        let Step::Names(namings) = step else { continue };
        for naming in namings {
            let at = (naming.folder, naming.name.clone());
            match naming.to {
                Some(id) => names.insert(at, id),
                None => names.remove(&at),
            };
        }
    }
    let how_much = Kept::draw(draws);
    let bytes = written(steps).into_iter().map(|(file, steps)| {
        let bytes = bytes_of(&steps, how_much, draws);
        (file, bytes)
    });
    tree(&log.kinds, &names, &bytes.collect())
}

/// Which steps are kept: the names up to some moment after the last sync.
fn of_journal(steps: &[Step], draws: &mut Draws) -> Vec<bool> {
    let synced = |step: &Step| matches!(step, Step::Sync(_) | Step::SyncAll);
    let last = steps.iter().rposition(synced).map_or(0, |at| at + 1);
    let until = match Kept::draw(draws) {
        Kept::Nothing => last,
        Kept::Everything => steps.len(),
        Kept::Some => last + draws.below((steps.len() - last) as u64 + 1) as usize,
    };
    (0..steps.len()).map(|at| at < until).collect()
}

/// Which steps are kept: those that were synced, and some of the others.
fn of_lax(steps: &[Step], draws: &mut Draws) -> Vec<bool> {
    let how_much = Kept::draw(draws);
    let share = draws.uniform();
    let durable = synced(steps);
    let mut lost = std::collections::BTreeSet::new();
    let mut kept = vec![false; steps.len()];
    for (at, step) in steps.iter().enumerate() {
        let about = about(step);
        kept[at] = durable[at]
            || match how_much {
                Kept::Nothing => false,
                Kept::Everything => true,
                Kept::Some => draws.uniform() < share && !about.iter().any(|id| lost.contains(id)),
            };
        if !kept[at] {
            lost.extend(about);
        }
    }
    kept
}

/// What a change of names is about.
fn about(step: &Step) -> Vec<Id> {
    let Step::Names(namings) = step else {
        return Vec::new();
    };
    let both = namings.iter().flat_map(|naming| [naming.from, naming.to]);
    both.flatten().collect()
}

/// Which changes of names last whatever happens: a folder of theirs was synced afterwards, or a later change that is
/// about the same file lasts.
fn synced(steps: &[Step]) -> Vec<bool> {
    let mut folders = std::collections::BTreeSet::new();
    let mut files = std::collections::BTreeSet::new();
    let mut all = false;
    let mut lasts = vec![false; steps.len()];
    for (at, step) in steps.iter().enumerate().rev() {
        match step {
            Step::SyncAll => all = true,
            Step::Sync(id) => {
                folders.insert(*id);
            }
            Step::Names(namings) => {
                let about = about(step);
                lasts[at] = all
                    || namings.iter().any(|it| folders.contains(&it.folder))
                    || about.iter().any(|id| files.contains(id));
                if lasts[at] {
                    files.extend(about);
                }
            }
            Step::Write { .. } | Step::Resize { .. } => {}
        }
    }
    lasts
}

/// The steps that are about each file's bytes, its syncs among them.
fn written(steps: &[Step]) -> BTreeMap<Id, Vec<&Step>> {
    let mut written: BTreeMap<Id, Vec<&Step>> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Write { file, .. } | Step::Resize { file, .. } => {
                written.entry(*file).or_default().push(step);
            }
            Step::Sync(id) => {
                if let Some(steps) = written.get_mut(id) {
                    steps.push(step);
                }
            }
            Step::SyncAll => written.values_mut().for_each(|steps| steps.push(step)),
            Step::Names(_) => {}
        }
    }
    written
}

/// The bytes of a file that a cut may leave.
fn bytes_of(steps: &[&Step], how_much: Kept, draws: &mut Draws) -> Vec<u8> {
    let last = steps.iter().rposition(|step| step.file().is_none());
    let (durable, pending) = steps.split_at(last.map_or(0, |at| at + 1));
    let mut old = Vec::new();
    for step in durable {
        step.apply(&mut old);
    }
    let mut new = old.clone();
    for step in pending {
        step.apply(&mut new);
    }
    match how_much {
        Kept::Nothing => old,
        Kept::Everything => new,
        Kept::Some => match draws.below(4) {
            0 => lengthened(&old, new.len()),
            1 => sectors(&old, &new, draws),
            2 => some_writes(old, pending, draws),
            _ => torn(old, &new, draws),
        },
    }
}

/// The length is kept, and none of the bytes.
fn lengthened(old: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = old.to_vec();
    bytes.resize(length, 0);
    bytes
}

/// The first bytes are the new ones, up to anywhere.
fn torn(old: Vec<u8>, new: &[u8], draws: &mut Draws) -> Vec<u8> {
    let until = draws.below(new.len() as u64 + 1) as usize;
    let rest = old.get(until..).unwrap_or_default();
    [&new[..until], rest].concat()
}

/// Each sector is the old or the new one.
fn sectors(old: &[u8], new: &[u8], draws: &mut Draws) -> Vec<u8> {
    let mut bytes = lengthened(old, new.len());
    for (sector, new) in bytes.chunks_mut(SECTOR).zip(new.chunks(SECTOR)) {
        if draws.below(2) == 0 {
            sector.copy_from_slice(new);
        }
    }
    bytes
}

/// Each write is kept or lost.
fn some_writes(old: Vec<u8>, pending: &[&Step], draws: &mut Draws) -> Vec<u8> {
    let mut bytes = old;
    for step in pending {
        if draws.below(2) == 0 {
            step.apply(&mut bytes);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::power_cut::log::{Found, Kind, Naming, ROOT};
    use pipeline_random::Stream;

    fn name(name: &str, to: Option<Id>, from: Option<Id>) -> Naming {
        let (folder, name) = (ROOT, name.into());
        Naming {
            folder,
            name,
            to,
            from,
        }
    }

    /// A file is written under one name and gets another, with these syncs.
    fn log(file: bool, folder: bool) -> Log {
        let write = Step::Write {
            file: 1,
            at: 0,
            bytes: b"text".to_vec(),
        };
        let mut steps = vec![Step::Names(vec![name("draft", Some(1), None)]), write];
        steps.extend(file.then_some(Step::Sync(1)));
        let both = [name("draft", None, Some(1)), name("final", Some(1), None)];
        steps.push(Step::Names(both.into()));
        steps.extend(folder.then_some(Step::Sync(ROOT)));
        let kinds = vec![Kind::Folder, Kind::File];
        Log {
            kinds,
            steps,
            before: 0,
        }
    }

    /// All states of it, as texts.
    fn states(log: &Log, journal: bool) -> BTreeSet<String> {
        let stream = Stream::new(1, "states");
        let state = |number| {
            let tree = cut(log, log.steps.len(), journal, &mut stream.at(&[number]));
            let one = |(path, found): (&PathBuf, &Found)| {
                let Found::File(bytes, _) = found else {
                    panic!("a folder")
                };
                let bytes = String::from_utf8_lossy(bytes).replace('\0', "0");
                format!("{} {bytes:?} ", path.display())
            };
            tree.iter().map(one).collect()
        };
        (0..500).map(state).collect()
    }

    #[test]
    fn what_is_not_synced_may_be_lost_in_every_way_and_nothing_else() {
        for journal in [true, false] {
            let none = states(&log(false, false), journal);
            for text in [
                "",
                "draft \"text\" ",
                "draft \"\" ",
                "final \"\" ",
                "final \"0000\" ",
            ] {
                assert!(none.contains(text), "{journal} {text}: {none:?}");
            }
            let file = states(&log(true, false), journal);
            assert!(file.contains("final \"text\" "));
            assert!(
                !file
                    .iter()
                    .any(|state| state.contains("\"\"") || state.contains('0'))
            );
            assert_eq!(
                file.contains(""),
                !journal,
                "a journal keeps what came before a sync"
            );
            assert_eq!(
                states(&log(true, true), journal),
                ["final \"text\" ".to_string()].into()
            );
        }
        let torn = states(&log(false, true), false);
        assert!(torn.len() > 4 && torn.iter().all(|state| state.starts_with("final")));
    }
}
