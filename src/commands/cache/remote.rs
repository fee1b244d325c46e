//! `pipeline cache push`, `pull`, `keygen`, and `ls --remote`.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::Args;
use serde::Serialize;

use crate::arguments::{ExperimentArguments, Format, Selection};
use crate::display::table::{Align, Table};
use crate::experiment::Experiment;
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{diagnostic, stdout};
use crate::{interrupt, remote};
use pipeline_error::Error;
use pipeline_page::number;
use pipeline_remote::{Listing, Pushed, Remote, Trouble, signature};
use pipeline_runner::{self as runner, Surveyed};
use pipeline_store::Store;
use pipeline_store::action::Lookup;
use pipeline_store::fingerprint::Key;

#[derive(Debug, Args)]
pub struct TransferArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// Stages, with their dependencies [default: all]
    #[arg(value_name = "STAGE")]
    stages: Vec<String>,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// The document of `cache push` and `cache pull` with `--format json`.
#[derive(Debug, Serialize)]
struct TransferRecord<'a> {
    remote: &'a str,
    stages: Vec<StageTransfer>,
}

#[derive(Debug, Serialize)]
struct StageTransfer {
    name: String,
    kind: String,
    status: Transfer,
    /// Bytes of artifacts that were moved.
    bytes: u64,
}

/// What became of a stage's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Transfer {
    Pushed,
    Pulled,
    /// It was where it was to go already.
    There,
    /// Another result was there already, and stays.
    Differs,
    /// Its kind is not put there.
    Withheld,
    /// The store has no result, or the cache has none.
    Absent,
    /// What the cache has is damaged, or not signed as it must be.
    Refused,
}

impl Transfer {
    fn name(self) -> &'static str {
        match self {
            Transfer::Pushed => "pushed",
            Transfer::Pulled => "pulled",
            Transfer::There => "there",
            Transfer::Differs => "differs",
            Transfer::Withheld => "withheld",
            Transfer::Absent => "absent",
            Transfer::Refused => "refused",
        }
    }
}

/// What push and pull share.
struct Transfers {
    selection: Selection,
    stages: Vec<String>,
    format: Format,
    experiment: Experiment,
    store: Store,
    remote: Remote,
    interrupted: &'static AtomicBool,
    done: Vec<StageTransfer>,
    refusals: Vec<Error>,
}

impl Transfers {
    fn open(arguments: TransferArguments) -> Result<Self, Error> {
        let selection = arguments.experiment.validate()?;
        let (experiment, store) = selection.open()?;
        let remote = remote::require(experiment.recipe.remote.as_ref())?;
        Ok(Self {
            selection,
            stages: arguments.stages,
            format: arguments.format,
            experiment,
            store,
            remote,
            interrupted: interrupt::listen(),
            done: Vec::new(),
            refusals: Vec::new(),
        })
    }

    fn survey(&self) -> Result<Vec<Surveyed>, Error> {
        let options = self.selection.looking_at(self.stages.clone());
        runner::survey(&self.experiment.nodes, &options, &self.store)
    }

    fn takes(&self, name: &str) -> bool {
        let mut nodes = self.experiment.nodes.iter();
        let node = nodes.find(|node| node.name == name);
        node.is_some_and(|node| {
            self.remote
                .takes(node.stage.kind(), node.stage.may_hold_patients())
        })
    }

    fn note(&mut self, stage: &Surveyed, status: Transfer, bytes: u64) {
        self.done.push(StageTransfer {
            name: stage.planned.name.clone(),
            kind: stage.planned.kind.clone(),
            status,
            bytes,
        });
    }

    /// How it went; an object that was not taken is not an error to end with at once.
    fn or_refused<T>(&mut self, went: Result<T, Trouble>) -> Result<Option<T>, Error> {
        match went {
            Ok(went) => Ok(Some(went)),
            Err(Trouble::Refused(error)) => {
                self.refusals.push(error);
                Ok(None)
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// Prints what was done; the first refusal is how it ends.
    fn show(self) -> Result<(), Error> {
        let record = TransferRecord {
            remote: self.remote.url(),
            stages: self.done,
        };
        match self.format {
            Format::Json => stdout::print_json(&record)?,
            Format::Human => stdout::print(&table(&record))?,
        }
        let mut refusals = self.refusals.into_iter();
        let Some(first) = refusals.next() else {
            return Ok(());
        };
        refusals.for_each(|error| diagnostic::eprint(&error, Style::stderr()));
        Err(first)
    }
}

/// Puts the results there that the store has of a recipe.
pub fn push(arguments: TransferArguments, verbosity: Verbosity) -> Result<(), Error> {
    let mut transfers = Transfers::open(arguments)?;
    let waiting = || verbosity.note("waiting for another process, which cleans the store");
    let _hold = transfers.store.share(transfers.interrupted, waiting)?;
    for stage in transfers.survey()? {
        let Some(key) = stage.key.filter(|_| stage.outcome.is_some()) else {
            transfers.note(&stage, Transfer::Absent, 0);
            continue;
        };
        if !transfers.takes(&stage.planned.name) {
            transfers.note(&stage, Transfer::Withheld, 0);
            continue;
        }
        let pushed = transfers
            .remote
            .push(&transfers.store, &key, transfers.interrupted);
        let (status, bytes) = match transfers.or_refused(pushed)? {
            Some(Pushed::New { bytes }) => (Transfer::Pushed, bytes),
            Some(Pushed::There) => (Transfer::There, 0),
            Some(Pushed::Differs { .. }) => (Transfer::Differs, 0),
            None => (Transfer::Refused, 0),
        };
        transfers.note(&stage, status, bytes);
    }
    transfers.show()
}

/// Takes the results that the cache has of a recipe and the store has not. Nothing is executed.
pub fn pull(arguments: TransferArguments, verbosity: Verbosity) -> Result<(), Error> {
    let mut transfers = Transfers::open(arguments)?;
    let waiting = || verbosity.note("waiting for another process, which cleans the store");
    let _hold = transfers.store.share(transfers.interrupted, waiting)?;
    // A result tells the keys of the stages that read it.
    loop {
        let known = |stage: &Surveyed, done: &[StageTransfer]| {
            done.iter().any(|one| one.name == stage.planned.name)
        };
        let mut went_on = false;
        for stage in transfers.survey()? {
            if known(&stage, &transfers.done) {
                continue;
            }
            if stage.outcome.is_some() {
                transfers.note(&stage, Transfer::There, 0);
            } else if let Some(key) = stage.key {
                went_on = true;
                let (status, bytes) = pull_one(&mut transfers, &key, verbosity)?;
                transfers.note(&stage, status, bytes);
            }
        }
        if !went_on {
            break;
        }
    }
    for stage in transfers.survey()? {
        if stage.key.is_none() {
            transfers.note(&stage, Transfer::Absent, 0);
        }
    }
    transfers.store.sync_names()?;
    transfers.show()
}

fn pull_one(
    transfers: &mut Transfers,
    key: &Key,
    verbosity: Verbosity,
) -> Result<(Transfer, u64), Error> {
    let store = &transfers.store;
    let work = store.claim(key, transfers.interrupted, |holder| {
        verbosity.note(&format!("waiting for {holder}, which makes this result"));
    })?;
    if let Lookup::Complete(_) = store.lookup(key)? {
        work.remove();
        return Ok((Transfer::There, 0));
    }
    let pulled = transfers.remote.pull(&work, key, transfers.interrupted);
    work.remove();
    Ok(match transfers.or_refused(pulled)? {
        Some(Some(pulled)) => (Transfer::Pulled, pulled.bytes),
        Some(None) => (Transfer::Absent, 0),
        None => (Transfer::Refused, 0),
    })
}

fn table(record: &TransferRecord) -> String {
    let mut table = Table::new(&[
        ("stage", Align::Left),
        ("kind", Align::Left),
        ("result", Align::Left),
        ("size", Align::Right),
    ])
    .yielding(&["kind"]);
    for stage in &record.stages {
        table.push(vec![
            stage.name.as_str().into(),
            stage.kind.as_str().into(),
            stage.status.name().into(),
            match stage.bytes {
                0 => "".into(),
                bytes => number::bytes(bytes).into(),
            },
        ]);
    }
    table.render(Style::stdout())
}

/// The document of `cache ls --remote --format json`.
#[derive(Serialize)]
struct RemoteRecord<'a> {
    remote: &'a str,
    entries: usize,
    blobs: usize,
    bytes: u64,
}

/// Counts what the cache of a recipe, or of the user's settings, holds.
pub fn list(recipe: Option<&Path>, format: Format) -> Result<(), Error> {
    let of_recipe = match recipe {
        Some(path) => Experiment::load(path, &[])?.recipe.experiment.remote,
        None => None,
    };
    let remote = remote::require(of_recipe.as_ref())?;
    let Listing {
        actions,
        blobs,
        bytes,
    } = remote.list()?;
    match format {
        Format::Json => stdout::print_json(&RemoteRecord {
            remote: remote.url(),
            entries: actions,
            blobs,
            bytes,
        }),
        Format::Human => stdout::print(&format!(
            "{}: {actions} results, {blobs} blobs, {}\n",
            remote.url(),
            number::bytes(bytes)
        )),
    }
}

/// Makes a pair of keys and prints where they lie.
pub fn keygen(file: &Path) -> Result<(), Error> {
    let public: PathBuf = signature::generate(file)?;
    stdout::print(&format!(
        "{}: the secret key, for `signing_key`: whoever has it vouches for results\n\
         {}: the public key, for `trusted_keys`\n",
        file.display(),
        public.display()
    ))
}
