//! Where a training stands, kept in a file: a run that was killed goes on as if it had not been, and
//! a longer training of the same kind goes on where a shorter one ended.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::history::History;
use super::monitor::{Episodes, Watched};
use super::snapshot::{Best, Position, Snapshot};
use pipeline_checkpoint::{
    self as checkpoint, FloatTensor, read_metadata, tensor_digest, write_safetensors,
};
use pipeline_error::Error;
use pipeline_model::host::HostParameters;

/// All of a snapshot that is no tensor.
#[derive(Serialize, Deserialize)]
struct Record<V> {
    position: Position,
    best: Option<BestRecord<V>>,
    columns: Vec<String>,
    rows: Vec<Vec<Option<u64>>>,
    episodes: Episodes,
}

#[derive(Serialize, Deserialize)]
struct BestRecord<V> {
    epoch: usize,
    validation: V,
}

/// Key of the record in the file's metadata.
const RECORD: &str = "resume";
/// Key of the digest of the record and all tensors: a bit that flipped must not be trained on.
const SEAL: &str = "seal";

/// The file, and when it was last written.
pub struct ResumeFile {
    path: PathBuf,
    /// Where a shorter training left what a longer one goes on from.
    lineage: Option<PathBuf>,
    every: Duration,
    last: Mutex<Instant>,
}

impl ResumeFile {
    /// A file at `path` that is due whenever so much time has passed.
    pub fn new(path: PathBuf, every: Duration) -> Self {
        Self {
            path,
            lineage: None,
            every,
            last: Mutex::new(Instant::now()),
        }
    }

    /// With a file of all trainings that differ in their length alone.
    #[must_use]
    pub fn with_lineage(self, lineage: Option<PathBuf>) -> Self {
        Self { lineage, ..self }
    }

    /// Whether it is time to write again.
    pub fn is_due(&self) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed() >= self.every
    }

    /// Replaces the file, whole or not at all, also by a power cut.
    pub fn write<V: Clone + Serialize>(&self, snapshot: &Snapshot<V>) -> Result<(), Error> {
        write(&self.path, snapshot)?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(())
    }

    /// Leaves the end of a training to longer ones, if there may be any.
    pub fn bequeath<V: Clone + Serialize>(
        &self,
        snapshot: impl FnOnce() -> Result<Snapshot<V>, Error>,
    ) -> Result<(), Error> {
        match &self.lineage {
            Some(lineage) => write(lineage, &snapshot()?),
            None => Ok(()),
        }
    }

    /// Where an earlier attempt stood, or a shorter training ended; none if there was none.
    pub fn read<V: DeserializeOwned>(&self) -> Result<Option<Snapshot<V>>, Error> {
        let paths = [Some(&self.path), self.lineage.as_ref()];
        let mut there = paths.into_iter().flatten().filter(|path| path.exists());
        there.next().map(|path| read(path)).transpose()
    }
}

fn write<V: Clone + Serialize>(path: &Path, snapshot: &Snapshot<V>) -> Result<(), Error> {
    let draft = path.with_extension("draft");
    let record = Record::of(snapshot);
    let record = serde_json::to_string(&record)
        .map_err(|error| Error::file(&draft, format!("cannot be written: {error}")))?;
    let tensors = tensors(snapshot);
    let seal = seal(&record, &tensors);
    let metadata = [(RECORD, record), (SEAL, seal)];
    let metadata = metadata.map(|(key, text)| (key.to_string(), text)).into();
    write_safetensors(&draft, &tensors, &metadata)?;
    fs::File::open(&draft)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|error| Error::file(path, error))
}

fn seal(record: &str, tensors: &BTreeMap<String, FloatTensor>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(record.as_bytes());
    for (name, tensor) in tensors {
        hasher.update(name.as_bytes());
        hasher.update(tensor_digest(&tensor.shape, &tensor.values).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Sets of tensors in one file, by what their names begin with.
const GROUPS: [&str; 5] = ["parameters/", "first/", "second/", "best/", "watched/"];

/// The one tensor of the last group.
const WINDOW: &str = "window";

fn tensors<V>(snapshot: &Snapshot<V>) -> BTreeMap<String, FloatTensor> {
    let none = HostParameters::new();
    let (window, _) = snapshot.watched.parts();
    let watched = window.map(|window| (WINDOW.to_string(), window));
    let watched: HostParameters = watched.into_iter().collect();
    let best = snapshot
        .best
        .as_ref()
        .map_or(&none, |best| &best.parameters);
    let groups = [
        &snapshot.parameters,
        &snapshot.first_moments,
        &snapshot.second_moments,
        best,
        &watched,
    ];
    let all = GROUPS.iter().zip(groups).flat_map(|(group, tensors)| {
        tensors
            .iter()
            .map(move |(name, tensor)| (format!("{group}{name}"), tensor.clone()))
    });
    all.collect()
}

fn read<V: DeserializeOwned>(path: &Path) -> Result<Snapshot<V>, Error> {
    let damaged = |what: &str| Error::file(path, format!("is no snapshot: {what}"));
    let metadata = read_metadata(path)?;
    let text = metadata.get(RECORD).ok_or_else(|| damaged("no record"))?;
    let mut tensors = BTreeMap::new();
    for (name, tensor) in checkpoint::read(path)?.tensors {
        let (values, _) = tensor.to_f32(false).map_err(|why| damaged(&why))?;
        let tensor = FloatTensor {
            shape: tensor.shape().to_vec(),
            values: values.to_vec(),
        };
        tensors.insert(name, tensor);
    }
    if metadata.get(SEAL) != Some(&seal(text, &tensors)) {
        return Err(damaged("its contents are not those that were written"));
    }
    let record: Record<V> =
        serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))?;
    let mut groups: [HostParameters; 5] = Default::default();
    for (name, tensor) in tensors {
        let group = GROUPS.iter().position(|group| name.starts_with(group));
        let group = group.ok_or_else(|| damaged(&name))?;
        groups[group].insert(name[GROUPS[group].len()..].to_string(), tensor);
    }
    let [parameters, first_moments, second_moments, best, watched] = groups;
    let history = record.history();
    let watched = Watched::from_parts(watched.get(WINDOW), record.episodes)
        .ok_or_else(|| damaged("its window holds no steps"))?;
    Ok(Snapshot {
        position: record.position,
        parameters,
        first_moments,
        second_moments,
        history,
        best: record.best.map(|record| Best {
            epoch: record.epoch,
            validation: record.validation,
            parameters: best,
        }),
        watched,
    })
}

impl<V: Clone> Record<V> {
    fn of(snapshot: &Snapshot<V>) -> Self {
        let best = snapshot.best.as_ref().map(|best| BestRecord {
            epoch: best.epoch,
            validation: best.validation.clone(),
        });
        let rows = snapshot.history.rows().map(|row| {
            let values = row.iter().map(|(_, value)| value.map(f64::to_bits));
            values.collect()
        });
        Self {
            position: snapshot.position,
            best,
            columns: snapshot.history.columns(),
            rows: rows.collect(),
            episodes: snapshot.watched.parts().1,
        }
    }
}

impl<V> Record<V> {
    fn history(&self) -> History {
        let mut history = History::default();
        for row in &self.rows {
            let values = row.iter().map(|value| value.map(f64::from_bits));
            history.push(self.columns.iter().cloned().zip(values));
        }
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::tests::watched;
    use crate::snapshot::tests::snapshot;
    use crate::validation::Validation;

    #[test]
    fn a_snapshot_reads_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let file = ResumeFile::new(folder.path().join("resume.safetensors"), Duration::ZERO);
        assert_eq!(file.read::<Validation>().unwrap(), None);
        for snapshot in [
            snapshot(),
            Snapshot {
                best: None,
                watched: watched(0),
                ..snapshot()
            },
        ] {
            file.write(&snapshot).unwrap();
            assert_eq!(file.read().unwrap(), Some(snapshot));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_attempt_goes_before_the_end_of_a_shorter_training() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let alone = ResumeFile::new(path("own"), Duration::ZERO);
        alone.bequeath(|| Ok(snapshot())).unwrap();
        assert_eq!(alone.read::<Validation>().unwrap(), None);
        let file = ResumeFile::new(path("own"), Duration::ZERO).with_lineage(Some(path("all")));
        file.bequeath(|| Ok(snapshot())).unwrap();
        assert_eq!(file.read().unwrap(), Some(snapshot()));
        let further = Snapshot {
            best: None,
            ..snapshot()
        };
        file.write(&further).unwrap();
        assert_eq!(file.read().unwrap(), Some(further));
    }

    #[test]
    fn a_file_that_is_no_snapshot_is_told_from_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resume.safetensors");
        fs::write(&path, "half of it").unwrap();
        assert!(
            ResumeFile::new(path, Duration::ZERO)
                .read::<Validation>()
                .is_err()
        );
    }

    #[test]
    fn a_bit_that_flipped_is_not_trained_on_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resume.safetensors");
        let file = ResumeFile::new(path.clone(), Duration::ZERO);
        file.write(&snapshot()).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 4;
            fs::write(&path, &flipped).unwrap();
            assert!(file.read::<Validation>().is_err(), "byte {at}");
        }
    }

    #[test]
    fn it_is_due_after_its_interval() {
        let file = |every| ResumeFile::new("nowhere".into(), every);
        assert!(file(Duration::ZERO).is_due());
        assert!(!file(Duration::from_secs(3600)).is_due());
    }
}
