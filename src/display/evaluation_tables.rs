//! What the evaluations of a run measured, for people: a table for classes and labels, and one for numbers.

use serde_json::Value;

use crate::display::table::{Align, Cell, Table};
use crate::terminal::style::{Style, Tone};
use pipeline_page::number;
use pipeline_runner::record::{RunRecord, StageRecord, StageStatus};

/// What a table shows of an evaluation: (name in the record, heading).
type Columns = &'static [(&'static str, &'static str)];

/// Of classes and labels.
const CLASSES: Columns = &[
    ("auroc", "AUROC"),
    ("average_precision", "average precision"),
    ("brier", "Brier"),
    ("n", "n"),
    ("positives", "positives"),
];

/// Of numbers, `mae` and `rmse` in their unit.
const NUMBERS: Columns = &[("mae", "MAE"), ("rmse", "RMSE"), ("r2", "R²"), ("n", "n")];

/// Columns that a narrow terminal does without, the first to go first.
const YIELDING: [&str; 5] = ["n", "positives", "Brier", "average precision", "RMSE"];

/// Whether a table has this metric of the stage.
pub fn has(stage: &StageRecord, metric: &str) -> bool {
    let columns = match is_of_numbers(stage) {
        true => NUMBERS,
        false => CLASSES,
    };
    stage.kind == "evaluate" && columns.iter().any(|(name, _)| *name == metric)
}

/// The tables that have a row.
pub fn render(run: &RunRecord, style: Style) -> Vec<String> {
    let has_result = |stage: &&StageRecord| {
        stage.kind == "evaluate"
            && matches!(stage.status, StageStatus::Executed | StageStatus::Cached)
    };
    let (numbers, classes): (Vec<_>, Vec<_>) =
        (run.stages.iter().filter(has_result)).partition(|stage| is_of_numbers(stage));
    let tables = [(CLASSES, classes), (NUMBERS, numbers)].into_iter();
    let tables = tables.filter(|(_, stages)| !stages.is_empty());
    tables
        .map(|(columns, stages)| table(columns, &stages, style))
        .collect()
}

/// Only numbers have an error in their unit.
fn is_of_numbers(stage: &StageRecord) -> bool {
    stage.metrics.contains_key("mae")
}

fn table(columns: Columns, stages: &[&StageRecord], style: Style) -> String {
    let mut heading = vec![("evaluation", Align::Left)];
    heading.extend(columns.iter().map(|(_, title)| (*title, Align::Right)));
    let mut table = Table::new(&heading).yielding(&YIELDING);
    for stage in stages {
        let mut row = vec![Cell::from(stage.name.as_str())];
        row.extend(columns.iter().map(|(name, _)| {
            let value = stage.metrics.get(*name).unwrap_or(&Value::Null);
            // Of several labels there is no one count.
            let text = match (*name, value) {
                ("positives", Value::Null) => None,
                _ => number::metric(value),
            };
            Cell::new(text.unwrap_or_default(), Tone::Strong)
        }));
        table.push(row);
    }
    table.render(style)
}
