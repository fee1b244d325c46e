//! The same metrics of parts of the stays.

use maud::{Markup, html};

use crate::evaluate::evaluation::{Evaluation, Subgroup};
use pipeline_page::number;
use pipeline_page::table::{Table, number_or, text};

pub fn part(evaluation: &Evaluation) -> Markup {
    if evaluation.subgroups.is_empty() {
        return html! {};
    }
    let titles = [
        "group",
        "stays",
        "positives",
        "AUROC",
        "interval",
        "average precision",
        "calibration intercept",
    ];
    let mut table = Table::new("By columns of the table of stays", &titles, &titles[1..]);
    for group in &evaluation.subgroups {
        let scores = &group.scores;
        let undefined = |name: &str| scores.undefined.get(name).map(String::as_str);
        table.push(vec![
            text(name(group)),
            text(scores.n.to_string()),
            text(scores.positives.to_string()),
            number_or(scores.auroc, undefined("auroc")),
            text(number::range(scores.intervals.get("auroc")).unwrap_or_default()),
            number_or(scores.average_precision, undefined("average_precision")),
            number_or(
                scores.calibration_intercept,
                undefined("calibration_intercept"),
            ),
        ]);
    }
    html! { h4 { "Subgroups" } (table.render()) }
}

fn name(group: &Subgroup) -> String {
    let column = &group.column;
    match (group.above, group.up_to) {
        (None, None) => format!("{column}: {}", group.group),
        (Some(above), None) => format!("{column} above {above}"),
        (None, Some(up_to)) => format!("{column} up to {up_to}"),
        (Some(above), Some(up_to)) => format!("{column} above {above} up to {up_to}"),
    }
}
