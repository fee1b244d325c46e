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
    let float = |value: Option<f64>| text(value.map_or("undefined".into(), number::float));
    let rows = model.map(|(title, name, value)| {
        let values = [float(value), float(scores.value(name))];
        (title, values, differences.get(name))
    });
    beside(other, rows)
}

/// A row a metric: its title, its values of the model and of `other`, and how they differ.
pub fn beside<'a>(
    other: &str,
    rows: impl IntoIterator<Item = (&'a str, [Markup; 2], Option<&'a PairedDifference>)>,
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
    for (title, [model, other], difference) in rows {
        let interval = difference.and_then(|difference| difference.interval);
        let larger = difference.and_then(|difference| difference.share_larger);
        let difference = difference.map(|difference| number::float(difference.difference));
        table.push(vec![
            text(title),
            model,
            other,
            text(difference.unwrap_or("undefined".into())),
            text(number::range(interval.as_ref()).unwrap_or_default()),
            text(larger.map(number::percent).unwrap_or_default()),
        ]);
    }
    table.render()
}
