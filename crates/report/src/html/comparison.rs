//! Runs beside each other.

use maud::{Markup, html};
use serde_json::Value;

use crate::comparison::{Comparison, letter};
use pipeline_metrics::Interval;
use pipeline_page::document::{self, Section};
use pipeline_page::number;
use pipeline_page::table::{Table, code, text};
use pipeline_page::together;

/// The page.
pub fn comparison_page(comparison: &Comparison) -> String {
    let sections = [runs(comparison), metrics(comparison), settings(comparison)];
    document::document("Comparison of runs", &sections).into_string()
}

fn runs(comparison: &Comparison) -> Section {
    let titles = ["letter", "settings", "run", "recipe", "outcome"];
    let mut table = Table::new("Runs, and in what they differ", &titles, &[]);
    for (position, run) in comparison.runs.iter().enumerate() {
        table.push(vec![
            text(letter(position)),
            text(comparison.label(position)),
            code(&run.run),
            text(run.recipe.as_deref().unwrap_or_default()),
            text(run.status.name()),
        ]);
    }
    Section {
        id: "runs",
        title: "Runs",
        body: html! { (table.render()) p { "Differences are from run A." } },
    }
}

fn metrics(comparison: &Comparison) -> Section {
    let mut stages: Vec<&str> = Vec::new();
    for metric in &comparison.metrics {
        if stages.last() != Some(&metric.stage.as_str()) {
            stages.push(&metric.stage);
        }
    }
    let parts = stages.iter().map(|stage| of_stage(comparison, stage));
    Section {
        id: "metrics",
        title: "Metrics",
        body: html! {
            @if stages.is_empty() {
                p class="muted" { "No stage of the same name has metrics that could be compared." }
            } @else if comparison.bootstrap.resamples > 0 {
                p {
                    "Intervals hold " (number::percent(comparison.bootstrap.level)) " of "
                    (comparison.bootstrap.resamples)
                    " resamples of the patients, the same ones for both runs. An interval that excludes 0 is bold."
                }
            }
            @for note in &comparison.notes {
                p { span class="notice" { "Note" } ": " (note) "." }
            }
            (together(parts))
        },
    }
}

/// A row a metric: its values, and how those of the others differ from the first's.
fn of_stage(comparison: &Comparison, stage: &str) -> Markup {
    let runs = comparison.runs.len();
    let metrics = || (comparison.metrics.iter()).filter(|metric| metric.stage == stage);
    let has_interval =
        |position: usize| metrics().any(|metric| metric.interval(position).is_some());
    let mut titles = vec!["metric".to_string()];
    titles.extend((0..runs).map(letter));
    for position in 1..runs {
        let difference = Comparison::difference_title(position);
        let interval = has_interval(position).then(|| format!("interval of {difference}"));
        titles.push(difference);
        titles.extend(interval);
    }
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut table = Table::new(format!("Metrics of {stage}"), &titles, &titles[1..]);
    for metric in metrics() {
        let mut row = vec![text(metric.metric.replace('_', " "))];
        row.extend((0..runs).map(|position| text(metric.shown(position))));
        for position in 1..runs {
            row.push(text(metric.shown_difference(position)));
            if has_interval(position) {
                let interval = metric.interval(position);
                row.push(interval.as_ref().map_or(text(""), marked));
            }
        }
        table.push(row);
    }
    html! { h3 { (stage) } (table.unfolded()) }
}

/// One that does not hold 0 is marked.
fn marked(interval: &Interval) -> Markup {
    let shown = number::signed_range(interval);
    match interval.excludes_zero() {
        true => html! { strong { (shown) } },
        false => text(shown),
    }
}

fn settings(comparison: &Comparison) -> Section {
    let titles = ["path", "run", "value"];
    let mut table = Table::new("Values that differ between the runs", &titles, &[]);
    for difference in &comparison.recipe {
        for (position, value) in difference.values.iter().enumerate() {
            table.push(vec![
                code(&difference.path),
                text(letter(position)),
                match value {
                    Value::Null => text("none"),
                    value => code(value.to_string()),
                },
            ]);
        }
    }
    Section {
        id: "settings",
        title: "Settings",
        body: html! {
            @if comparison.recipe.is_empty() {
                p { "The recipes have the same values." }
            }
            (table.render())
        },
    }
}
