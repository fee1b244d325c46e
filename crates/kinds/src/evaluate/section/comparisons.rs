//! The models of other stages beside.

use maud::{Markup, html};

use super::baseline::table;
use crate::evaluate::evaluation::Evaluation;

pub fn part(evaluation: &Evaluation) -> Markup {
    html! {
        @for report in &evaluation.comparisons {
            h4 { "Beside " (report.with) }
            p {
                "Differences are this model's value minus that of " (report.with)
                ", on the same resamples of the same stays."
            }
            (table(evaluation, &report.with, &report.scores, &report.differences))
        }
    }
}
