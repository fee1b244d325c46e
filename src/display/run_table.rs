//! Runs of the past, for people.

use crate::display::table::{Align, Cell, Table};
use crate::terminal::style::{Style, Tone};
use pipeline_page::number;
use pipeline_runner::history::{PastRun, PastStatus};
use pipeline_runner::record::{StageRecord, StageStatus};

/// One row a run, with what it measured and what was set.
pub fn render(runs: &[(PastRun, Vec<StageRecord>)], style: Style) -> String {
    let mut table = Table::new(&[
        ("run", Align::Left),
        ("recipe", Align::Left),
        ("status", Align::Left),
        ("time", Align::Right),
        ("measured", Align::Left),
        ("set", Align::Left),
        ("executed", Align::Right),
        ("cached", Align::Right),
        ("failed", Align::Right),
        ("skipped", Align::Right),
    ])
    .yielding(&[
        "skipped", "failed", "cached", "executed", "time", "set", "recipe", "measured",
    ]);
    for (run, stages) in runs {
        table.push(vec![
            run.run.as_str().into(),
            run.recipe.as_deref().unwrap_or("?").into(),
            status(run.status),
            run.seconds.map(number::duration).unwrap_or_default().into(),
            measured(stages).into(),
            run.set.join(" ").into(),
            run.executed.to_string().into(),
            run.cached.to_string().into(),
            run.failed.to_string().into(),
            run.skipped.to_string().into(),
        ]);
    }
    table.render(style)
}

/// The main metric of what was evaluated: of several evaluations the last, and how many there are.
fn measured(stages: &[StageRecord]) -> String {
    let mut values = stages
        .iter()
        .filter(|stage| stage.kind == "evaluate")
        .filter_map(|stage| {
            let mut metrics = MAIN_METRICS.iter();
            let found = metrics.find_map(|(name, title)| Some((title, stage.metrics.get(*name)?)));
            let (title, value) = found?;
            Some(format!("{} {title} {}", stage.name, number::metric(value)?))
        });
    let Some(last) = values.next_back() else {
        return String::new();
    };
    match values.count() {
        0 => last,
        others => format!("{last}, and {others} more"),
    }
}

/// Metrics that an evaluation is known by, with their names for people.
const MAIN_METRICS: [(&str, &str); 2] = [("auroc", "AUROC"), ("mae", "MAE")];

/// One row a stage of one run.
pub fn stages(stages: &[StageRecord], style: Style) -> String {
    let mut table = Table::new(&[
        ("stage", Align::Left),
        ("kind", Align::Left),
        ("status", Align::Left),
        ("time", Align::Right),
        ("key", Align::Left),
    ])
    .yielding(&["key", "time", "kind"]);
    for stage in stages {
        let (text, tone) = match stage.status {
            StageStatus::Executed => ("executed", Tone::Good),
            StageStatus::Cached => ("cached", Tone::Good),
            StageStatus::Failed => ("failed", Tone::Bad),
            StageStatus::Skipped => ("skipped", Tone::Notice),
        };
        table.push(vec![
            stage.name.as_str().into(),
            stage.kind.as_str().into(),
            Cell::new(text, tone),
            number::duration(stage.seconds).into(),
            Cell::new(stage.key.as_deref().unwrap_or_default(), Tone::Faint),
        ]);
    }
    table.render(style)
}

fn status(status: PastStatus) -> Cell {
    let tone = match status {
        PastStatus::Done => Tone::Good,
        PastStatus::Failed => Tone::Bad,
        PastStatus::Interrupted | PastStatus::Unfinished => Tone::Notice,
    };
    Cell::new(status.name(), tone)
}
