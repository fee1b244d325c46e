//! `pipeline selftest`: a device against the CPU.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::arguments::Format;
use crate::device;
use crate::display::selftest_table;
use crate::terminal::stdout;
use crate::terminal::style::Style;
use pipeline_error::Error;
use pipeline_selftest::Check;

#[derive(Debug, Args)]
pub struct SelftestArguments {
    /// cpu, or cuda:N for an NVIDIA GPU
    #[arg(long, default_value = "cpu")]
    device: String,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// The document of `selftest --format json`.
#[derive(Debug, Serialize)]
struct SelftestRecord<'a> {
    device: &'a str,
    passed: bool,
    checks: Vec<CheckRecord<'a>>,
}

#[derive(Debug, Serialize)]
struct CheckRecord<'a> {
    #[serde(flatten)]
    check: &'a Check,
    passed: bool,
}

/// Exit code 0 if every difference is within its tolerance, else that of a stage that failed.
pub fn execute(arguments: SelftestArguments) -> Result<ExitCode, Error> {
    let name = arguments.device;
    device::validate_one(&name)?;
    let checks = pipeline_selftest::run(&device::open(&name)?)?;
    let failed = checks.iter().filter(|check| !check.passed()).count();
    match arguments.format {
        Format::Human => stdout::print(&selftest_table::render(&checks, Style::stdout()))?,
        Format::Json => stdout::print_json(&SelftestRecord {
            device: &name,
            passed: failed == 0,
            checks: checks
                .iter()
                .map(|check| CheckRecord {
                    check,
                    passed: check.passed(),
                })
                .collect(),
        })?,
    }
    match failed {
        0 => Ok(ExitCode::SUCCESS),
        _ => Err(Error::stage(format!(
            "{failed} of {} checks on {name} are beyond their tolerance",
            checks.len()
        ))
        .with_hint("results from this device are not to be trusted: look at its driver, and report the table")),
    }
}
