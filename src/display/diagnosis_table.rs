//! What is wrong with models, for people.

use std::fmt::Write;

use crate::display::table::{Align, Cell, Table};
use crate::records::diagnosis::NamedDiagnosis;
use crate::terminal::style::{Style, Tone};
use pipeline_kinds::diagnose::diagnosis::{Finding, Verdict};

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_gravest_comes_first_and_what_to_do_about_it_below() {
        let finding = |name: &str, verdict: &str, what: &str, remedy: Option<&str>| json!({ "name": name, "verdict": verdict, "values": {}, "what": what, "rule": "r", "do": remedy });
        let range = json!({ "mean": 0.0, "std": 0.0, "min": 0.0, "max": 0.0 });
        let nothing = json!({});
        let diagnosis = json!({
            "format": 1, "model": "m", "split": "validation", "stays": 40, "positives": 9,
            "findings": [
                finding("head_weights", "ok", "of ordinary size", None),
                finding("labels", "warning", "the split is too small", Some("take more stays")),
                finding("dead_units", "fault", "7 of 8 are dead", Some("lower the learning rate")),
            ],
            "head": { "parameters": [], "layers": [] },
            "features": { "effective_rank": 0.0, "constant": [], "best": null, "columns": [] },
            "probes": nothing,
            "probabilities": { "range": range, "prevalence": 0.2, "below_fraction": 0.0, "above_fraction": 0.0, "distinct": 40 },
            "gradients": [],
            "posterior": { "sets": 0, "kl": 0.0, "active_units": 0, "dimensions": [] },
            "sensitivity": nothing,
            "reconstruction": [],
        });
        let named = NamedDiagnosis {
            model: "classifier".into(),
            diagnosis: serde_json::from_value(diagnosis).expect("a diagnosis"),
        };
        let expected = "\
classifier on validation: 40 stays, 9 positive

finding       verdict  what was seen
dead_units    fault    7 of 8 are dead
labels        warning  the split is too small
head_weights  ok       of ordinary size

what to do
  dead_units: lower the learning rate
  labels: take more stays

1 faults, 1 warnings
";
        assert_eq!(render(&[named], Style::PLAIN), expected);
    }
}
