//! What was loaded, left new and left over.

use maud::{Markup, html};

use pipeline_checkpoint::Audit;
use pipeline_page::number;
use pipeline_page::table::{Table, code, text};
use pipeline_page::tensor::{shape, short};

pub fn of_stage(stage: &str, audit: &Audit) -> Markup {
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
