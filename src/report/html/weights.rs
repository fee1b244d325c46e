//! What was loaded, left new, left over, frozen and trained.

use maud::{Markup, html};

use super::super::gathered::Gathered;
use super::super::number;
use super::document::Section;
use super::table::{Table, code, text};
use super::together;
use crate::checkpoint::Audit;
use crate::stages::freeze::FreezeAudit;

pub fn section(gathered: &Gathered) -> Option<Section> {
    let parts = gathered.results().flat_map(|(_, stage, result)| {
        let artifacts = &result.artifacts;
        let import = artifacts.import_audit.as_ref();
        let freeze = artifacts.freeze_audit.as_ref();
        let import = import.map(|audit| imported(&stage.name, audit));
        import
            .into_iter()
            .chain(freeze.map(|audit| frozen(&stage.name, audit)))
    });
    let parts: Vec<Markup> = parts.collect();
    (!parts.is_empty()).then(|| Section {
        id: "weights",
        title: "Weights",
        body: together(parts),
    })
}

fn imported(stage: &str, audit: &Audit) -> Markup {
    let counts = &audit.counts;
    html! {
        h3 { (stage) ": import" }
        p {
            (counts.loaded) " of " (counts.target_parameters) " parameters loaded ("
            (counts.loaded_numbers) " numbers), " (counts.new) " new, " (counts.ignored)
            " tensors of the source left over, as the recipe declares. Source: "
            code { (audit.file) } "."
        }
        @for note in audit.renamings.iter().chain(&audit.notes) { p class="muted" { (note) } }
        (loaded(stage, audit))
        (declared(stage, audit))
    }
}

fn loaded(stage: &str, audit: &Audit) -> Markup {
    let titles = [
        "parameter",
        "from",
        "shape",
        "mean",
        "std",
        "digest",
        "note",
    ];
    let caption = format!("Parameters that {stage} loaded");
    let mut table = Table::new(caption, &titles, &["mean", "std"]);
    for loaded in &audit.loaded {
        let from = match loaded.source == loaded.target {
            true => "the same name",
            false => &loaded.source,
        };
        let float = |value: Option<f64>| text(value.map(number::float).unwrap_or_default());
        let flags: Vec<&str> = loaded.flags.iter().map(|flag| flag.words()).collect();
        table.push(vec![
            code(&loaded.target),
            code(from),
            text(shape(&loaded.shape)),
            float(loaded.statistics.mean),
            float(loaded.statistics.std),
            code(short(&loaded.digest)),
            text(flags.join(", ")),
        ]);
    }
    table.render()
}

/// What was missing and what was left over, with the pattern that allows it.
fn declared(stage: &str, audit: &Audit) -> Markup {
    let titles = ["tensor", "is", "declared by"];
    let caption = format!("Tensors that {stage} left new or ignored");
    let mut table = Table::new(caption, &titles, &[]);
    for new in &audit.new {
        table.push(vec![code(&new.target), text("new"), code(&new.pattern)]);
    }
    for ignored in &audit.ignored {
        table.push(vec![
            code(&ignored.tensor.name),
            text("ignored"),
            code(&ignored.pattern),
        ]);
    }
    table.render()
}

fn frozen(stage: &str, audit: &FreezeAudit) -> Markup {
    let titles = ["parameter", "shape", "state", "digest"];
    let caption = format!("Parameters after {stage}");
    let mut table = Table::new(caption, &titles, &[]);
    for entry in &audit.parameters {
        let state = match (entry.trainable, entry.new) {
            (true, true) => "trainable, new",
            (true, false) => "trainable",
            (false, _) => "frozen",
        };
        table.push(vec![
            code(&entry.name),
            text(shape(&entry.shape)),
            text(state),
            code(entry.digest.as_deref().map(short).unwrap_or_default()),
        ]);
    }
    html! {
        h3 { (stage) ": freeze" }
        p {
            (audit.trainable_numbers) " numbers are trainable, "
            (number::percent(audit.trainable_fraction)) " of all; "
            (audit.frozen_numbers) " are frozen."
        }
        (table.render())
    }
}

fn shape(shape: &[usize]) -> String {
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    match lengths.is_empty() {
        true => "scalar".into(),
        false => lengths.join(" × "),
    }
}

/// As much of a digest as tells it from others.
fn short(digest: &str) -> String {
    digest.chars().take(16).collect()
}
