//! What a store holds beside artifacts: actions, the records of runs, the cache of digests. A store may be of somebody
//! else, or half lost.
//!
//! The first line of an input says which document it is; the document is the rest. Checksums are made to fit.

use std::fs;
use std::path::{Path, PathBuf};

use pipeline_random::Draws;
use pipeline_runner::history;
use pipeline_store::Store;
use pipeline_store::action::{Action, Lookup};
use pipeline_store::digest::Digest;
use pipeline_store::fingerprint::Fingerprint;
use serde_json::{Value, json};

use crate::bytes::{self, overwrite, pick, place};
use crate::json;
use crate::tables::folder_in_memory;

/// The run that every record is of.
const RUN: &str = "20261123T091500Z-0a1b";

/// Documents of a run, by the names of their files.
const RECORDS: [&str; 6] = [
    "summary.json",
    "plan.json",
    "environment.json",
    "resolved.json",
    "recipe.toml",
    "events.jsonl",
];

/// An action whose checksum fits, one as it is, and the cache of digests.
const ACTION: &str = "action";
const EDITED: &str = "edited action";
const CACHE: &str = "stat-cache";

/// How the cache of digests begins.
const CACHE_MAGIC: &[u8] = b"pipeline stat 2\n";

pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let text = |value: Value| serde_json::to_vec_pretty(&value).expect("a document");
    let action = serde_json::to_value(action()).expect("a document");
    let seeds = [
        (ACTION, text(action.clone())),
        (EDITED, sealed(&text(action))),
        (CACHE, cache()),
        ("summary.json", text(summary())),
        ("plan.json", text(plan())),
        ("environment.json", text(environment())),
        (
            "resolved.json",
            text(json!({ "stages": { "a": [1, 2.5, null] } })),
        ),
        ("recipe.toml", b"format = 1\n".to_vec()),
        ("events.jsonl", events().into_bytes()),
    ];
    let seeds = seeds.into_iter().map(|(name, document)| {
        (
            name.to_string(),
            [name.as_bytes(), b"\n", &document].concat(),
        )
    });
    seeds.collect()
}

fn action() -> Action {
    let digest = Digest::of_bytes(b"events").to_string();
    let fingerprint: Fingerprint = serde_json::from_value(json!({
        "format": 1, "kind": "pretrain", "code_version": 3, "seed": 2012, "device": "cpu",
        "fields": { "epochs": 20, "optimizer": { "lr": 1e-4 } },
        "inputs": { "data.events": digest },
    }))
    .expect("a fingerprint");
    serde_json::from_value(json!({
        "key": fingerprint.key(), "fingerprint": fingerprint, "seconds": 1.5,
        "outputs": { "checkpoint": { "digest": digest, "bytes": 6 } },
        "metrics": { "auroc": 0.5, "slope": null, "n": 7 },
    }))
    .expect("an action")
}

fn stage() -> Value {
    json!({
        "name": "test", "kind": "evaluate", "status": "executed", "key": "a", "seconds": 0.25,
        "outputs": { "metrics": { "digest": "b", "bytes": 3, "path": "/x" } },
        "metrics": { "auroc": 0.5, "slope": null }, "error": "stage `test`: no\n  such",
    })
}

fn summary() -> Value {
    json!({
        "started": "2026-11-23T09:15:00Z", "seconds": 2.0, "exit_code": 3,
        "record": {
            "run": RUN, "recipe": "r", "status": "failed", "stages": [stage()],
            "lock": { "drift": [{ "stage": "a", "artifacts": ["x"], "message": "m" }], "notes": [] },
        },
    })
}

fn plan() -> Value {
    let stage = json!({ "name": "a", "kind": "data", "status": "run", "reasons": ["never ran"] });
    json!({ "recipe": "r", "stages": [stage] })
}

fn environment() -> Value {
    json!({
        "versions": { "pipeline": "0.1.0", "rustc": "rustc", "target": "t", "fingerprint": 1, "store": 1 },
        "host": { "name": "h", "cpus": 2, "cpu": null, "os": "Linux" }, "device": "cpu",
    })
}

fn events() -> String {
    let finished = json!({ "time": 1, "event": { "stage-finished": { "record": stage() } } });
    format!("{finished}\n{{\"event\": \"other\"}}\n{finished}\n{{\"cut")
}

/// A file that is remembered in a state that it never had.
fn cache() -> Vec<u8> {
    let path = known_file();
    let path = path.to_str().expect("a path of this repository").as_bytes();
    let length = (path.len() as u64).to_le_bytes();
    [CACHE_MAGIC, &length, path, &[7; 40], &[9; 32]].concat()
}

fn known_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clippy.toml")
}

/// As the store writes JSON: the last member is the digest of all before it.
fn sealed(document: &[u8]) -> Vec<u8> {
    let digest = Digest::of_bytes(document);
    let body = document.strip_suffix(b"\n}").unwrap_or(document);
    [
        body,
        format!(",\n  \"checksum\": \"{digest}\"\n}}").as_bytes(),
    ]
    .concat()
}

pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let (name, document) = parts(input);
    let (theirs, other) = parts(other);
    let name = match draws.below(64) {
        0 => theirs,
        _ => name,
    };
    let document = match name {
        CACHE => {
            let mut document = document.to_vec();
            let at = place(draws, document.len());
            match draws.below(3) {
                0 => bytes::mutate(&document, other, draws),
                _ => {
                    overwrite(&mut document, at, pick(draws, &[1, 4, 8]), draws);
                    document
                }
            }
        }
        "events.jsonl" => line(document, other, draws),
        "recipe.toml" => bytes::mutate(document, other, draws),
        _ => json::mutate(document, other, draws),
    };
    [name.as_bytes(), b"\n", &document].concat()
}

/// One line of several, changed.
fn line(document: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = document
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let at = place(draws, lines.len());
    lines[at] = json::mutate(&lines[at], other, draws);
    lines.join(&b'\n')
}

/// The name of a document and what is in it.
fn parts(input: &[u8]) -> (&str, &[u8]) {
    let end = input
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(input.len());
    let name = std::str::from_utf8(&input[..end]).unwrap_or_default();
    let known = RECORDS.into_iter().chain([ACTION, EDITED, CACHE]);
    let name = known.into_iter().find(|known| *known == name);
    (
        name.unwrap_or("summary.json"),
        input.get(end + 1..).unwrap_or_default(),
    )
}

/// A store with one run and nothing else.
pub struct Documents {
    store: Store,
    truth: Digest,
    _folder: tempfile::TempDir,
}

impl Documents {
    pub fn new() -> Self {
        let folder = folder_in_memory();
        for below in ["actions/v1", "runs"] {
            let made = fs::create_dir_all(folder.path().join(below));
            made.expect("the temporary folder can be written");
        }
        fs::create_dir(folder.path().join("runs").join(RUN)).expect("a new folder");
        Self {
            store: Store::open(folder.path()).expect("a store"),
            truth: Digest::of_file(&known_file()).expect("a file of this repository"),
            _folder: folder,
        }
    }

    /// Whether the store takes the document. Nothing that it takes says what is not so.
    pub fn check(&self, input: &[u8]) -> Result<bool, String> {
        let (name, document) = parts(input);
        match name {
            ACTION => self.action(&sealed(document), true),
            EDITED => self.action(document, false),
            CACHE => self.cache(document),
            _ => self.record(name, document),
        }
    }

    fn action(&self, document: &[u8], is_sealed: bool) -> Result<bool, String> {
        let key = action().key;
        let path = self.store.root().join(format!("actions/v1/{key}.json"));
        write(&path, document)?;
        let found = self.store.lookup(&key);
        let audit = self.store.audit().map_err(|error| error.to_string())?;
        let all = self.store.actions();
        let read = self.store.action(&key);
        match (&found, &read) {
            (Ok(Lookup::Complete(outcome)), _) if outcome.key != key => {
                return Err("the action of another key is found".into());
            }
            // Of an artifact that is not there.
            (Ok(Lookup::Complete(outcome)), _) if !outcome.outputs.is_empty() => {
                return Err("a result is complete without its artifact".into());
            }
            (Ok(Lookup::Complete(_) | Lookup::Incomplete(_)), Ok(action)) => {
                let fits = action.fingerprint.key() == key;
                if !fits && audit.damage.is_empty() && action.fingerprint.format == 1 {
                    return Err("`cache verify` finds nothing wrong with a foreign action".into());
                }
            }
            (Err(error), _) if error.exit_code() != 6 => {
                return Err(format!("not called damage: {error}"));
            }
            _ => {}
        }
        if read.is_ok() != (all.len() == 1) {
            return Err("the list of actions is another one".into());
        }
        if !is_sealed && read.is_ok() && sealed_body(document).is_none() {
            return Err("an edited action is read".into());
        }
        Ok(matches!(
            found,
            Ok(Lookup::Complete(_) | Lookup::Incomplete(_))
        ))
    }

    fn record(&self, name: &str, document: &[u8]) -> Result<bool, String> {
        let folder = self.store.runs_folder().join(RUN);
        for record in RECORDS {
            let _ = fs::remove_file(folder.join(record));
        }
        write(&folder.join(name), document)?;
        let listed = history::list(&self.store, None);
        let shown = history::show(&self.store, "2026");
        let stages = history::stages(&self.store, RUN);
        let executions = history::executions(&self.store);
        let made = history::making_run(&self.store, RUN);
        for error in [
            listed.as_ref().err(),
            shown.as_ref().err(),
            stages.as_ref().err(),
            executions.as_ref().err(),
            made.as_ref().err(),
        ] {
            if let Some(error) = error
                && !error.to_string().contains(name)
            {
                return Err(format!("an error that does not name {name}: {error}"));
            }
        }
        let (Ok(shown), Ok(stages)) = (shown, stages) else {
            return Ok(false);
        };
        let run = &shown.run;
        let counted = run.executed + run.cached + run.failed + run.skipped;
        match counted == stages.len() && shown.stages.len() == stages.len() {
            true => Ok(true),
            false => Err(format!(
                "{counted} stages are counted, {} there",
                stages.len()
            )),
        }
    }

    /// What is remembered of a file in another state says nothing of it.
    fn cache(&self, document: &[u8]) -> Result<bool, String> {
        let sum = *Digest::of_bytes(document).as_bytes();
        write(
            &self.store.root().join("stat-cache"),
            &[document, &sum].concat(),
        )?;
        let digest = self.store.external_digests().digest(&known_file(), false);
        match digest {
            Ok(digest) if digest == self.truth => Ok(true),
            other => Err(format!("the digest of a file is {other:?}")),
        }
    }
}

/// What is before the checksum, if it fits.
fn sealed_body(document: &[u8]) -> Option<Vec<u8>> {
    let at = document
        .windows(14)
        .rposition(|part| part == b",\n  \"checksum\"")?;
    let body = [&document[..at], b"\n}"].concat();
    (sealed(&body) == document).then_some(body)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| error.to_string())
}
