//! What `diagnose` found.

use maud::{Markup, html};

use super::super::gathered::Gathered;
use super::super::stage_artifacts::Diagnosis;
use super::document::Section;
use super::table::{Table, text};
use super::together;

pub fn section(gathered: &Gathered) -> Option<Section> {
    let parts: Vec<Markup> = gathered
        .results()
        .filter_map(|(_, stage, result)| {
            let diagnosis = result.artifacts.diagnosis.as_ref()?;
            Some(html! { h3 { (stage.name) } (table(&stage.name, diagnosis)) })
        })
        .collect();
    (!parts.is_empty()).then(|| Section {
        id: "diagnosis",
        title: "Diagnosis",
        body: together(parts),
    })
}

fn table(stage: &str, diagnosis: &Diagnosis) -> Markup {
    let titles = [
        "finding",
        "verdict",
        "value",
        "what was found",
        "what to do",
    ];
    let mut table = Table::new(format!("Findings of {stage}"), &titles, &["value"]);
    for finding in &diagnosis.findings {
        table.push(vec![
            text(&finding.name),
            verdict(&finding.verdict),
            text(&finding.value),
            text(&finding.what),
            text(&finding.advice),
        ]);
    }
    table.render()
}

fn verdict(verdict: &str) -> Markup {
    let class = match verdict {
        "ok" => "good",
        "fault" => "bad",
        _ => "notice",
    };
    html! { span class=(class) { (verdict) } }
}
