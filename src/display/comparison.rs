//! A comparison of runs, for people.

use std::borrow::Cow;

use serde_json::Value;

use crate::display::table::{Align, Cell, Table};
use crate::terminal::style::{Style, Tone};
use pipeline_metrics::Interval;
use pipeline_page::number;
use pipeline_report::comparison::{Comparison, letter};

/// What the runs are called, in what their recipes differ, and a row for each metric.
pub fn render(comparison: &Comparison, style: Style) -> String {
    let mut text = String::new();
    for (index, run) in comparison.runs.iter().enumerate() {
        let recipe = run.recipe.as_deref().unwrap_or("?");
        text += &format!(
            "{}  {}  {recipe}  {}\n",
            style.paint(Tone::Strong, &letter(index)),
            run.run,
            comparison.label(index),
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
    let runs = comparison.runs.len();
    let mut heading: Vec<(Cow<str>, Align)> = vec![
        ("stage".into(), Align::Left),
        ("metric".into(), Align::Left),
    ];
    heading.extend((0..runs).map(|index| (letter(index).into(), Align::Right)));
    for index in 1..runs {
        heading.push((Comparison::difference_title(index).into(), Align::Right));
        heading.push(("interval".into(), Align::Left));
    }
    let mut table = Table::with_heading(heading).yielding(&["stage"]);
    let mut before = "";
    let mut has_intervals = false;
    for row in &comparison.metrics {
        let stage = if row.stage == before {
            ""
        } else {
            row.stage.as_str()
        };
        before = &row.stage;
        let mut cells: Vec<Cell> = vec![stage.into(), row.metric.as_str().into()];
        cells.extend((0..runs).map(|index| Cell::from(row.shown(index))));
        for index in 1..runs {
            let interval = row.interval(index);
            has_intervals |= interval.is_some();
            cells.push(row.shown_difference(index).into());
            cells.push(interval.as_ref().map_or(Cell::from(""), marked));
        }
        table.push(cells);
    }
    let percent = comparison.bootstrap.level * 100.0;
    table.render(style)
        + &match comparison.bootstrap.resamples {
            resamples if has_intervals => format!(
                "\nintervals: {percent} % of {resamples} resamples of the patients, the same ones for both runs\n"
            ),
            _ => String::new(),
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
