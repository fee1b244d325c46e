//! A comparison of runs, for people.

use serde_json::Value;

use super::super::style::{Style, Tone};
use super::table::{Align, Cell, Table};
use crate::report::comparison::{Comparison, EvaluationComparison};
use crate::report::number;

/// A value longer than this would tear the table apart.
const LONGEST_VALUE: usize = 40;

/// The runs, every evaluation that they share, and what differs in their recipes.
pub fn render(comparison: &Comparison, style: Style) -> String {
    let mut text = runs(comparison, style);
    for evaluation in &comparison.evaluations {
        text += &format!("\n{}", compared(evaluation, style));
    }
    if comparison.evaluations.is_empty() {
        text += "\nthe first run has no evaluation in common with another\n";
    }
    text + "\n" + &settings(comparison, style)
}

fn runs(comparison: &Comparison, style: Style) -> String {
    let mut table = Table::new(&[
        ("", Align::Right),
        ("run", Align::Left),
        ("recipe", Align::Left),
        ("started", Align::Left),
    ])
    .yielding(&["started", "recipe"]);
    for (position, run) in comparison.runs.iter().enumerate() {
        table.push(vec![
            (position + 1).to_string().into(),
            run.run.as_str().into(),
            run.recipe.as_deref().unwrap_or("?").into(),
            run.started.as_str().into(),
        ]);
    }
    table.render(style)
}

fn compared(evaluation: &EvaluationComparison, style: Style) -> String {
    let mut text = format!(
        "{} of {}: {}\n",
        style.paint(Tone::Strong, &evaluation.stage),
        evaluation.run,
        evaluation.stays_in_words()
    );
    if let Some(problem) = &evaluation.problem {
        let words = style.paint(Tone::Bad, "not compared");
        return text + &format!("{words}: {problem}\n");
    }
    let mut table = Table::new(&[
        ("metric", Align::Left),
        ("first", Align::Right),
        ("this", Align::Right),
        ("difference", Align::Right),
        ("interval", Align::Left),
        ("larger in", Align::Right),
    ])
    .yielding(&["larger in", "first", "this"]);
    let float = |value: Option<f64>| value.map_or("undefined".to_string(), number::float);
    for metric in &evaluation.metrics {
        let difference = metric.difference.as_ref();
        let interval = difference.and_then(|difference| difference.interval);
        let interval = interval.map(|interval| {
            let (lower, upper) = (number::float(interval.lower), number::float(interval.upper));
            // An interval that does not hold 0 is what people look for.
            match interval.lower > 0.0 || interval.upper < 0.0 {
                true => Cell::new(format!("{lower} to {upper}"), Tone::Strong),
                false => format!("{lower} to {upper}").into(),
            }
        });
        let larger = difference.and_then(|difference| difference.share_larger);
        table.push(vec![
            metric.name.as_str().into(),
            float(metric.first).into(),
            float(metric.other).into(),
            float(difference.map(|difference| difference.difference)).into(),
            interval.unwrap_or_else(|| "".into()),
            larger
                .map(|share| format!("{:.1} %", 100.0 * share))
                .unwrap_or_default()
                .into(),
        ]);
    }
    text += &table.render(style);
    text
}

fn settings(comparison: &Comparison, style: Style) -> String {
    if comparison.settings.is_empty() {
        return "the recipes, the builds and the machines are the same\n".into();
    }
    let mut table = Table::new(&[
        ("path", Align::Left),
        ("run", Align::Right),
        ("value", Align::Left),
    ])
    .yielding(&["value"]);
    for difference in &comparison.settings {
        for (position, value) in difference.values.iter().enumerate() {
            let path = if position == 0 {
                difference.path.as_str()
            } else {
                ""
            };
            table.push(vec![
                path.into(),
                (position + 1).to_string().into(),
                shown(value).into(),
            ]);
        }
    }
    table.render(style)
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".into(),
        value => value.to_string(),
    };
    match text.chars().count() <= LONGEST_VALUE {
        true => text,
        false => text.chars().take(LONGEST_VALUE).chain(['…']).collect(),
    }
}
