//! How good a model is.

mod baseline;
mod comparisons;
mod curves;
mod operating_points;
mod probabilities;
mod subgroups;
mod target;

use maud::{Markup, html};

use crate::evaluate::evaluation::{Evaluation, EvaluationCurves};
use crate::evaluate::{Headline, ProbabilityHistogram};
use pipeline_error::Error;
use pipeline_metrics::BootstrapSettings;
use pipeline_page::number;
use pipeline_page::table::{Table, number_or, text};

pub use target::of_stage as of_target;

pub fn of_stage(
    stage: &str,
    position: usize,
    evaluation: &Evaluation,
    curves: Option<&EvaluationCurves>,
    probabilities: Option<&ProbabilityHistogram>,
) -> Result<Markup, Error> {
    let figures = match curves {
        Some(curves) => curves::figures(position, evaluation, curves)?,
        None => html! {},
    };
    let histogram = match probabilities {
        Some(probabilities) => probabilities::part(position, probabilities)?,
        None => html! {},
    };
    Ok(html! {
        h3 { (stage) }
        p {
            (evaluation.n) " stays of " (evaluation.subjects) " subjects of the "
            (evaluation.split.name()) " split, " (evaluation.positives) " positive."
            (how_made(evaluation.given, evaluation.models, &evaluation.bootstrap, evaluation.subjects))
            @if let Some(left_out) = Headline::of(evaluation).left_out() { " " (left_out) "." }
        }
        @for caveat in &evaluation.caveats {
            p { strong { (caveat) } }
        }
        h4 { "Metrics" }
        (metrics(evaluation))
        @if let Some(word) = Headline::of(evaluation).calibration {
            p { span class="notice" { "Calibration" } ": " (word) "." }
        }
        (figures)
        (histogram)
        (classes(evaluation))
        (operating_points::part(evaluation))
        (subgroups::part(evaluation))
        (baseline::part(evaluation))
        (comparisons::part(evaluation))
    })
}

/// Who predicted, and how intervals were made.
fn how_made(given: bool, models: usize, bootstrap: &BootstrapSettings, subjects: usize) -> Markup {
    html! {
        @if given {
            " A table gave the predictions; no model of this recipe made them."
        }
        @if models > 1 {
            " The predictions are the means of " (models) " models."
        }
        @if bootstrap.resamples > 0 && subjects > 1 {
            " Intervals hold " (number::percent(bootstrap.level)) " of " (bootstrap.resamples)
            " resamples of the subjects."
        }
    }
}

fn metrics(evaluation: &Evaluation) -> Markup {
    let threshold = format!("at threshold {}", evaluation.threshold);
    let rows = [
        (
            "AUROC",
            "auroc",
            evaluation.auroc,
            "0.5 is chance, 1 perfect",
        ),
        (
            "Average precision",
            "average_precision",
            evaluation.average_precision,
            "the prevalence is chance, 1 perfect",
        ),
        ("Brier score", "brier", evaluation.brier, "0 is perfect"),
        (
            "Log loss",
            "log_loss",
            evaluation.log_loss,
            "in nats, 0 is perfect",
        ),
        (
            "Calibration slope",
            "calibration_slope",
            evaluation.calibration_slope,
            "1 is perfect, less: too extreme",
        ),
        (
            "Calibration intercept",
            "calibration_intercept",
            evaluation.calibration_intercept,
            "0 is perfect, less: too high",
        ),
        (
            "ECE",
            "ece",
            evaluation.ece,
            "expected calibration error, bins of equal width",
        ),
        (
            "ECE, equal mass",
            "ece_equal_mass",
            evaluation.ece_equal_mass,
            "bins of equal size",
        ),
        (
            "Accuracy",
            "accuracy",
            evaluation.accuracy,
            threshold.as_str(),
        ),
        (
            "Sensitivity",
            "sensitivity",
            evaluation.sensitivity,
            threshold.as_str(),
        ),
        (
            "Specificity",
            "specificity",
            evaluation.specificity,
            threshold.as_str(),
        ),
        ("PPV", "ppv", evaluation.ppv, threshold.as_str()),
        ("NPV", "npv", evaluation.npv, threshold.as_str()),
        ("F1", "f1", evaluation.f1, threshold.as_str()),
        (
            "Prevalence",
            "prevalence",
            Some(evaluation.prevalence),
            "share of the positives",
        ),
    ];
    let recalibrated = evaluation
        .recalibrated
        .as_ref()
        .map(|report| &report.scores);
    let titles: &[&str] = match recalibrated {
        Some(_) => &["metric", "value", "interval", "recalibrated", "reading"],
        None => &["metric", "value", "interval", "reading"],
    };
    let mut table = Table::new(
        format!("Measured on the {} split", evaluation.split.name()),
        titles,
        &["value", "interval", "recalibrated"],
    );
    for (title, name, value, reading) in rows {
        let undefined = evaluation.undefined.get(name).map(String::as_str);
        let mut row = vec![
            text(title),
            number_or(value, undefined),
            text(number::range(evaluation.intervals.get(name)).unwrap_or_default()),
        ];
        if let Some(scores) = recalibrated {
            let value = scores.value(name);
            row.push(text(value.map(number::float).unwrap_or_default()));
        }
        row.push(text(reading));
        table.push(row);
    }
    table.render()
}

/// Of more than two classes: each against all others.
fn classes(evaluation: &Evaluation) -> Markup {
    if evaluation.classes.is_empty() {
        return html! {};
    }
    let titles = ["class", "stays", "AUROC", "average precision"];
    let mut table = Table::new("Each class against all others", &titles, &titles[1..]);
    for class in &evaluation.classes {
        let undefined = |name: &str| class.undefined.get(name).map(String::as_str);
        table.push(vec![
            text(class.class.to_string()),
            text(class.n.to_string()),
            number_or(class.auroc, undefined("auroc")),
            number_or(class.average_precision, undefined("average_precision")),
        ]);
    }
    html! { h4 { "Classes" } (table.render()) }
}
