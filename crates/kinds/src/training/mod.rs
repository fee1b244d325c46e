//! What pretrain and finetune stages share.

mod checks;
#[macro_use]
mod loop_table;
mod section;
mod stated_optimizer;
mod watched;

use crate::kind::{ReportPart, ReportSection};
use crate::results::{Outputs, StageResults};
use pipeline_error::Error;
use pipeline_train::history::History;
use serde_json::Value;

pub use loop_table::one;
pub use stated_optimizer::StatedOptimizer;
pub use watched::Watched;

/// What people read of a training.
pub fn results(outputs: &Outputs) -> Result<StageResults, Error> {
    let history = outputs.read("history", History::read_parquet)?;
    let metric = |name: &str| outputs.metrics.get(name).and_then(Value::as_f64);
    let solved = history.as_ref().and_then(|history| {
        let kept = ["penalty", "standardised"].map(|name| (name, metric(name)));
        row_with(history, &kept)
    });
    Ok(StageResults {
        kept: metric("best_epoch").or(solved),
        history,
        ..StageResults::default()
    })
}

/// The number of the row that has these values, but for those that are not known.
fn row_with(history: &History, values: &[(&str, Option<f64>)]) -> Option<f64> {
    let known: Vec<_> = (values.iter())
        .filter(|(_, value)| value.is_some())
        .map(|(name, value)| (history.column(name), *value))
        .collect();
    let fits = |row: usize| {
        let mut columns = known.iter();
        columns.all(|(column, value)| column.get(row) == Some(value))
    };
    let numbers = history.column("epoch");
    let row = (0..numbers.len()).find(|row| !known.is_empty() && fits(*row))?;
    numbers[row]
}

/// What a report says of a training.
pub fn report(stage: &str, position: usize, results: &StageResults) -> ReportPart {
    let Some(history) = &results.history else {
        return Ok(None);
    };
    let part = section::of_stage(stage, position, history, results.kept)?;
    Ok(Some((ReportSection::Training, part)))
}
