//! What is in a checkpoint, for people.

use std::fmt::Write;

use crate::display::table::{Align, Cell, Table};
use crate::records::inspection::{ImportRecord, InspectRecord};
use crate::terminal::style::{Style, Tone};
use pipeline_checkpoint::TensorSummary;
use pipeline_error::listed::first_of;
use pipeline_model::config::ModelMode;
use pipeline_page::number;

/// Names shown of a list.
const SHOWN: usize = 4;

/// One row a tensor, then the sums, then what each import would say.
pub fn render(record: &InspectRecord, style: Style) -> String {
    let mut text = table(record).render(style);
    text.push('\n');
    for (name, value) in facts(record) {
        let _ = writeln!(
            text,
            "{}  {value}",
            style.paint(Tone::Strong, &format!("{name:<10}"))
        );
    }
    let imports = record.imports.as_deref().unwrap_or_default();
    if imports.iter().any(|import| import.stage.is_none()) {
        text += "\nthe recipe has no import stage: both of its models are tried, without rules\n";
    }
    for import in imports {
        text.push('\n');
        text += &outcome(import, style);
    }
    text
}

/// Which import it is.
pub fn title(import: &ImportRecord) -> String {
    let into = match import.into {
        ModelMode::Pretrain => "pretrain",
        ModelMode::Classifier => "classifier",
    };
    match &import.stage {
        Some(stage) => format!("stages.{stage}, into the {into} model"),
        None => format!("into the {into} model"),
    }
}

fn table(record: &InspectRecord) -> Table {
    let heading = [
        ("tensor", Align::Left),
        ("shape", Align::Left),
        ("dtype", Align::Left),
        ("mean", Align::Right),
        ("std", Align::Right),
        ("min", Align::Right),
        ("max", Align::Right),
        ("flags", Align::Left),
    ];
    let mut table = Table::new(&heading).yielding(&["min", "max", "std", "mean"]);
    for tensor in &record.tensors {
        let statistics = &tensor.statistics;
        let number =
            |number: Option<f64>| Cell::from(number.map(number::float).unwrap_or_default());
        let flags = flags(tensor, record);
        let tone = match statistics.finite {
            true => Tone::Notice,
            false => Tone::Bad,
        };
        table.push(vec![
            tensor.name.as_str().into(),
            format!("{:?}", tensor.shape).into(),
            tensor.dtype.name().into(),
            number(statistics.mean),
            number(statistics.std),
            number(statistics.min),
            number(statistics.max),
            Cell::new(flags.join(", "), tone),
        ]);
    }
    table
}

fn flags(tensor: &TensorSummary, record: &InspectRecord) -> Vec<&'static str> {
    let statistics = &tensor.statistics;
    let several = count(tensor) > 1;
    let never = record.never_trained.as_deref().unwrap_or_default();
    let all = [
        (!statistics.finite, "not finite"),
        (statistics.is_zero(), "all zero"),
        (
            several && statistics.is_constant() && !statistics.is_zero(),
            "constant",
        ),
        (count(tensor) == 0, "empty"),
        (never.binary_search(&tensor.name).is_ok(), "never trained"),
    ];
    let raised = all.into_iter().filter(|(raised, _)| *raised);
    raised.map(|(_, flag)| flag).collect()
}

fn count(tensor: &TensorSummary) -> u64 {
    tensor.shape.iter().map(|axis| *axis as u64).product()
}

/// What holds of the file as a whole.
fn facts(record: &InspectRecord) -> Vec<(&'static str, String)> {
    let numbers: u64 = record.tensors.iter().map(count).sum();
    let sizes = record.tensors.iter();
    let bytes: u64 = sizes
        .map(|tensor| count(tensor) * tensor.dtype.size() as u64)
        .sum();
    let mut facts = vec![("file", record.file.clone())];
    facts.extend(
        record
            .container
            .map(|container| ("container", container.to_string())),
    );
    let tensors = record.tensors.len();
    let total = format!("{tensors}, {numbers} numbers, {}", number::bytes(bytes));
    facts.push(("tensors", total));
    let infinite = record
        .tensors
        .iter()
        .filter(|tensor| !tensor.statistics.finite);
    let infinite: Vec<&str> = infinite.map(|tensor| tensor.name.as_str()).collect();
    if !infinite.is_empty() {
        facts.push(("not finite", first_of(&infinite, SHOWN)));
    }
    if let Some(never) = &record.never_trained {
        let never: Vec<&str> = never.iter().map(String::as_str).collect();
        facts.push(("trained", trained(tensors, &never)));
    }
    if let Some(inputs) = &record.inputs {
        let names = inputs.variables.iter();
        let names: Vec<&str> = names.map(|variable| variable.name.as_str()).collect();
        let count = names.len();
        let width = inputs.embedding_dim;
        let text = format!(
            "{count} variables, embeddings of {width} numbers: {}",
            first_of(&names, SHOWN)
        );
        facts.push(("inputs", text));
        let settings = inputs.settings.iter();
        facts.extend(settings.map(|(name, value)| ("inputs", format!("{name} = {value}"))));
    }
    facts.extend(record.notes.iter().map(|note| ("note", note.clone())));
    facts
}

fn trained(tensors: usize, never: &[&str]) -> String {
    let with_state = tensors - never.len();
    let text = format!("{with_state} of {tensors}, by the state of the source's optimizer");
    match never.is_empty() {
        true => text,
        false => format!("{text}; not {}", first_of(never, SHOWN)),
    }
}

/// What an import would say. Why one would fail is an error, and told as one.
fn outcome(import: &ImportRecord, style: Style) -> String {
    let (word, tone) = match import.error {
        None => ("would succeed", Tone::Good),
        Some(_) => ("would fail", Tone::Bad),
    };
    let mut text = format!("{}: {}\n", title(import), style.paint(tone, word));
    for note in &import.notes {
        let _ = writeln!(text, "but      {note}");
    }
    if let Some(audit) = &import.audit {
        text += &audit.render();
    }
    text
}
