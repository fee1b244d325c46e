//! What is in a bundle, for people.

use std::fmt::Write;

use crate::display::table::{Align, Cell, Table};
use crate::records::bundle::BundleRecord;
use crate::terminal::style::{Style, Tone};
use pipeline_page::number;

/// One row a file, then what the bundle does and where it came from.
pub fn render(record: &BundleRecord, style: Style) -> String {
    let heading = [
        ("file", Align::Left),
        ("bytes", Align::Right),
        ("digest", Align::Left),
    ];
    let mut table = Table::new(&heading).yielding(&["digest"]);
    for (name, file) in &record.manifest.files {
        let bytes = file.bytes.to_string();
        table.push(vec![
            name.as_str().into(),
            Cell::from(bytes),
            file.digest.as_str().into(),
        ]);
    }
    let mut text = table.render(style);
    text.push('\n');
    for (name, value) in facts(record) {
        let name = style.paint(Tone::Strong, &format!("{name:<13}"));
        let _ = writeln!(text, "{name}  {value}");
    }
    text
}

fn facts(record: &BundleRecord) -> Vec<(&'static str, String)> {
    let from = &record.provenance;
    let model = &record.config.model;
    let names: Vec<&str> = (record.inputs.variables.iter())
        .map(|variable| variable.name.as_str())
        .collect();
    let thresholds = record.thresholds.iter();
    let thresholds = thresholds.map(|threshold| {
        format!(
            "{} from {}",
            threshold.column,
            number::float(threshold.probability)
        )
    });
    let mut facts = vec![
        ("from", format!("stage {} of {}", from.stage, from.recipe)),
        (
            "license",
            from.license.clone().unwrap_or("not stated".into()),
        ),
        ("models", record.config.models.len().to_string()),
        ("classes", model.classifier.num_classes.to_string()),
        (
            "recalibration",
            record.recalibration.clone().unwrap_or("none".into()),
        ),
        ("thresholds", thresholds.collect::<Vec<_>>().join(", ")),
        (
            "variables",
            format!("{}: {}", names.len(), names.join(", ")),
        ),
    ];
    let settings = record.inputs.settings.iter();
    facts.extend(settings.map(|(name, value)| ("inputs", format!("{name} = {value}"))));
    if !record.others.is_empty() {
        facts.push(("no part of it", record.others.join(", ")));
    }
    facts
}
