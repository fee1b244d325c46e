//! `pipeline plan`: what would run and why.

use std::process::ExitCode;

use clap::Args;

use super::arguments::{ExperimentArguments, Format, Selection};
use super::display::plan_table;
use super::stdout;
use super::style::Style;
use crate::error::Error;
use crate::exec;
use crate::exec::record::{PlanRecord, PlannedStatus};

#[derive(Debug, Args)]
pub struct PlanArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// Stages to plan, with what they need; left out: all
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
pub fn execute(plan: Plan) -> Result<ExitCode, Error> {
    let (experiment, store) = plan.selection.open()?;
    let options = plan.selection.looking_at(plan.targets);
    let record = exec::plan(&experiment.recipe.name, &experiment.nodes, &options, &store)?;
    match plan.format {
        Format::Json => stdout::print_json(&record)?,
        Format::Human => stdout::print(&plan_table::render(&record, Style::stdout()))?,
    }
    match out_of_date(&record) {
        names if plan.check && !names.is_empty() => Err(Error::OutOfDate {
            message: format!("out of date: {}", names.join(", ")),
        }),
        _ => Ok(ExitCode::SUCCESS),
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
