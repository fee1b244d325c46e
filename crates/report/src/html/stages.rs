//! The graph, and how every stage stands.

use maud::{Markup, PreEscaped, html};

use super::super::gathered::{Gathered, GatheredStage, StageState};
use pipeline_graph::{self as graph, Drawing, Mark};
use pipeline_page::document::Section;
use pipeline_page::number;
use pipeline_page::table::{Table, code, text};

pub fn section(gathered: &Gathered) -> Section {
    Section {
        id: "stages",
        title: "Stages",
        body: html! {
            (table(gathered))
            details {
                summary { "Graph of the stages" }
                div class="scroll" tabindex="0" role="region" aria-label="Graph of the stages" {
                    (picture(gathered))
                }
            }
            (reasons(gathered))
        },
    }
}

fn picture(gathered: &Gathered) -> Markup {
    let mut drawing: Drawing = gathered.drawing.clone();
    for node in &mut drawing.nodes {
        let stage = gathered.stages.iter().find(|stage| stage.name == node.name);
        node.mark = stage.map(mark);
    }
    // Inside HTML no name space is needed.
    let drawn = graph::svg(&drawing).replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    PreEscaped(drawn)
}

fn mark(stage: &GatheredStage) -> Mark {
    let (class, text) = match &stage.state {
        StageState::UpToDate(result) => ("up-to-date", number::duration(result.action.seconds)),
        StageState::OutOfDate { failure: None, .. } => ("out-of-date", "not up to date".into()),
        StageState::OutOfDate { .. } => ("failed", "failed".into()),
    };
    Mark { class, text }
}

fn table(gathered: &Gathered) -> Markup {
    let titles = ["stage", "kind", "status", "time", "key"];
    let mut table = Table::new("Stages in the order in which they run", &titles, &["time"]);
    for stage in &gathered.stages {
        let (time, key) = match stage.result() {
            Some(result) => (
                number::duration(result.action.seconds),
                result.action.key.to_string(),
            ),
            None => (String::new(), String::new()),
        };
        table.push(vec![
            text(&stage.name),
            text(&stage.kind),
            status(stage),
            text(time),
            code(key.chars().take(16).collect::<String>()),
        ]);
    }
    table.render()
}

/// In words and colour: colour alone would not do.
pub fn status(stage: &GatheredStage) -> Markup {
    match &stage.state {
        StageState::UpToDate(_) => html! { span class="good" { "up to date" } },
        StageState::OutOfDate { failure: None, .. } => {
            html! { span class="notice" { "not up to date" } }
        }
        StageState::OutOfDate { .. } => html! { span class="bad" { "failed" } },
    }
}

/// Why what is missing is missing.
fn reasons(gathered: &Gathered) -> Markup {
    let missing = gathered
        .stages
        .iter()
        .filter_map(|stage| match &stage.state {
            StageState::UpToDate(_) => None,
            StageState::OutOfDate {
                reasons, failure, ..
            } => Some((stage, reasons, failure)),
        });
    let missing: Vec<_> = missing.collect();
    html! {
        @if !missing.is_empty() {
            h3 { "Stages that are not up to date" }
            p { "Nothing of these stages is shown: an older result would be that of other settings or inputs." }
            dl {
                @for (stage, reasons, failure) in missing {
                    dt { (stage.name) ": " (status(stage)) }
                    dd {
                        @if let Some(failure) = failure { p class="message" { (failure) } }
                        @for reason in reasons { p { (reason) } }
                    }
                }
            }
        }
    }
}
