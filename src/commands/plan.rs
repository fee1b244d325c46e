//! `pipeline plan`: what would run and why.

use std::process::ExitCode;

use clap::Args;

use crate::arguments::{ExperimentArguments, Format, Selection};
use crate::display::{lines, plan_table};
use crate::experiment::{memory_line, tell_of_exposure};
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{stderr, stdout};
use pipeline_error::Error;
use pipeline_runner::record::{OutputRecord, PlanRecord, PlannedStatus};
use pipeline_runner::{self as runner, Surveyed};
use pipeline_store::Store;

#[derive(Debug, Args)]
pub struct PlanArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// Stages to plan, with their dependencies [default: all]
    #[arg(value_name = "STAGE")]
    stages: Vec<String>,

    /// Exit with 5 if anything would run
    #[arg(long)]
    check: bool,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl PlanArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Plan, Error> {
        Ok(Plan {
            selection: self.experiment.validate()?,
            targets: self.stages,
            check: self.check,
            format: self.format,
        })
    }
}

/// [`PlanArguments`], validated.
pub struct Plan {
    selection: Selection,
    targets: Vec<String>,
    check: bool,
    format: Format,
}

/// Plans; with `--check`, being out of date is an error.
pub fn execute(plan: Plan, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let (experiment, store) = plan.selection.open()?;
    experiment.tell_of_sweep(&plan.selection, verbosity);
    tell_of_exposure(&experiment.recipe.exposure, verbosity);
    let options = plan.selection.looking_at(plan.targets);
    let surveyed = runner::survey(&experiment.nodes, &options, &store)?;
    let record = PlanRecord::of(&experiment.recipe.name, &surveyed);
    if verbosity == Verbosity::Verbose {
        tell_results(&surveyed, &store);
    }
    match plan.format {
        Format::Json => stdout::print_json(&record)?,
        Format::Human => {
            let table = plan_table::render(&record, Style::stdout());
            stdout::print(&(table + &memory_line(&experiment.recipe)))?;
        }
    }
    match out_of_date(&record) {
        names if plan.check && !names.is_empty() => Err(Error::OutOfDate {
            message: format!("out of date: {}", names.join(", ")),
        }),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The key of every stage, as far as it is known, and where its artifacts lie.
fn tell_results(surveyed: &[Surveyed], store: &Store) {
    for stage in surveyed {
        let key = stage
            .key
            .map_or("not known yet".into(), |key| key.to_string());
        let outcome = stage.outcome.as_ref();
        let outputs = outcome.map(|outcome| OutputRecord::all_of(&outcome.outputs, store));
        let outputs = outputs.unwrap_or_default();
        for line in lines::result(&stage.planned.name, Some(&key), &outputs, Style::stderr()) {
            stderr::print(&format!("{line}\n"));
        }
    }
}

/// Names of the stages that are not up to date.
fn out_of_date(record: &PlanRecord) -> Vec<&str> {
    let stages = record.stages.iter();
    stages
        .filter(|stage| stage.status != PlannedStatus::Cached)
        .map(|stage| stage.name.as_str())
        .collect()
}
