//! What is frozen and what is trained.

use maud::{Markup, html};

use super::audit::FreezeAudit;
use pipeline_page::number;
use pipeline_page::table::{Table, code, text};
use pipeline_page::tensor::{shape, short};

pub fn of_stage(stage: &str, audit: &FreezeAudit) -> Markup {
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
