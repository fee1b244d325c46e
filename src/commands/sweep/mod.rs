//! `pipeline sweep`: the variants of a recipe with a table `[sweep]`.

mod ask_tell;
pub mod batch;
mod best;
mod frame;
pub mod ladder;
pub mod plan;
pub mod run;
mod show;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::best::BestArguments;
use self::plan::PlanArguments;
use self::show::ShowArguments;
use crate::arguments::{self, Format, Selection, SettingArguments};
use crate::device;
use crate::remote::RemoteArguments;
use crate::terminal::verbosity::Verbosity;
use pipeline_error::Error;
use pipeline_kinds::SweepRecipe;
use pipeline_runner::RunOptions;
use pipeline_store::Store;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SweepArguments {
    #[command(subcommand)]
    command: Option<SweepCommand>,

    /// The recipe, a TOML file with a table [sweep]
    #[arg(required = true)]
    recipe: Option<PathBuf>,

    #[command(flatten)]
    with: SettingArguments,

    /// Stages that may run at the same time [default: 1, or as many as `--device` names]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Threads of the whole sweep; no result depends on it [default: as many as Slurm granted, else the cores that this process may use]
    #[arg(long, value_name = "N", value_parser = arguments::threads)]
    threads: Option<NonZeroUsize>,

    #[command(flatten)]
    remote: RemoteArguments,

    /// Let an optimizer ask for variants: each line of JSON on standard input gets an answer on standard output
    #[arg(long, conflicts_with = "format")]
    ask_tell: bool,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum SweepCommand {
    /// Shows how many stages the variants share and how many are left; executes nothing
    Plan(PlanArguments),
    /// Shows the results of the variants, the best first; executes nothing
    Show(ShowArguments),
    /// Shows the best variant, and writes its recipe; executes nothing
    Best(BestArguments),
}

/// Keys of the stages of all variants, as far as they are known.
pub fn keys_of(selection: &Selection, store: &Store) -> Result<BTreeSet<String>, Error> {
    let sweep = SweepRecipe::open(&selection.recipe, &selection.overrides)?;
    let mut keys = BTreeSet::new();
    ladder::climb(&sweep, |batch| {
        let surveyed = batch.survey(selection, store)?;
        let known = surveyed.iter().filter_map(|stage| stage.key);
        keys.extend(known.map(|key| key.to_string()));
        Ok((batch.stored(selection, store)?, true))
    })?;
    Ok(keys)
}

/// Says that a larger `count` gave fewer variants.
fn tell_of_repeated_draws(sweep: &SweepRecipe, verbosity: Verbosity) {
    let repeated = sweep.repeated_draws();
    if let (1.., Some(random)) = (repeated, &sweep.config.random) {
        verbosity.note(&format!(
            "of {} draws of [sweep.random], {repeated} come to the settings of earlier ones, and give no variant of their own",
            random.count
        ));
    }
}

/// Runs the variants, or does what the subcommand says.
pub fn execute(arguments: SweepArguments, verbosity: Verbosity) -> Result<ExitCode, Error> {
    match arguments.command {
        Some(SweepCommand::Plan(raw)) => plan::execute(raw.validate()?, verbosity),
        Some(SweepCommand::Show(raw)) => show::execute(raw.validate()?, verbosity),
        Some(SweepCommand::Best(raw)) => best::execute(raw.validate()?, verbosity),
        None => {
            // clap lets no recipe be left out here.
            let selection = arguments.with.of(arguments.recipe.unwrap_or_default())?;
            device::require(&selection.device)?;
            let options = RunOptions {
                jobs: (arguments.jobs).map_or(device::count(&selection.device), NonZeroUsize::get),
                threads: (arguments.threads)
                    .map_or(RunOptions::default().threads, NonZeroUsize::get),
                keep_going: true,
                device: selection.device.clone(),
                ..RunOptions::default()
            };
            match arguments.ask_tell {
                true => ask_tell::execute(&selection, options, &arguments.remote, verbosity),
                false => {
                    let remote = &arguments.remote;
                    run::execute(&selection, options, remote, arguments.format, verbosity)
                }
            }
        }
    }
}
