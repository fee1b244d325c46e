//! What was learned from.

use maud::{Markup, html};
use serde_json::Value;

use super::cohort_table::CohortTable;
use pipeline_page::number;
use pipeline_page::table::{Table, code, text};

const SPLITS: [&str; 3] = ["train", "validation", "test"];

pub fn of_stage(stage: &str, profile: &Value, cohort: Option<&CohortTable>) -> Markup {
    html! {
        h3 { (stage) }
        (splits(stage, profile))
        @if let Some(cohort) = cohort { (by_outcome(stage, cohort)) }
        (variables(stage, profile))
        (lost(stage, profile))
        (counts(stage, profile))
    }
}

fn splits(stage: &str, profile: &Value) -> Markup {
    let titles = [
        "split",
        "stays",
        "positives",
        "prevalence",
        "sets",
        "events",
    ];
    let mut table = Table::new(format!("Splits of {stage}"), &titles, &titles[1..]);
    for split in SPLITS {
        let counts = &profile["splits"][split];
        let prevalence = match (counts["positives"].as_f64(), counts["stays"].as_f64()) {
            (Some(positives), Some(stays)) if stays > 0.0 => number::percent(positives / stays),
            _ => String::new(),
        };
        table.push(vec![
            text(split),
            count(&counts["stays"]),
            match &counts["positives"] {
                // Without labels none is counted.
                Value::Null => text(""),
                positives => count(positives),
            },
            text(prevalence),
            count(&counts["sets"]),
            count(&counts["events"]),
        ]);
    }
    table.render()
}

/// Who the stays are, by outcome: the first table of a paper.
fn by_outcome(stage: &str, cohort: &CohortTable) -> Markup {
    let groups: Vec<String> = (cohort.groups.iter())
        .map(|group| format!("{}, n = {}", group.name, group.stays))
        .collect();
    let mut titles = vec!["of a stay"];
    for group in &groups {
        titles.extend([group.as_str(), "missing"]);
    }
    let caption = format!("Table 1: the stays of {stage} by outcome");
    let mut table = Table::new(caption, &titles, &titles[1..]);
    for row in &cohort.rows {
        let mut cells = vec![text(&row.name)];
        for (value, missing) in &row.cells {
            cells.extend([text(value), text(missing)]);
        }
        table.push(cells);
    }
    html! {
        (table.unfolded())
        p class="muted" {
            "Numbers are mean ± standard deviation over stays; a measured variable counts with its mean in each stay. "
            "Categories are stays and their share. Missing is the share of the stays without a value."
        }
    }
}

fn variables(stage: &str, profile: &Value) -> Markup {
    let titles = [
        "variable",
        "mean",
        "std",
        "min in training",
        "max in training",
        "training events",
        "training stays",
        "validation events",
        "test events",
    ];
    let mut table = Table::new(format!("Variables of {stage}"), &titles, &titles[1..]);
    for (name, variable) in profile["variables"].as_object().into_iter().flatten() {
        let train = &variable["train"];
        table.push(vec![
            code(name),
            float(&variable["mean"]),
            float(&variable["std"]),
            float(&train["min"]),
            float(&train["max"]),
            count(&train["events"]),
            count(&train["stays"]),
            count(&variable["validation"]["events"]),
            count(&variable["test"]["events"]),
        ]);
    }
    table.folded()
}

/// Events of the source that are not in the artifact.
fn lost(stage: &str, profile: &Value) -> Markup {
    let titles = ["reason", "variable", "train", "validation", "test"];
    let caption = format!("Events that {stage} left out or changed");
    let mut table = Table::new(caption, &titles, &titles[2..]);
    let mut any = false;
    for (reason, variables) in profile["lost"].as_object().into_iter().flatten() {
        for (variable, by_split) in variables.as_object().into_iter().flatten() {
            let mut row = vec![text(reason.replace('_', " ")), code(variable)];
            row.extend(SPLITS.map(|split| count(&by_split[split])));
            table.push(row);
            any = true;
        }
    }
    html! { @if any { (table.folded()) } }
}

/// What was counted while reading, but for zeros.
fn counts(stage: &str, profile: &Value) -> Markup {
    let titles = ["what", "count"];
    let mut table = Table::new(format!("Inputs of {stage}"), &titles, &["count"]);
    for (name, value) in profile["counts"].as_object().into_iter().flatten() {
        if value.as_f64() != Some(0.0) {
            table.push(vec![text(name.replace('_', " ")), count(value)]);
        }
    }
    table.folded()
}

fn count(value: &Value) -> Markup {
    match value {
        Value::Null => text("0"),
        other => text(other.to_string()),
    }
}

fn float(value: &Value) -> Markup {
    text(value.as_f64().map(number::float).unwrap_or_default())
}
