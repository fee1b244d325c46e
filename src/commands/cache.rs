//! `pipeline cache`: what the store holds, whether it is sound, and what can go.

mod gc;
mod remote;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use self::gc::GcArguments;
use self::remote::TransferArguments;
use crate::arguments::Format;
use crate::commands::runs::SharedArguments;
use crate::display::table::{Align, Table};
use crate::terminal::stdout;
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use pipeline_error::Error;
use pipeline_page::number;
use pipeline_store::Store;
use pipeline_store::audit::{Damage, Mending, StoreAudit};

#[derive(Debug, Args)]
pub struct CacheArguments {
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    /// Lists the results in the store, by stage kind
    Ls(LsArguments),
    /// Digests every blob and looks for every artifact; moves damaged files to `damaged/` in the store, so that the
    /// next run makes them again
    Verify {
        /// Remove damaged files, and results that have lost an artifact; exit with 0 if everything is mended
        #[arg(long)]
        repair: bool,

        #[command(flatten)]
        shared: SharedArguments,
    },
    /// Removes files that no result refers to, and unused work folders (an interrupted run resumes from these);
    /// more with the options
    Gc(GcArguments),
    /// Pushes the results of a recipe from the store into the remote cache
    Push(TransferArguments),
    /// Pulls the results of a recipe that the store lacks from the remote cache; executes nothing
    Pull(TransferArguments),
    /// Makes a pair of keys, which sign results in the remote cache and check the signatures
    Keygen {
        /// The file of the secret key; FILE.pub gets the public key
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct LsArguments {
    /// Count the results in the remote cache
    #[arg(long)]
    remote: bool,

    /// The recipe whose [remote] says where that is [default: the user's own settings]
    #[arg(long, value_name = "RECIPE", requires = "remote")]
    recipe: Option<PathBuf>,

    #[command(flatten)]
    shared: SharedArguments,
}

/// Does what the subcommand says.
pub fn execute(arguments: CacheArguments, verbosity: Verbosity) -> Result<ExitCode, Error> {
    match arguments.command {
        CacheCommand::Ls(ls) if ls.remote => {
            remote::list(ls.recipe.as_deref(), ls.shared.format)?;
        }
        CacheCommand::Ls(ls) => list(&ls.shared)?,
        CacheCommand::Verify { repair, shared } => verify(&shared, repair)?,
        CacheCommand::Gc(arguments) => gc::collect(&arguments, verbosity)?,
        CacheCommand::Push(transfer) => remote::push(transfer, verbosity)?,
        CacheCommand::Pull(transfer) => remote::pull(transfer, verbosity)?,
        CacheCommand::Keygen { file } => remote::keygen(&file)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The document of `cache ls --format json`.
#[derive(Debug, Default, Serialize)]
struct CacheRecord {
    kinds: BTreeMap<String, Holding>,
    unreferenced: Holding,
    work: Holding,
    unreadable_actions: usize,
    total: Holding,
}

/// How much there is of something. A blob of several kinds counts in each, and once in all.
#[derive(Debug, Default, Serialize)]
struct Holding {
    /// Actions, or work folders.
    entries: usize,
    blobs: usize,
    bytes: u64,
}

fn list(shared: &SharedArguments) -> Result<(), Error> {
    let inventory = shared.store.open()?.inventory()?;
    let mut record = CacheRecord {
        unreadable_actions: inventory.unreadable.len(),
        ..CacheRecord::default()
    };
    let mut blobs_of_kind: BTreeMap<&str, BTreeSet<_>> = BTreeMap::new();
    for stored in &inventory.actions {
        let kind = stored.action.fingerprint.kind.as_str();
        record.kinds.entry(kind.into()).or_default().entries += 1;
        let outputs = stored.action.outputs.values();
        let blobs = blobs_of_kind.entry(kind).or_default();
        blobs.extend(outputs.map(|artifact| artifact.digest));
    }
    let all: BTreeSet<_> = blobs_of_kind.values().flatten().copied().collect();
    for (kind, digests) in &blobs_of_kind {
        let holding = record.kinds.entry((*kind).into()).or_default();
        for bytes in digests
            .iter()
            .filter_map(|digest| inventory.blobs.get(digest))
        {
            holding.blobs += 1;
            holding.bytes += bytes;
        }
    }
    for (digest, bytes) in &inventory.blobs {
        if !all.contains(digest) {
            record.unreferenced.blobs += 1;
            record.unreferenced.bytes += bytes;
        }
    }
    record.work = Holding {
        entries: inventory.work.len(),
        blobs: 0,
        bytes: inventory.work.iter().map(|work| work.bytes).sum(),
    };
    record.total = Holding {
        entries: inventory.actions.len() + inventory.work.len(),
        blobs: inventory.blobs.len(),
        bytes: inventory.blobs.values().sum::<u64>() + record.work.bytes,
    };
    match shared.format {
        Format::Json => stdout::print_json(&record),
        Format::Human => stdout::print(&holdings(&record)),
    }
}

fn holdings(record: &CacheRecord) -> String {
    let mut table = Table::new(&[
        ("kind", Align::Left),
        ("entries", Align::Right),
        ("blobs", Align::Right),
        ("size", Align::Right),
    ])
    .yielding(&["entries", "blobs"]);
    let kinds = record.kinds.iter().map(|(kind, it)| (kind.as_str(), it));
    let rest = [
        ("(unreferenced)", &record.unreferenced),
        ("(work)", &record.work),
        ("total", &record.total),
    ];
    for (name, holding) in kinds.chain(rest) {
        table.push(vec![
            name.into(),
            holding.entries.to_string().into(),
            holding.blobs.to_string().into(),
            number::bytes(holding.bytes).into(),
        ]);
    }
    table.render(Style::stdout())
}

/// The document of `cache verify --format json`.
#[derive(Serialize)]
struct VerifyRecord<'a> {
    #[serde(flatten)]
    audit: &'a StoreAudit,
    /// What became of it: `moved-aside`, `removed`, `left` while a run goes on.
    damage_is: &'static str,
}

fn verify(shared: &SharedArguments, repair: bool) -> Result<(), Error> {
    let store = shared.store.open()?;
    let mut audit = store.audit()?;
    let mut damage_is = "left";
    if !audit.damage.is_empty()
        && let Some(alone) = store.hold_alone()?
    {
        // Again, now that nobody can have been writing: what was damaged may be sound by now.
        audit = store.audit()?;
        let (mending, told) = match repair {
            true => (Mending::Remove, "removed"),
            false => (Mending::MoveAside, "moved-aside"),
        };
        store.mend(&audit, mending, &alone)?;
        damage_is = told;
    }
    let sound = audit.damage.is_empty();
    if shared.format == Format::Json {
        let audit = &audit;
        stdout::print_json(&VerifyRecord { audit, damage_is })?;
    } else if sound || damage_is == "removed" {
        stdout::print(&format!(
            "{} results, {} blobs, {}: {}\n",
            audit.actions,
            audit.blobs,
            number::bytes(audit.bytes),
            match sound {
                true => "all sound".to_string(),
                false => format!("damage removed\n{}", listed(&audit)),
            }
        ))?;
    }
    if sound || damage_is == "removed" {
        return Ok(());
    }
    Err(Error::Store {
        message: format!("the store is damaged\n{}", listed(&audit)),
        hint: Some(match damage_is {
            "left" => "a run is going on, so nothing was changed: verify again after it".into(),
            _ => format!(
                "{}. Damaged files are in {} until `pipeline cache gc`; --repair removes them",
                remedy(&store, &audit),
                store.damaged_folder().display()
            ),
        }),
    })
}

/// What to do about damage. A run is in the past: nothing makes its record again.
fn remedy(store: &Store, audit: &StoreAudit) -> String {
    let runs = store.runs_folder();
    let is_record = |damage: &&Damage| damage.path.starts_with(&runs);
    let records = audit.damage.iter().filter(is_record).count();
    let again = "run the recipes again: what is lost is made again";
    let lost = "the record of a run is not made again: the history goes on without it";
    match (records, audit.damage.len() - records) {
        (0, _) => again.into(),
        (_, 0) => format!("{lost}, and no result is lost"),
        _ => format!("{again}; {lost}"),
    }
}

fn listed(audit: &StoreAudit) -> String {
    let lines = audit.damage.iter().map(|damage| {
        let lost: Vec<&str> = damage.lost.iter().map(String::as_str).collect();
        let lost = match lost.is_empty() {
            true => String::new(),
            false => format!(" (lost: {})", lost.join(", ")),
        };
        format!("  {}: {}{lost}", damage.path.display(), damage.what)
    });
    lines.collect::<Vec<_>>().join("\n")
}
