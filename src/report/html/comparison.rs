//! Runs beside each other.

use maud::{Markup, html};
use serde_json::Value;

use super::super::comparison::{Comparison, EvaluationComparison};
use super::document::{self, Section};
use super::evaluation::{number_or, percent, range};
use super::table::{Table, code, text};
use super::together;

/// The page.
pub fn comparison_page(comparison: &Comparison) -> String {
    let sections = [
        runs(comparison),
        evaluations(comparison),
        settings(comparison),
    ];
    document::document("Comparison of runs", &sections).into_string()
}

fn runs(comparison: &Comparison) -> Section {
    let mut table = Table::new("Runs", &["run", "recipe", "started", "is"], &[]);
    for (position, run) in comparison.runs.iter().enumerate() {
        table.push(vec![
            code(&run.run),
            text(run.recipe.as_deref().unwrap_or_default()),
            text(&run.started),
            text(if position == 0 {
                "what the others are compared with"
            } else {
                ""
            }),
        ]);
    }
    Section {
        id: "runs",
        title: "Runs",
        body: table.render(),
    }
}

fn evaluations(comparison: &Comparison) -> Section {
    let parts = comparison.evaluations.iter().map(evaluation);
    Section {
        id: "evaluations",
        title: "Evaluations",
        body: html! {
            p {
                "Differences are the run's value minus the first run's, on the stays that both scored. Intervals hold "
                (percent(comparison.bootstrap.level)) " of " (comparison.bootstrap.resamples)
                " resamples of the subjects, the same for both."
            }
            @if comparison.evaluations.is_empty() {
                p class="muted" { "The first run has no evaluation in common with another." }
            }
            (together(parts))
        },
    }
}

fn evaluation(evaluation: &EvaluationComparison) -> Markup {
    let titles = [
        "metric",
        "first",
        "this run",
        "difference",
        "interval",
        "larger in",
    ];
    let caption = format!("{} of {}", evaluation.stage, evaluation.run);
    let mut table = Table::new(caption, &titles, &titles[1..]);
    for metric in &evaluation.metrics {
        let difference = metric.difference.as_ref();
        let interval = difference.and_then(|difference| difference.interval);
        let larger = difference.and_then(|difference| difference.share_larger);
        table.push(vec![
            text(metric.name.replace('_', " ")),
            number_or(metric.first, None),
            number_or(metric.other, None),
            number_or(difference.map(|difference| difference.difference), None),
            text(range(interval.as_ref()).unwrap_or_default()),
            text(larger.map(percent).unwrap_or_default()),
        ]);
    }
    html! {
        h3 { (evaluation.stage) ": " code { (evaluation.run) } }
        p { (evaluation.stays_in_words()) }
        @if let Some(problem) = &evaluation.problem {
            p { span class="bad" { "Not compared" } ": " (problem) "." }
        } @else {
            (table.render())
        }
    }
}

fn settings(comparison: &Comparison) -> Section {
    let mut table = Table::new(
        "Values that are not the same in all runs",
        &["path", "run", "value"],
        &[],
    );
    for difference in &comparison.settings {
        for (run, value) in comparison.runs.iter().zip(&difference.values) {
            table.push(vec![
                code(&difference.path),
                code(&run.run),
                code(shown(value)),
            ]);
        }
    }
    Section {
        id: "settings",
        title: "Settings",
        body: html! {
            @if comparison.settings.is_empty() {
                p { "The recipes, the builds and the machines are the same." }
            } @else {
                (table.render())
            }
        },
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::Number(number) if number.is_f64() => number
            .as_f64()
            .map_or_else(String::new, |number| number.to_string()),
        other => other.to_string(),
    }
}
