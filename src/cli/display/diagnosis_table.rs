//! What is wrong with models, for people.

use std::fmt::Write;

use super::super::diagnose::NamedDiagnosis;
use super::super::style::{Style, Tone};
use super::table::{Align, Cell, Table};
use crate::stages::diagnosis::{Finding, Verdict};

/// A table of findings for each model, the gravest first, and below it what to do.
pub fn render(diagnoses: &[NamedDiagnosis], style: Style) -> String {
    let texts = diagnoses.iter().map(|named| one(named, style));
    texts.collect::<Vec<_>>().join("\n")
}

fn one(named: &NamedDiagnosis, style: Style) -> String {
    let diagnosis = &named.diagnosis;
    let mut text = format!(
        "{} on {}: {} stays, {} positive\n\n",
        style.paint(Tone::Strong, &named.model),
        diagnosis.split.name(),
        diagnosis.stays,
        diagnosis.positives
    );
    let mut findings: Vec<&Finding> = diagnosis.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    let heading = [
        ("finding", Align::Left),
        ("verdict", Align::Left),
        ("what was seen", Align::Left),
    ];
    let mut table = Table::new(&heading).yielding(&["what was seen"]);
    for finding in &findings {
        table.push(vec![
            finding.name.as_str().into(),
            Cell::new(finding.verdict.name(), tone(finding.verdict)),
            finding.what.as_str().into(),
        ]);
    }
    text += &table.render(style);
    let remedies = findings
        .iter()
        .filter_map(|finding| Some((finding, finding.remedy.as_ref()?)));
    let mut remedies = remedies.peekable();
    if remedies.peek().is_some() {
        text += "\nwhat to do\n";
    }
    for (finding, remedy) in remedies {
        let name = style.paint(tone(finding.verdict), &finding.name);
        let _ = writeln!(text, "  {name}: {remedy}");
    }
    let (faults, warnings) = (
        diagnosis.count(Verdict::Fault),
        diagnosis.count(Verdict::Warning),
    );
    let _ = writeln!(text, "\n{faults} faults, {warnings} warnings");
    text
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Ok => Tone::Good,
        Verdict::Warning => Tone::Notice,
        Verdict::Fault => Tone::Bad,
    }
}
