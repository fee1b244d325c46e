//! A comparison of runs, for people.

use serde_json::Value;

use crate::display::table::{Align, Cell, Table};
use crate::terminal::style::{Style, Tone};
use pipeline_metrics::Interval;
use pipeline_page::number;
use pipeline_report::comparison::{Comparison, letter};

/// What the runs are called, in what their recipes differ, and a row for each metric and later run.
pub fn render(comparison: &Comparison, style: Style) -> String {
    let mut text = String::new();
    for (index, run) in comparison.runs.iter().enumerate() {
        let recipe = run.recipe.as_deref().unwrap_or("?");
        text += &format!(
            "{}  {}  {recipe}\n",
            style.paint(Tone::Strong, &letter(index)),
            run.run
        );
    }
    text += &format!("\n{}", recipes(comparison, style));
    text += &format!("\n{}", metrics(comparison, style));
    for note in &comparison.notes {
        text += &format!("\nnote: {note}\n");
    }
    text
}

fn recipes(comparison: &Comparison, style: Style) -> String {
    if comparison.recipe.is_empty() {
        return "the recipes have the same values\n".into();
    }
    let mut table = Table::new(&[
        ("recipe", Align::Left),
        ("run", Align::Left),
        ("value", Align::Left),
    ])
    .yielding(&["value"]);
    for row in &comparison.recipe {
        for (index, value) in row.values.iter().enumerate() {
            let path = if index == 0 { row.path.as_str() } else { "" };
            let value = match value {
                Value::Null => Cell::new("none", Tone::Faint),
                value => value.to_string().into(),
            };
            table.push(vec![path.into(), letter(index).into(), value]);
        }
    }
    table.render(style)
}

fn metrics(comparison: &Comparison, style: Style) -> String {
    if comparison.metrics.is_empty() {
        return "no stage of the same name has metrics that could be compared\n".into();
    }
    let mut table = Table::new(&[
        ("stage", Align::Left),
        ("metric", Align::Left),
        ("run", Align::Left),
        ("value", Align::Right),
        ("less that of A", Align::Right),
        ("interval", Align::Left),
    ])
    .yielding(&["stage"]);
    for row in &comparison.metrics {
        for index in 0..row.values.len() {
            let names = match index {
                0 => [row.stage.as_str(), row.metric.as_str()],
                _ => ["", ""],
            };
            let difference = row.difference(index).map(number::signed);
            let interval = row.interval(index);
            table.push(vec![
                names[0].into(),
                names[1].into(),
                letter(index).into(),
                row.values[index]
                    .map_or("undefined".into(), number::float)
                    .into(),
                difference.unwrap_or_default().into(),
                interval.as_ref().map_or(Cell::from(""), marked),
            ]);
        }
    }
    let percent = comparison.bootstrap.level * 100.0;
    table.render(style)
        + &match comparison.bootstrap.resamples {
            0 => String::new(),
            resamples => format!(
                "\nintervals: {percent} % of {resamples} resamples of the patients, the same ones for both runs\n"
            ),
        }
}

/// An interval without 0 stands out.
fn marked(interval: &Interval) -> Cell {
    let shown = number::signed_range(interval);
    match interval.excludes_zero() {
        true => Cell::new(shown, Tone::Strong),
        false => shown.into(),
    }
}
