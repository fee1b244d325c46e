//! What everything was made of, by whom and when.

use maud::{Markup, html};

use super::super::gathered::{Gathered, GatheredStage, StageResult};
use pipeline_page::document::Section;
use pipeline_page::number;
use pipeline_page::table::{Table, code, text};
use pipeline_runner::history::MakingRun;

pub fn section(gathered: &Gathered) -> Section {
    Section {
        id: "provenance",
        title: "Provenance",
        body: html! {
            p { "Digests are BLAKE3 of contents: the same bytes have the same digest, wherever they lie." }
            h3 { "Runs" }
            @if gathered.runs.is_empty() {
                p class="muted" { "No run of what is shown is on record." }
            } @else {
                (runs(&gathered.runs))
            }
            @for (_, stage, result) in gathered.results() { (of_stage(stage, result)) }
        },
    }
}

fn runs(runs: &[MakingRun]) -> Markup {
    let titles = ["run", "started", "ended", "build", "machine", "device"];
    let mut table = Table::new("Runs that made what is shown", &titles, &[]);
    for run in runs {
        let (build, machine, device) = match &run.environment {
            None => (String::new(), String::new(), String::new()),
            Some(environment) => {
                let (versions, host) = (&environment.versions, &environment.host);
                let cpu = host.cpu.as_deref().unwrap_or("unknown processor");
                (
                    format!(
                        "pipeline {}, {}, {}",
                        versions.pipeline, versions.rustc, versions.target
                    ),
                    format!("{} × {cpu}, {}", host.cpus, host.os),
                    environment.device.clone(),
                )
            }
        };
        let started = run.started.strftime("%F %T UTC").to_string();
        table.push(vec![
            code(&run.run),
            text(started),
            text(run.status.name()),
            text(build),
            text(machine),
            text(device),
        ]);
    }
    table.render()
}

fn of_stage(stage: &GatheredStage, result: &StageResult) -> Markup {
    let (action, fingerprint) = (&result.action, &result.action.fingerprint);
    let seed = fingerprint
        .seed
        .map_or("none".into(), |seed| seed.to_string());
    let titles = ["what", "name", "digest", "size"];
    let caption = format!("Inputs and artifacts of {}", stage.name);
    let mut table = Table::new(caption, &titles, &["size"]);
    for (name, digest) in &fingerprint.inputs {
        table.push(vec![
            text("input"),
            code(name),
            code(digest.to_string()),
            text(""),
        ]);
    }
    for (name, artifact) in &action.outputs {
        let (digest, size) = (artifact.digest.to_string(), number::bytes(artifact.bytes));
        table.push(vec![text("artifact"), code(name), code(digest), text(size)]);
    }
    html! {
        h3 { (stage.name) }
        p {
            "Key " code { (action.key.to_string()) } ", code version " (fingerprint.code_version)
            " of " (stage.kind) ", seed " (seed) ", made in " (number::duration(action.seconds))
            @if let Some(run) = &result.run { " by run " code { (run) } } @else { " by a run that is not on record" }
            "."
        }
        (table.render())
    }
}
