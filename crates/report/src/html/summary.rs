//! The numbers that most people come for.

use maud::{Markup, html};

use super::super::gathered::Gathered;
use pipeline_kinds::evaluate::evaluation::Evaluation;
use pipeline_page::document::Section;
use pipeline_page::number;

pub fn section(gathered: &Gathered) -> Section {
    let (stages, done) = (gathered.stages.len(), gathered.results().count());
    Section {
        id: "summary",
        title: "Summary",
        body: html! {
            @if done == stages {
                p { span class="good" { "Up to date" } ": all " (stages) " stages." }
            } @else {
                p {
                    span class="bad" { "Incomplete" } ": " (done) " of " (stages)
                    " stages are up to date; " a href="#stages" { "why" } "."
                }
            }
            @for (_, stage, result) in gathered.results() {
                @if let Some(evaluation) = &result.read.evaluation {
                    h3 { (stage.name) ": " (evaluation.n) " stays of the " (evaluation.split.name()) " split" }
                    (tiles(evaluation))
                }
            }
        },
    }
}

fn tiles(evaluation: &Evaluation) -> Markup {
    let tiles = [
        ("AUROC", "auroc", evaluation.auroc),
        (
            "Average precision",
            "average_precision",
            evaluation.average_precision,
        ),
        ("Brier score", "brier", evaluation.brier),
        (
            "Calibration slope",
            "calibration_slope",
            evaluation.calibration_slope,
        ),
    ];
    html! {
        ul class="tiles" {
            @for (title, name, value) in tiles {
                @if let Some(value) = value {
                    li {
                        span class="name" { (title) }
                        span class="value" { (format!("{value:.3}")) }
                        @if let Some(range) = number::range(evaluation.intervals.get(name)) {
                            span class="range" { (range) }
                        }
                    }
                }
            }
            li {
                span class="name" { "Positives" }
                span class="value" { (evaluation.positives) }
                span class="range" { "prevalence " (number::float(evaluation.prevalence)) }
            }
        }
    }
}
