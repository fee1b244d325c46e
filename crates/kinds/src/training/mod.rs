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
    Ok(StageResults {
        history: outputs.read("history", History::read_parquet)?,
        kept: outputs.metrics.get("best_epoch").and_then(Value::as_f64),
        ..StageResults::default()
    })
}

/// What a report says of a training.
pub fn report(stage: &str, position: usize, results: &StageResults) -> ReportPart {
    let Some(history) = &results.history else {
        return Ok(None);
    };
    let part = section::of_stage(stage, position, history, results.kept)?;
    Ok(Some((ReportSection::Training, part)))
}
