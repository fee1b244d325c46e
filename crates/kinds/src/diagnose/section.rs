//! What is wrong with models, as a diagnose stage found it.

use maud::{Markup, html};

use crate::diagnose::diagnosis::{Diagnosis, Finding, Verdict};
use pipeline_error::listed::counted;
use pipeline_page::number;
use pipeline_page::table::{Table, code, prose, text};

pub fn of_stage(stage: &str, diagnosis: &Diagnosis) -> Markup {
    let (faults, warnings) = (
        diagnosis.count(Verdict::Fault),
        diagnosis.count(Verdict::Warning),
    );
    let (sound, mut wrong): (Vec<&Finding>, Vec<&Finding>) = diagnosis
        .findings
        .iter()
        .partition(|finding| finding.verdict == Verdict::Ok);
    // The gravest first.
    wrong.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    html! {
        h3 { (stage) }
        p {
            (diagnosis.stays) " stays of the " (diagnosis.split.name()) " split, "
            (diagnosis.positives) " positive: "
            @match (faults, warnings) {
                (0, 0) => span class="good" { "nothing wrong was found" },
                (0, _) => span class="notice" { "no fault, " (counted(warnings, "warning")) },
                _ => span class="bad" { (counted(faults, "fault")) ", " (counted(warnings, "warning")) },
            }
            "."
        }
        (findings(format!("Findings of {stage}"), &wrong))
        (passed(stage, &sound))
        (gradients(stage, diagnosis))
        (latent_dimensions(stage, diagnosis))
        (reconstruction(stage, diagnosis))
    }
}

fn findings(caption: String, findings: &[&Finding]) -> Markup {
    let titles = ["finding", "verdict", "what was seen", "rule", "what to do"];
    let mut table = Table::new(caption, &titles, &[]);
    for finding in findings {
        table.push(vec![
            code(&finding.name),
            verdict(finding.verdict),
            prose(text(&finding.what)),
            prose(text(&finding.rule)),
            prose(with_code(finding.remedy.as_deref().unwrap_or_default())),
        ]);
    }
    table.render()
}

/// What is as it should be: folded.
fn passed(stage: &str, findings: &[&Finding]) -> Markup {
    let caption = format!("Checks that {stage} passed");
    let mut table = Table::new(caption, &["finding", "what was seen", "rule"], &[]);
    for finding in findings {
        table.push(vec![
            code(&finding.name),
            prose(text(&finding.what)),
            prose(text(&finding.rule)),
        ]);
    }
    table.folded()
}

/// Text whose names stand between backticks.
fn with_code(text: &str) -> Markup {
    html! {
        @for (position, part) in text.split('`').enumerate() {
            @if position % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn verdict(verdict: Verdict) -> Markup {
    let class = match verdict {
        Verdict::Ok => "good",
        Verdict::Warning => "notice",
        Verdict::Fault => "bad",
    };
    html! { span class=(class) { (verdict.name()) } }
}

fn gradients(stage: &str, diagnosis: &Diagnosis) -> Markup {
    let titles = ["parameter", "gradient norm", "parameter norm", "problem"];
    let caption = format!("Gradients of what {stage} looked at");
    let mut table = Table::new(caption, &titles, &titles[1..3]);
    for gradient in &diagnosis.gradients {
        table.push(vec![
            code(&gradient.name),
            text(gradient.norm.map_or("none".into(), number::float)),
            text(number::float(gradient.parameter_norm)),
            text(gradient.problem.as_deref().unwrap_or_default()),
        ]);
    }
    table.render()
}

fn latent_dimensions(stage: &str, diagnosis: &Diagnosis) -> Markup {
    let titles = [
        "dimension",
        "KL",
        "mean of mu",
        "variance of mu",
        "mean of logvar",
        "variance of logvar",
    ];
    let caption = format!("Latent dimensions that {stage} looked at");
    let mut table = Table::new(caption, &titles, &titles);
    for (position, dimension) in diagnosis.posterior.dimensions.iter().enumerate() {
        let numbers = [
            dimension.kl,
            dimension.mu_mean,
            dimension.mu_variance,
            dimension.logvar_mean,
            dimension.logvar_variance,
        ];
        let mut row = vec![text(position.to_string())];
        row.extend(numbers.map(|value| text(number::float(value))));
        table.push(row);
    }
    table.render()
}

fn reconstruction(stage: &str, diagnosis: &Diagnosis) -> Markup {
    let titles = ["variable", "events", "error", "error of the mean", "ratio"];
    let caption = format!("Reconstruction of {stage} by variable");
    let mut table = Table::new(caption, &titles, &titles[1..]);
    for variable in &diagnosis.reconstruction {
        table.push(vec![
            text(&variable.name),
            text(variable.events.to_string()),
            text(number::float(variable.error)),
            text(number::float(variable.error_of_mean)),
            text(variable.ratio.map_or("undefined".into(), number::float)),
        ]);
    }
    table.render()
}
