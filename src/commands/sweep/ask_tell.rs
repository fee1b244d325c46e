//! `pipeline sweep RECIPE --ask-tell`: an optimizer outside asks for variants and is told what came of them.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arguments::Selection;
use crate::commands::sweep::batch::Batch;
use crate::display::progress::Progress;
use crate::experiment::tell_of_exposure;
use crate::interrupt;
use crate::remote::RemoteArguments;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{diagnostic, stdout};
use pipeline_error::Error;
use pipeline_files::UniqueMap;
use pipeline_kinds::{SweepRecipe, SweepVariant};
use pipeline_recipe::sweep_config::{Distribution, SweepObjective};
use pipeline_runner::sweep::record::{Metrics, VariantRecord, VariantStatus};
use pipeline_runner::{self as runner, RunOptions};
use pipeline_stage::Node;
use pipeline_store::Store;
use pipeline_store::digest::Digest;

/// A number from here on that is no integer of 64 bits may stand for an integer that was not kept.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// How long a wait for a line may hide that the user asked to stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// The first line: what is to be searched.
#[derive(Serialize)]
struct Opening<'a> {
    recipe: &'a str,
    objective: &'a SweepObjective,
    /// What `[sweep.random]` draws from, by path.
    space: BTreeMap<&'a str, &'a Distribution>,
}

/// A line of standard input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Given back with the answer.
    id: Value,
    /// Values by path.
    overrides: UniqueMap<Value>,
}

/// A line of standard output: the answer to one request.
#[derive(Serialize)]
struct Answer {
    id: Value,
    /// `done`, `failed`, `unfinished`, or `refused`: it is no recipe, and nothing ran.
    status: &'static str,
    variant: Option<String>,
    objective: Option<f64>,
    metrics: Metrics<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Answers requests until standard input ends. Those that have come while others ran are one batch.
pub fn execute(
    selection: &Selection,
    options: RunOptions,
    remote: &RemoteArguments,
    verbosity: Verbosity,
) -> Result<ExitCode, Error> {
    let mut sweep = SweepRecipe::open(&selection.recipe, &selection.overrides)?;
    tell_of_exposure(&sweep.exposure, verbosity);
    let store = Store::open(&selection.store)?;
    let options = RunOptions {
        private: sweep.exposure.holds_environment,
        remote: remote.open(sweep.remote.as_ref())?,
        ..options
    };
    let interrupted = interrupt::listen();
    let space = sweep.config.random.iter().flat_map(|random| &random.draw);
    stdout::print_json_line(&Opening {
        recipe: &sweep.name,
        objective: &sweep.config.objective,
        space: space.map(|(path, from)| (path.as_str(), from)).collect(),
    })?;
    let requests = listen();
    let mut inputs = Inputs::default();
    while let Some(lines) = next(&requests, interrupted)? {
        let mut asked: Vec<(Value, SweepVariant)> = Vec::new();
        for line in lines {
            match understood(&mut sweep, &line) {
                Ok(request) => asked.push(request),
                Err(answer) => stdout::print_json_line(&answer)?,
            }
        }
        if !asked.is_empty() {
            let (ids, variants): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            let batch = Batch::of(&sweep, variants)?;
            inputs.check(&batch.nodes, &store)?;
            answer(ids, &batch, &options, &store, interrupted, verbosity)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Lines of standard input as they come, or why they cannot be read any further.
fn listen() -> Receiver<io::Result<Vec<u8>>> {
    let (line, lines) = mpsc::channel();
    // It ends with the input, or with the process.
    thread::spawn(move || {
        let read = io::stdin().lock().split(b'\n');
        let is_blank = |read: &io::Result<Vec<u8>>| {
            (read.as_ref()).is_ok_and(|text| text.iter().all(u8::is_ascii_whitespace))
        };
        for text in read.filter(|read| !is_blank(read)) {
            let ends = text.is_err();
            if line.send(text).is_err() || ends {
                break;
            }
        }
    });
    lines
}

/// What has been asked since; none at the end of the input.
fn next(
    requests: &Receiver<io::Result<Vec<u8>>>,
    interrupted: &AtomicBool,
) -> Result<Option<Vec<Vec<u8>>>, Error> {
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        match requests.recv_timeout(PATIENCE) {
            Ok(first) => {
                let all = [first].into_iter().chain(requests.try_iter());
                let all: io::Result<Vec<Vec<u8>>> = all.collect();
                return all.map(Some).map_err(|error| {
                    Error::stage(format!("standard input cannot be read: {error}"))
                });
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// The `id` of a line that is no request, if it has one.
fn id_of(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    value.get("id").cloned().unwrap_or_default()
}

/// The beginning of a line.
fn shown(line: &str) -> String {
    const MOST: usize = 200;
    let start: String = line.chars().take(MOST).collect();
    match start.len() < line.len() {
        true => format!("{start}…"),
        false => start,
    }
}

fn understood(sweep: &mut SweepRecipe, bytes: &[u8]) -> Result<(Value, SweepVariant), Box<Answer>> {
    // Of a line that is not UTF-8, for its id and for messages.
    let line = &String::from_utf8_lossy(bytes);
    let refused = |id, error| {
        Box::new(Answer {
            id,
            status: "refused",
            variant: None,
            objective: None,
            metrics: BTreeMap::new(),
            error: Some(error),
        })
    };
    let request: Request = serde_json::from_slice(bytes).map_err(|error| {
        let form = "{\"id\": 1, \"overrides\": {\"PATH\": VALUE}}";
        let id = id_of(line);
        let unnamed = match id {
            Value::Null => format!(
                "; it has no `id` to answer to, so this is the answer to the line {}",
                shown(line)
            ),
            _ => String::new(),
        };
        refused(id, format!("a request is a line {form}: {error}{unnamed}"))
    })?;
    let unanswerable = match &request.id {
        id if id.is_null() => {
            Some("the `id` of a request must not be null: it is what the answer is known by")
        }
        id if id.is_f64() && id.as_f64().is_some_and(|id| id.abs() >= EXACT) => Some(
            "the `id` of a request is beyond 64 bits, and could not be repeated: write it as text",
        ),
        _ => None,
    };
    if let Some(error) = unanswerable {
        return Err(refused(
            Value::Null,
            format!("{error}; this is the answer to the line {}", shown(line)),
        ));
    }
    match sweep.asked(&request.overrides.0) {
        Ok(variant) => Ok((request.id, variant)),
        Err(error) => {
            let mistakes = diagnostic::records(&error).into_iter();
            let mistakes: Vec<String> = mistakes.map(|record| record.message).collect();
            Err(refused(request.id, mistakes.join("\n")))
        }
    }
}

/// Digests of what variants read outside the store, by place and whether it is data.
#[derive(Default)]
struct Inputs(BTreeMap<(PathBuf, bool), Digest>);

impl Inputs {
    /// Fails if one was something else when an earlier request was answered: an optimizer would compare answers of
    /// different data. A file that cannot be read is the run's to tell.
    fn check(&mut self, nodes: &[Node], store: &Store) -> Result<(), Error> {
        let digests = store.external_digests();
        // Variants share what they read.
        let mut read = BTreeMap::new();
        for input in nodes.iter().flat_map(|node| node.stage.external_inputs()) {
            read.entry((input.path, input.of_data))
                .or_insert(input.field);
        }
        for (place, field) in read {
            let Ok(now) = digests.digest(&place.0, place.1) else {
                continue;
            };
            let before = self.0.get(&place).copied();
            if before.is_some_and(|before| before != now) {
                let what = format!("({field}) changed since an earlier request was answered");
                let hint = "its answers and those to come are of different data: begin a new study";
                return Err(Error::file(&place.0, what).with_hint(hint));
            }
            self.0.insert(place, now);
        }
        // The run that follows need not read them again.
        digests.save();
        Ok(())
    }
}

fn answer(
    ids: Vec<Value>,
    batch: &Batch,
    options: &RunOptions,
    store: &Store,
    interrupted: &AtomicBool,
    verbosity: Verbosity,
) -> Result<(), Error> {
    let progress = Progress::stderr(verbosity);
    let outcome = runner::run(
        &batch.recipe,
        &batch.nodes,
        options,
        &|| Ok(Vec::new()),
        store,
        interrupted,
        &|events| {
            progress.show(events);
        },
    )?;
    let (show, objective) = batch.ran(&outcome.record);
    for (id, variant) in ids.into_iter().zip(show.variants) {
        stdout::print_json_line(&Answer::of(id, variant))?;
    }
    match outcome.error {
        Some(error @ (Error::Interrupted | Error::Store { .. })) => Err(error),
        _ => objective,
    }
}

impl Answer {
    fn of(id: Value, variant: VariantRecord) -> Self {
        Self {
            id,
            status: match variant.status {
                VariantStatus::Done => "done",
                VariantStatus::Failed => "failed",
                VariantStatus::Unfinished => "unfinished",
            },
            variant: Some(variant.name),
            objective: variant.objective,
            metrics: variant.metrics,
            error: variant.error,
        }
    }
}
