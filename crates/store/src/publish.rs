//! Turning a work folder into a result.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::action::{Action, Artifact, Outcome};
use super::digest::Digest;
use super::durable::{self, SOON};
use super::fingerprint::Fingerprint;
use super::folder::{self, Folder};
use super::work::{LOCK, WorkFolder};
use super::{Store, checksum, failed};
use pipeline_error::Error;

/// An action on its way, in the work folder of its key.
const DRAFT: &str = ".action";

impl Store {
    /// Makes all results that were committed outlive a power cut.
    pub fn sync_names(&self) -> Result<(), Error> {
        let folder = self.actions_folder();
        let synced = self.unsynced.sync(&folder);
        synced.map_err(|error| failed(&folder, error))
    }
}

impl WorkFolder<'_> {
    /// Commits a result: every artifact is digested, its bytes made durable and moved among the
    /// blobs, then the action is written; only that makes it a result. The folder itself stays.
    /// When the result outlives a power cut, [`durable`] says; after [`Store::sync_names`] it does.
    ///
    /// `artifacts` are files below the folder, by name. Returns the result as it reads back.
    pub fn commit(
        &self,
        fingerprint: Fingerprint,
        artifacts: &BTreeMap<String, PathBuf>,
        metrics: BTreeMap<String, Value>,
        seconds: f64,
    ) -> Result<Outcome, Error> {
        check_metrics(&metrics)?;
        let took_long = seconds >= SOON.as_secs_f64();
        let files = self.artifact_files(artifacts)?;
        for (name, path) in &files {
            make_own(path).map_err(|error| lost(name, path, error))?;
        }
        let digested: Vec<Artifact> = files
            .iter()
            .map(|(name, path)| digest_durably(path).map_err(|error| lost(name, path, error)))
            .collect::<Result<_, _>>()?;
        let mut outputs = BTreeMap::new();
        let mut moves = BTreeMap::new();
        for ((name, path), artifact) in files.into_iter().zip(digested) {
            outputs.insert(name.clone(), artifact);
            // Several names may stand for one file.
            moves.insert(path, (name, artifact.digest));
        }
        for (path, (name, digest)) in &moves {
            self.move_to_blobs(path, digest, took_long)
                .map_err(|error| lost(name, path, error))?;
        }
        let action = Action {
            key: self.key,
            fingerprint,
            outputs,
            metrics,
            seconds,
        };
        let outcome = self.write_action(&action)?;
        if self.store.unsynced.note() || took_long {
            self.store.sync_names()?;
        }
        Ok(outcome)
    }

    fn artifact_files(
        &self,
        artifacts: &BTreeMap<String, PathBuf>,
    ) -> Result<Vec<(String, PathBuf)>, Error> {
        artifacts
            .iter()
            .map(|(name, path)| {
                let path = self.path().join(path);
                let refuse = |what: &str| {
                    Error::stage(format!("the artifact `{name}` {what}: {}", path.display()))
                };
                let inside = path.strip_prefix(self.path()).is_ok_and(|inside| {
                    inside != Path::new(LOCK)
                        && inside
                            .components()
                            .all(|part| matches!(part, Component::Normal(_)))
                });
                if !inside {
                    return Err(refuse("lies outside of the stage's work folder"));
                }
                match fs::symlink_metadata(&path) {
                    Ok(found) if found.is_file() => Ok((name.clone(), path)),
                    Ok(_) => Err(refuse("is not a regular file")),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        Err(refuse("was declared but not written"))
                    }
                    Err(error) => Err(refuse(&format!("cannot be read ({error})"))),
                }
            })
            .collect()
    }

    fn move_to_blobs(&self, path: &Path, digest: &Digest, took_long: bool) -> io::Result<()> {
        let (folder, name) = self.place_of(path)?;
        let blobs = self.store.own_folder()?.make("blobs/v1")?;
        let digest = digest.to_string();
        let shelf = blobs.make(&digest[..2])?;
        let file = folder.open(name)?;
        folder.rename(name, &shelf, &digest)?;
        // Only now: a crash before the move must leave a file that the stage can write again.
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
        if took_long {
            // And the names on the way: a file system without one journal could lose those alone.
            let root = self.store.own_folder()?;
            for folder in [shelf, blobs, root.folder("blobs")?, root] {
                folder.sync()?;
            }
        }
        Ok(())
    }

    /// The folder below this one that a file of the stage lies in, and its name there.
    fn place_of<'p>(&self, path: &'p Path) -> io::Result<(Folder, &'p OsStr)> {
        let below = path.strip_prefix(self.path()).unwrap_or(path);
        let folder = self
            .folder
            .folder(below.parent().unwrap_or(Path::new("")))?;
        let name = below.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((folder, name))
    }

    fn write_action(&self, action: &Action) -> Result<Outcome, Error> {
        let target = self.store.action_path(&action.key);
        let write = || {
            let bytes = checksum::sealed(action)?;
            let actions = durable::make_folder(&self.store.own_folder()?, "actions/v1")?;
            durable::write(&self.folder, DRAFT, &bytes)?;
            let name = format!("{}.json", action.key);
            self.folder.rename(DRAFT, &actions, name)?;
            // What a later run will read: printing and reading a float may move its last bit.
            Ok(serde_json::from_slice(&bytes)?)
        };
        write().map_err(|error: io::Error| failed(&target, error))
    }
}

fn lost(name: &str, path: &Path, error: io::Error) -> Error {
    folder::refusal(&error).unwrap_or_else(|| {
        let what = format!("the artifact `{name}` cannot be stored: {error}");
        Error::file(path, what)
    })
}

/// Replaces a file that has other names by a copy of its own: whoever writes to one of them would change the
/// stored result, and a blob is read-only, which the other names would be as well.
fn make_own(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.nlink() < 2 {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    // The umask takes its part away, as from any file that a stage writes.
    let draft = tempfile::Builder::new()
        .prefix(".copy-")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    io::copy(&mut folder::open(path)?.0, &mut draft.as_file())?;
    draft.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Digest and size of a file whose bytes will outlive a power cut.
fn digest_durably(path: &Path) -> io::Result<Artifact> {
    let (file, _) = folder::open(path)?;
    file.sync_all()?;
    let (digest, bytes) = Digest::of_open_file(&file)?;
    Ok(Artifact { digest, bytes })
}

fn check_metrics(metrics: &BTreeMap<String, Value>) -> Result<(), Error> {
    for (name, value) in metrics {
        let fits = value.is_null() || value.as_f64().is_some_and(f64::is_finite);
        if !fits {
            return Err(Error::stage(format!(
                "the metric `{name}` must be a finite number or null, and is {value}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::Store;
    use crate::action::Lookup;
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
            artifacts.insert(name.to_string(), PathBuf::from(name));
        }
        let action = work.commit(fingerprint(), &artifacts, metrics, 0.5)?;
        work.remove();
        Ok(action)
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
        let names = ["a", "b", "c"].map(|name| (name.to_string(), PathBuf::from(name)));
        let action = work.commit(fingerprint(), &names.into(), BTreeMap::new(), 0.5);
        let action = action.unwrap();
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
    fn artifacts_that_are_not_files_of_the_stage_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let never = AtomicBool::new(false);
        let work = store.claim(&fingerprint().key(), &never, |_| {}).unwrap();
        fs::create_dir(work.path().join("folder")).unwrap();
        for path in ["missing", "folder", "../escape", "lock", "/etc/hostname"] {
            let artifacts = BTreeMap::from([("events".to_string(), PathBuf::from(path))]);
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
}
