//! Removing what nobody needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::action::Action;
use super::digest::Digest;
use super::inventory::{Inventory, StoredAction};
use super::{Hold, Store, failed, foreign, run_folder};
use pipeline_error::Error;

/// What is younger stays where a run on another machine may need it, and no lock would tell.
const YOUNG: Duration = Duration::from_secs(24 * 60 * 60);

/// What is to go besides that which no action refers to.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// Actions and work folders last used before this, and runs that started before it.
    pub unused_since: Option<SystemTime>,
    /// The oldest actions, until the rest's blobs are no larger together.
    pub max_bytes: Option<u64>,
    /// Keys that stay whatever else is said. Without the two rules above, all others go.
    pub keep: Option<BTreeSet<String>>,
    /// As many of the latest runs stay, whatever else is said. Without `unused_since`, all others
    /// go.
    pub keep_runs: Option<usize>,
    /// Of runs that are parts of another run, that run: they count as one, and go together.
    pub part_of: BTreeMap<String, String>,
    /// Runs that go on although no process holds the store: they stay whatever else is said.
    pub living: BTreeSet<String>,
}

/// What went, or would go.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Collected {
    /// In the order of removal.
    pub removed: Vec<Removed>,
    /// The size of all of it.
    pub bytes: u64,
    /// The size of the blobs that stay.
    pub remaining_bytes: u64,
    /// Whether a run was going on: then only work folders were looked at.
    pub busy: bool,
}

/// One thing that went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// What it is: `action`, `blob`, `index`, `work`, `run`, `damaged`.
    pub what: &'static str,
    /// Where it was.
    pub path: PathBuf,
    /// Its size; of an action none, since its blobs count by themselves.
    pub bytes: u64,
    /// Why it went.
    pub why: String,
}

impl Store {
    /// Finds what is to go, and removes it unless `dry`: actions before blobs, so that a crash
    /// leaves blobs too many and never a result without them. What a process holds stays; without
    /// the store alone (`alone`), only work folders that nobody holds go.
    pub fn collect(
        &self,
        collection: &Collection,
        alone: Option<&Hold>,
        dry: bool,
    ) -> Result<Collected, Error> {
        let inventory = self.inventory()?;
        let mut removed = Vec::new();
        let mut remaining_bytes = inventory.blobs.values().sum();
        if alone.is_some() {
            if let Some((path, what)) = inventory.unreadable.first() {
                // Which blobs it refers to is unknown, so none can be called unreachable.
                return Err(super::damaged(path, what)
                    .with_hint("`pipeline cache verify` takes damage out of use; then collect"));
            }
            let mut doomed = doomed(&inventory, collection);
            if let Some(young) = self.young_since() {
                let used = |action: &Action| {
                    let of_key = |stored: &&StoredAction| stored.action.key == action.key;
                    inventory.actions.iter().find(of_key).map(|it| it.used)
                };
                doomed.retain(|(action, _)| used(action).is_none_or(|used| used < young));
            }
            remaining_bytes = self.list_results(&inventory, &doomed, &mut removed);
            self.list_runs(collection, &mut removed)?;
            let damaged = self.entries("damaged")?.into_iter();
            for entry in
                damaged.filter(|it| it.file_name().to_str().is_some_and(foreign::is_damaged))
            {
                removed.push(Removed {
                    what: "damaged",
                    path: entry.path(),
                    bytes: entry.metadata().map_or(0, |metadata| metadata.len()),
                    why: "was found damaged".into(),
                });
            }
        }
        list_work(&inventory, collection, &mut removed);
        if let Some(young) = self.young_since() {
            removed.retain(|listed| {
                let goes = matches!(listed.what, "action" | "run")
                    || last_written(&inventory, listed) < Some(young);
                remaining_bytes += if !goes && listed.what == "blob" {
                    listed.bytes
                } else {
                    0
                };
                goes
            });
        }
        if !dry {
            removed = self.remove_all(removed)?;
        }
        Ok(Collected {
            bytes: removed.iter().map(|removed| removed.bytes).sum(),
            removed,
            remaining_bytes,
            busy: alone.is_none(),
        })
    }

    /// Since when things are too young to go.
    fn young_since(&self) -> Option<SystemTime> {
        let leases = self.locks.need_leases();
        leases.then(|| SystemTime::now().checked_sub(YOUNG))?
    }

    /// Actions that go, then blobs that nobody refers to any more; returns the size of the rest.
    fn list_results(
        &self,
        inventory: &Inventory,
        doomed: &[(&Action, String)],
        removed: &mut Vec<Removed>,
    ) -> u64 {
        let gone: BTreeSet<_> = doomed.iter().map(|(action, _)| action.key).collect();
        for (action, why) in doomed {
            removed.push(Removed {
                what: "action",
                path: self.action_path(&action.key),
                bytes: 0,
                why: format!("{}: {why}", action.fingerprint.kind),
            });
        }
        let staying = inventory.actions.iter().map(|stored| &stored.action);
        let staying = staying.filter(|action| !gone.contains(&action.key));
        let keys: BTreeSet<_> = staying.clone().map(|action| action.key).collect();
        let needed: BTreeSet<Digest> = staying.flat_map(digests).collect();
        let dead = inventory.indexes.iter();
        for index in dead.filter(|index| index.keys.is_disjoint(&keys)) {
            removed.push(Removed {
                what: "index",
                path: index.path.clone(),
                bytes: index.bytes,
                why: "it names no action that stays".into(),
            });
        }
        let mut remaining = 0;
        for (digest, &bytes) in &inventory.blobs {
            if needed.contains(digest) {
                remaining += bytes;
                continue;
            }
            removed.push(Removed {
                what: "blob",
                path: self.blob_path(digest),
                bytes,
                why: "no action refers to it".into(),
            });
        }
        remaining
    }

    /// Runs that go, the oldest first, each after its parts. None but the living ones is going on: whoever collects has the
    /// store alone.
    fn list_runs(&self, collection: &Collection, removed: &mut Vec<Removed>) -> Result<(), Error> {
        let latest_first = self.run_ids()?;
        let known: BTreeSet<&String> = latest_first.iter().collect();
        let mut wholes: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
        for id in &latest_first {
            let whole = collection.part_of.get(id);
            let whole = whole.filter(|whole| known.contains(whole)).unwrap_or(id);
            wholes.entry(whole).or_default().push(id);
        }
        let older = wholes.len() - collection.keep_runs.unwrap_or(0).min(wholes.len());
        let young = self.young_since();
        for (whole, ids) in wholes.into_iter().take(older) {
            let is_old = |id: &&String, since| {
                run_folder::started(id).is_some_and(|it| SystemTime::from(it) < since)
            };
            let why = match collection.unused_since {
                Some(since) if ids.iter().all(|id| is_old(id, since)) => "is older than that",
                None if collection.keep_runs.is_some() => "is not among the latest",
                _ => continue,
            };
            // Of a whole no part is left behind for being young.
            let written = ids.iter().filter_map(|id| self.run_written(id)).max();
            let is_young = young.is_some_and(|young| written >= Some(young));
            if is_young || collection.living.contains(whole) {
                continue;
            }
            let parts = ids.into_iter().map(|id| self.listed_run(id, why));
            let parts: Vec<Option<Removed>> = parts.collect::<Result<_, _>>()?;
            let parts: Option<Vec<Removed>> = parts.into_iter().collect();
            removed.extend(parts.unwrap_or_default());
        }
        Ok(())
    }

    /// When a run's folder or a file in it was last written to.
    fn run_written(&self, id: &str) -> Option<SystemTime> {
        let files = self.entries(&format!("runs/{id}")).unwrap_or_default();
        let files = files.into_iter().map(|file| file.path());
        let written = files.chain([self.runs_folder().join(id)]);
        written
            .filter_map(|path| path.symlink_metadata().ok()?.modified().ok())
            .max()
    }

    /// None where it is another user's alone: that user may remove it.
    fn listed_run(&self, id: &str, why: &str) -> Result<Option<Removed>, Error> {
        let files = self.files_of_run(id)?;
        Ok(files.map(|files| Removed {
            what: "run",
            bytes: (files.iter())
                .filter_map(|file| Some(file.metadata().ok()?.len()))
                .sum(),
            path: self.runs_folder().join(id),
            why: why.into(),
        }))
    }

    /// Returns what really went: a work folder may have found a holder meanwhile. A thing that cannot be removed keeps
    /// nothing else from going, and is told at the end; but an action that stays needs its blobs.
    fn remove_all(&self, listed: Vec<Removed>) -> Result<Vec<Removed>, Error> {
        let mut gone = Vec::with_capacity(listed.len());
        let mut failures = Vec::new();
        let mut synced = false;
        for removed in listed {
            if removed.what != "action" && !std::mem::replace(&mut synced, true) {
                if !failures.is_empty() {
                    break;
                }
                self.sync_actions();
            }
            match self.remove_listed(&removed) {
                Ok(true) => gone.push(removed),
                Ok(false) => {}
                Err(error) => failures.push(error),
            }
        }
        let count = failures.len();
        match failures.into_iter().next() {
            None => Ok(gone),
            Some(first) => Err(first.prefixed(&format!(
                "{} removed, {count} could not be; the first",
                gone.len()
            ))),
        }
    }

    /// Whether it went.
    fn remove_listed(&self, removed: &Removed) -> Result<bool, Error> {
        let path = &removed.path;
        let place = || self.place_of(path);
        let gone = match removed.what {
            "work" => place().and_then(|(folder, name)| self.discard(folder, name)),
            "run" => place().and_then(|(folder, name)| folder.remove_all(name).map(|()| true)),
            _ => {
                self.remove(path)?;
                if let Some(shelf) = path.parent().filter(|_| removed.what == "blob")
                    && let Ok((folder, name)) = self.place_of(shelf)
                {
                    // Not empty, most of the time.
                    let _ = folder.remove_empty(name);
                }
                Ok(true)
            }
        };
        gone.map_err(|error| failed(path, error))
    }
}

fn digests(action: &Action) -> BTreeSet<Digest> {
    action
        .outputs
        .values()
        .map(|artifact| artifact.digest)
        .collect()
}

/// When something that is to go was last written to; none if it went.
fn last_written(inventory: &Inventory, listed: &Removed) -> Option<SystemTime> {
    let of_work = inventory.work.iter().find(|it| it.path == listed.path);
    let found = || {
        std::fs::symlink_metadata(&listed.path)
            .ok()?
            .modified()
            .ok()
    };
    of_work.map_or_else(found, |work| Some(work.modified))
}

/// Actions that go and why, the oldest first.
fn doomed<'a>(inventory: &'a Inventory, collection: &Collection) -> Vec<(&'a Action, String)> {
    let mut by_age: Vec<&StoredAction> = inventory.actions.iter().collect();
    by_age.sort_by_key(|stored| (stored.used, stored.action.key));
    let kept = |stored: &StoredAction| {
        let key = stored.action.key.to_string();
        collection
            .keep
            .as_ref()
            .is_some_and(|keep| keep.contains(&key))
    };
    let all = collection.keep.is_some()
        && collection.unused_since.is_none()
        && collection.max_bytes.is_none();
    let mut doomed = Vec::new();
    let mut staying = Vec::new();
    for stored in by_age {
        let old = collection
            .unused_since
            .is_some_and(|since| stored.used < since);
        if all && !kept(stored) {
            doomed.push((&stored.action, "no kept recipe refers to it".to_string()));
        } else if old && !kept(stored) {
            doomed.push((&stored.action, "was not used for so long".to_string()));
        } else {
            staying.push(stored);
        }
    }
    let Some(max_bytes) = collection.max_bytes else {
        return doomed;
    };
    let mut users = std::collections::BTreeMap::<Digest, usize>::new();
    for digest in staying.iter().flat_map(|stored| digests(&stored.action)) {
        *users.entry(digest).or_default() += 1;
    }
    let size = |digest: &Digest| inventory.blobs.get(digest).copied().unwrap_or(0);
    let mut total: u64 = users.keys().map(size).sum();
    for stored in staying {
        if total <= max_bytes {
            break;
        }
        if kept(stored) {
            continue;
        }
        for digest in digests(&stored.action) {
            let left = users.entry(digest).or_default();
            *left -= 1;
            if *left == 0 {
                total -= size(&digest);
            }
        }
        doomed.push((&stored.action, "the store was too large".to_string()));
    }
    doomed
}

/// Work folders that nobody holds: left by a run that crashed, failed or was interrupted.
fn list_work(inventory: &Inventory, collection: &Collection, removed: &mut Vec<Removed>) {
    for stored in &inventory.work {
        let name = stored
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let keep = collection.keep.as_ref();
        let kept = keep.is_some_and(|keep| keep.contains(&*name));
        let young = collection
            .unused_since
            .is_some_and(|since| stored.modified >= since);
        if !(stored.held || kept || young) {
            removed.push(Removed {
                what: "work",
                path: stored.path.clone(),
                bytes: stored.bytes,
                why: "nobody works in it".into(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
