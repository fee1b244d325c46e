//! The simple model beside.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::evaluate::evaluation::{Evaluation, ScoreSummary};
use pipeline_metrics::PairedDifference;
use pipeline_page::number;
use pipeline_page::table::{Table, text};

pub fn part(evaluation: &Evaluation) -> Markup {
    match &evaluation.baseline {
        None => html! {},
        Some(report) => html! {
            h4 { "Baseline" }
            p {
                "Logistic regression on " (report.features) " summary features of a stay, L2 penalty "
                (report.penalty) ", "
                @match report.training_stays {
                    None => "on the same splits",
                    Some(stays) => { "fitted to the same " (stays) " training stays" },
                }
                ". Differences are the model's value minus the baseline's, on the same resamples."
            }
            (table(evaluation, "baseline", &report.scores, &report.differences))
        },
    }
}

/// How the model does beside `other`, whose scores are these.
pub fn table(
    evaluation: &Evaluation,
    other: &str,
    scores: &ScoreSummary,
    differences: &BTreeMap<String, PairedDifference>,
) -> Markup {
    let titles = [
        "metric",
        "model",
        other,
        "difference",
        "interval",
        "model larger in",
    ];
    let mut table = Table::new("Both on the same stays", &titles, &titles[1..]);
    let model = [
        ("AUROC", "auroc", evaluation.auroc),
        (
            "Average precision",
            "average_precision",
            evaluation.average_precision,
        ),
        ("Brier score", "brier", evaluation.brier),
        ("Log loss", "log_loss", evaluation.log_loss),
        (
            "Calibration slope",
            "calibration_slope",
            evaluation.calibration_slope,
        ),
        (
            "Calibration intercept",
            "calibration_intercept",
            evaluation.calibration_intercept,
        ),
        ("ECE", "ece", evaluation.ece),
    ];
    for (title, name, value) in model {
        let float = |value: Option<f64>| text(value.map_or("undefined".into(), number::float));
        let difference = differences.get(name);
        let interval = difference.and_then(|difference| difference.interval);
        let larger = difference.and_then(|difference| difference.share_larger);
        table.push(vec![
            text(title),
            float(value),
            float(scores.value(name)),
            float(difference.map(|difference| difference.difference)),
            text(number::range(interval.as_ref()).unwrap_or_default()),
            text(larger.map(number::percent).unwrap_or_default()),
        ]);
    }
    table.render()
}
