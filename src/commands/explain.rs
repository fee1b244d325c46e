//! `pipeline explain`: a stage beside the nearest earlier result of its kind.

use std::process::ExitCode;

use clap::Args;

use crate::arguments::{ExperimentArguments, Format, Selection};
use crate::display::explanation;
use crate::terminal::stdout;
use crate::terminal::style::Style;
use pipeline_error::Error;
use pipeline_runner as runner;

#[derive(Debug, Args)]
pub struct ExplainArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// The stage, or a derived one like classifier:features
    #[arg(value_name = "STAGE")]
    stage: String,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl ExplainArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Explain, Error> {
        Ok(Explain {
            selection: self.experiment.validate()?,
            stage: self.stage,
            format: self.format,
        })
    }
}

/// [`ExplainArguments`], validated.
pub struct Explain {
    selection: Selection,
    stage: String,
    format: Format,
}

/// Compares; nothing is executed.
pub fn execute(explain: Explain) -> Result<ExitCode, Error> {
    let (experiment, store) = explain.selection.open()?;
    let options = explain.selection.looking_at(vec![]);
    let (name, nodes) = (&experiment.recipe.name, &experiment.nodes);
    let record = runner::explain(name, nodes, &explain.stage, &options, &store)?;
    match explain.format {
        Format::Json => stdout::print_json(&record)?,
        Format::Human => stdout::print(&explanation::render(&record, Style::stdout()))?,
    }
    Ok(ExitCode::SUCCESS)
}
