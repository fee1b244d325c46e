//! The record of a submission in its run's folder: what was asked, and what was submitted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use serde_json::json;

use super::asked::Asked;
use pipeline_cluster::{Entry, JobRecord, Ledger};
use pipeline_error::Error;
use pipeline_runner::record::PlanRecord;
use pipeline_store::Store;
use pipeline_store::fingerprint::{Fingerprint, Key};
use pipeline_store::work::WorkFolder;

/// The document with what was asked.
pub const ASKED: &str = "submission.json";

/// The document with the stages.
const PLAN: &str = "plan.json";

/// The file with what was submitted.
const JOBS: &str = "jobs.jsonl";

/// A submission: a run whose stages are jobs.
pub struct Submission {
    /// The run's id.
    pub run: String,
    /// What was asked.
    pub asked: Asked,
    /// What was submitted.
    pub ledger: Ledger,
    folder: PathBuf,
}

impl Submission {
    /// A new one.
    pub fn new(
        store: &Store,
        asked: Asked,
        private: bool,
        plan: &PlanRecord,
    ) -> Result<Self, Error> {
        let never = AtomicBool::new(false);
        let made = store.start_run(private, &never, || ())?;
        for folder in ["logs", "tasks"] {
            let path = made.path().join(folder);
            fs::create_dir(&path).map_err(|error| Error::file(&path, error))?;
        }
        made.write(PLAN, plan)?;
        // Last: who finds it finds all of it.
        made.write(ASKED, &asked)?;
        Ok(Self {
            run: made.id().into(),
            asked,
            ledger: Ledger::default(),
            folder: store.runs_folder().join(made.id()),
        })
    }

    /// One that nobody writes down.
    pub fn imagined(store: &Store, asked: Asked) -> Self {
        Self {
            run: "RUN".into(),
            folder: store.runs_folder().join("RUN"),
            asked,
            ledger: Ledger::default(),
        }
    }

    /// Says anew how jobs are submitted.
    pub fn ask(&mut self, asked: Asked) -> Result<(), Error> {
        if asked != self.asked {
            self.replace(ASKED, &asked)?;
            self.asked = asked;
        }
        Ok(())
    }

    /// Says anew how the stages stand: the latest step knows which they are.
    pub fn replan(&self, plan: &PlanRecord) -> Result<(), Error> {
        self.replace(PLAN, plan)
    }

    fn replace(&self, name: &str, document: &impl Serialize) -> Result<(), Error> {
        let path = self.folder.join(name);
        let draft = self.folder.join(format!("{name}.draft"));
        let put = || -> io::Result<()> {
            fs::write(&draft, serde_json::to_vec_pretty(document)?)?;
            fs::rename(&draft, &path)
        };
        put().map_err(|error| Error::file(&path, error))
    }

    /// That of a run.
    pub fn open(store: &Store, run: &str) -> Result<Self, Error> {
        let ids = store.run_ids()?;
        let found: Vec<&String> = ids.iter().filter(|id| id.starts_with(run)).collect();
        let submitted = |id: &&String| Self::is_submitted(store, id);
        let found: Vec<&String> = found.into_iter().filter(submitted).collect();
        match found.as_slice() {
            [id] => Self::of(store, id),
            [] => Err(Error::Usage {
                message: format!("no run `{run}` was submitted in this store"),
                hint: Some("`pipeline submit` and `pipeline runs` show the ids of runs".into()),
            }),
            several => Err(Error::Usage {
                message: format!(
                    "{} runs that were submitted begin with `{run}`",
                    several.len()
                ),
                hint: Some(format!("give more of it: {}, …", several[0])),
            }),
        }
    }

    /// The latest of the same experiment that nobody has cancelled.
    pub fn find(store: &Store, asked: &Asked) -> Result<Option<Self>, Error> {
        for id in store.run_ids()? {
            let Some(found) = Self::of_run(store, &id)? else {
                continue;
            };
            if found.asked.is_of(asked) && !found.ledger.cancelled {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// That of the run of exactly this id; none if that was not submitted.
    pub fn of_run(store: &Store, run: &str) -> Result<Option<Self>, Error> {
        match Self::is_submitted(store, run) {
            true => Self::of(store, run).map(Some),
            false => Ok(None),
        }
    }

    /// Whether the run of exactly this id was submitted.
    pub fn is_submitted(store: &Store, run: &str) -> bool {
        store.runs_folder().join(run).join(ASKED).exists()
    }

    fn of(store: &Store, run: &str) -> Result<Self, Error> {
        let folder = store.runs_folder().join(run);
        let path = folder.join(ASKED);
        let asked = fs::read(&path).map_err(|error| Error::file(&path, error))?;
        let asked = serde_json::from_slice(&asked)
            .map_err(|error| Error::file(&path, format!("is no submission: {error}")))?;
        let mut submission = Self {
            run: run.into(),
            asked,
            ledger: Ledger::default(),
            folder,
        };
        submission.reread()?;
        Ok(submission)
    }

    /// Reads again what was submitted.
    pub fn reread(&mut self) -> Result<(), Error> {
        let path = self.folder.join(JOBS);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::file(&path, error)),
        };
        let mut entries = Vec::new();
        for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            match serde_json::from_slice::<Entry>(line) {
                Ok(entry) => entries.push(entry),
                // A crash broke it off before anything followed from it.
                Err(error) if error.is_eof() => {}
                Err(error) => {
                    let what = format!("line {}: {error}", number + 1);
                    return Err(Error::file(&path, what));
                }
            }
        }
        self.ledger = Ledger::of(entries);
        Ok(())
    }

    /// Writes lines down: they are on the disk when this returns.
    pub fn write(&mut self, entries: Vec<Entry>) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let path = self.folder.join(JOBS);
        let written = append(&path, &entries);
        written.map_err(|error| Error::file(&path, error))?;
        entries.into_iter().for_each(|entry| self.ledger.add(entry));
        Ok(())
    }

    /// Keeps all others from submitting jobs of this run, on whichever machine.
    pub fn hold<'a>(
        &self,
        store: &'a Store,
        interrupted: &AtomicBool,
        waiting: impl FnMut(String),
    ) -> Result<WorkFolder<'a>, Error> {
        store.claim(&self.key(), interrupted, waiting)
    }

    /// No stage has it: its kind is none.
    fn key(&self) -> Key {
        Fingerprint {
            format: Fingerprint::FORMAT,
            kind: "submission".into(),
            code_version: 1,
            fields: json!({ "run": self.run }),
            inputs: Default::default(),
            seed: None,
            device: String::new(),
        }
        .key()
    }

    /// Where a task's output goes: of an array `index` is `%a`.
    pub fn log(&self, job: &JobRecord, index: &str) -> PathBuf {
        let name = job.name.strip_prefix(&self.run).unwrap_or(&job.name);
        let name = name.trim_start_matches('-');
        self.folder.join("logs").join(format!("{name}.{index}.log"))
    }

    /// Where the worker of a task says how it stands.
    pub fn note(&self, job: usize, index: usize) -> PathBuf {
        self.folder
            .join("tasks")
            .join(format!("{job}.{index}.json"))
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn append(path: &Path, entries: &[impl Serialize]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(path)?;
    let mut lines = Vec::new();
    if !ends_a_line(&mut file)? {
        lines.push(b'\n');
    }
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    file.write_all(&lines)?;
    file.sync_all()
}

/// A crash may have left half a line.
fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}
