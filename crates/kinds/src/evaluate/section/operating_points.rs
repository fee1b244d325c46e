//! What thresholds make of the stays.

use maud::{Markup, html};

use crate::evaluate::evaluation::{Evaluation, OperatingPoint};
use pipeline_metrics::{Interval, ThresholdRule};
use pipeline_page::number;
use pipeline_page::table::{Table, number_or, text};

pub fn part(evaluation: &Evaluation) -> Markup {
    if evaluation.operating_points.is_empty() {
        return html! {};
    }
    let titles = [
        "threshold chosen by",
        "on",
        "threshold",
        "sensitivity",
        "specificity",
        "PPV",
        "NPV",
        "TP",
        "FP",
        "TN",
        "FN",
    ];
    let mut table = Table::new(
        "Thresholds, and what they make of the stays",
        &titles,
        &titles[2..],
    );
    for point in &evaluation.operating_points {
        let number = |name: &str, value: Option<f64>| {
            let undefined = point
                .undefined
                .get(name)
                .or(point.undefined.get("threshold"));
            match value {
                Some(value) => with_range(value, point.intervals.get(name)),
                None => number_or(None, undefined.map(String::as_str)),
            }
        };
        let mut row = vec![
            text(rule(point)),
            text(point.chosen_on.map_or("", |split| split.name())),
            number("threshold", point.threshold),
            number("sensitivity", point.sensitivity),
            number("specificity", point.specificity),
            number("ppv", point.ppv),
            number("npv", point.npv),
        ];
        let counts = point.confusion.map(|table| {
            [
                table.true_positives,
                table.false_positives,
                table.true_negatives,
                table.false_negatives,
            ]
        });
        match counts {
            Some(counts) => row.extend(counts.map(|count| text(count.to_string()))),
            None => row.extend((0..4).map(|_| text(""))),
        }
        table.push(row);
    }
    html! { h4 { "Operating points" } (table.render()) }
}

fn rule(point: &OperatingPoint) -> String {
    match point.rule {
        ThresholdRule::Fixed { .. } => "the recipe".into(),
        ThresholdRule::Sensitivity { target } => format!("sensitivity {target}"),
        ThresholdRule::Specificity { target } => format!("specificity {target}"),
        ThresholdRule::Youden {} => "Youden's index".into(),
    }
}

fn with_range(value: f64, interval: Option<&Interval>) -> Markup {
    html! {
        (number::float(value))
        @if let Some(interval) = interval {
            br;
            span class="muted" { (number::range(Some(interval)).unwrap_or_default()) }
        }
    }
}
