//! How good predictions of numbers or of several labels are.

use maud::{Markup, html};

use super::{baseline, how_made};
use crate::evaluate::Headline;
use crate::evaluate::evaluation::{Beside, TargetEvaluation, TargetScores};
use pipeline_data::config::Task;
use pipeline_page::number;
use pipeline_page::table::{Table, number_or, text};

/// What a metric's name stands for, and which value is good.
const METRICS: [(&str, &str, &str); 12] = [
    ("mae", "MAE", "in the target's unit; 0 is perfect"),
    ("rmse", "RMSE", "in the target's unit; 0 is perfect"),
    ("r2", "R²", "0 is the mean, 1 perfect"),
    ("bias", "Mean error", "predicted − observed; 0 is perfect"),
    (
        "auroc",
        "AUROC",
        "mean over the labels; 0.5 is chance, 1 perfect",
    ),
    (
        "average_precision",
        "Average precision",
        "mean over the labels",
    ),
    (
        "micro_auroc",
        "AUROC, micro",
        "all labels of all stays together",
    ),
    (
        "micro_average_precision",
        "Average precision, micro",
        "all labels of all stays together",
    ),
    ("brier", "Brier score", "0 is perfect"),
    ("log_loss", "Log loss", "in nats"),
    (
        "calibration_slope",
        "Calibration slope",
        "observed on predicted; 1 is perfect, less: too extreme",
    ),
    (
        "calibration_intercept",
        "Calibration intercept",
        "of the same line; 0 is perfect",
    ),
];

pub fn of_stage(stage: &str, evaluation: &TargetEvaluation) -> Markup {
    html! {
        h3 { (stage) }
        p {
            "The target " code { (evaluation.target) } ", a " (evaluation.task.name()) ": "
            (evaluation.n) " stays of " (evaluation.subjects) " subjects of the "
            (evaluation.split.name()) " split."
            @if evaluation.without_value > 0 {
                " " (evaluation.without_value) " more stays have no value and are left out."
            }
            (how_made(evaluation.given, evaluation.models, &evaluation.bootstrap, evaluation.subjects))
            @if let Some(left_out) = Headline::of_target(evaluation).left_out() { " " (left_out) "." }
        }
        @for caveat in &evaluation.caveats {
            p { strong { (caveat) } }
        }
        h4 { "Metrics" }
        (metrics(evaluation))
        (calibration(evaluation))
        (labels(evaluation))
        (subgroups(evaluation))
        @if let Some(simple) = &evaluation.baseline {
            h4 { "Baseline" }
            p {
                @match evaluation.task {
                    Task::Regression => { "Ridge regression" },
                    _ => { "Logistic regression, one a label," },
                }
                " on " (simple.features) " summary features of a stay, L2 penalty " (simple.penalty) ", "
                @match simple.training_stays {
                    None => "on the same splits",
                    Some(stays) => { "fitted to the same " (stays) " training stays" },
                }
                "."
            }
            (beside(evaluation, "baseline", &simple.beside))
        }
        @for comparison in &evaluation.comparisons {
            h4 { "Beside " (comparison.with) }
            (beside(evaluation, &comparison.with, &comparison.beside))
        }
    }
}

/// The metrics that there are, in the order of the page.
fn named(
    scores: &TargetScores,
) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let names = METRICS.into_iter();
    names.filter(|(name, ..)| scores.metrics.contains_key(*name))
}

fn value(scores: &TargetScores, name: &str) -> Markup {
    let value = scores.metrics.get(name).copied().flatten();
    number_or(value, scores.undefined.get(name).map(String::as_str))
}

fn interval(scores: &TargetScores, name: &str) -> Markup {
    text(number::range(scores.intervals.get(name)).unwrap_or_default())
}

fn metrics(evaluation: &TargetEvaluation) -> Markup {
    let caption = format!("Measured on the {} split", evaluation.split.name());
    let titles = ["metric", "value", "interval", "meaning"];
    let mut table = Table::new(caption, &titles, &titles[1..3]);
    for (name, title, meaning) in named(&evaluation.scores) {
        table.push(vec![
            text(title),
            value(&evaluation.scores, name),
            interval(&evaluation.scores, name),
            text(meaning),
        ]);
    }
    table.render()
}

fn calibration(evaluation: &TargetEvaluation) -> Markup {
    if evaluation.calibration.is_empty() {
        return html! {};
    }
    let titles = ["stays", "mean predicted", "mean observed", "difference"];
    let mut table = Table::new(
        "Tenths of the stays, by what is predicted",
        &titles,
        &titles,
    );
    for bin in &evaluation.calibration {
        table.push(vec![
            text(bin.n.to_string()),
            text(number::float(bin.mean_predicted)),
            text(number::float(bin.mean_observed)),
            text(number::float(bin.mean_predicted - bin.mean_observed)),
        ]);
    }
    html! { h4 { "Calibration" } (table.render()) }
}

fn labels(evaluation: &TargetEvaluation) -> Markup {
    if evaluation.labels.is_empty() {
        return html! {};
    }
    let titles = [
        "label",
        "stays",
        "AUROC",
        "interval",
        "average precision",
        "interval",
    ];
    let mut table = Table::new("Every label by itself", &titles, &titles[1..]);
    for label in &evaluation.labels {
        table.push(vec![
            text(label.label.clone()),
            text(label.positives.to_string()),
            value(&label.scores, "auroc"),
            interval(&label.scores, "auroc"),
            value(&label.scores, "average_precision"),
            interval(&label.scores, "average_precision"),
        ]);
    }
    html! { h4 { "Labels" } (table.render()) }
}

fn subgroups(evaluation: &TargetEvaluation) -> Markup {
    if evaluation.subgroups.is_empty() {
        return html! {};
    }
    let shown: Vec<_> = named(&evaluation.scores).take(3).collect();
    let first = shown.first().map_or("", |(name, ..)| name);
    let mut titles = vec!["group", "stays"];
    titles.extend(shown.iter().map(|(_, title, _)| *title));
    titles.push("interval of the first");
    let mut table = Table::new("By columns of the table of stays", &titles, &titles[1..]);
    for group in &evaluation.subgroups {
        let mut row = vec![
            text(format!("{}: {}", group.column, group.group)),
            text(group.n.to_string()),
        ];
        row.extend(shown.iter().map(|(name, ..)| value(&group.scores, name)));
        row.push(interval(&group.scores, first));
        table.push(row);
    }
    html! { h4 { "Subgroups" } (table.render()) }
}

/// How the model does beside `other`. Differences are the model's value minus the other's.
fn beside(evaluation: &TargetEvaluation, other: &str, beside: &Beside) -> Markup {
    let rows = named(&evaluation.scores).map(|(name, title, _)| {
        let values = [value(&evaluation.scores, name), value(&beside.scores, name)];
        (title, values, beside.differences.get(name))
    });
    html! {
        p { "Differences are the model's value minus that of " (other) ", on the same resamples of the same stays." }
        (baseline::beside(other, rows))
    }
}
