//! An explanation, for people.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::display::table::{Align, Cell, Table, shortened};
use crate::terminal::style::{Style, Tone};
use pipeline_runner::explain::{ExplainedDifference, Explanation};
use pipeline_runner::record::PlannedStatus;

/// As much of a digest as tells it from others.
const DIGEST_LETTERS: usize = 12;
/// A value longer than this would tear the table apart.
const LONGEST_VALUE: usize = 60;

/// What would happen, the keys, and a table of what differs.
pub fn render(explanation: &Explanation, style: Style) -> String {
    let (status, tone) = match explanation.status {
        PlannedStatus::Cached => ("cached", Tone::Good),
        PlannedStatus::Run => ("would run", Tone::Notice),
        PlannedStatus::MayRun => ("may run", Tone::Notice),
    };
    let key = match &explanation.key {
        Some(key) => key,
        None => "not known yet",
    };
    let mut text = format!(
        "{} ({}): {}\n{}\n",
        style.paint(Tone::Strong, &explanation.stage),
        explanation.kind,
        style.paint(tone, status),
        fitting(&format!("key      {key}"), style),
    );
    if explanation.status == PlannedStatus::Cached {
        return text;
    }
    match &explanation.nearest {
        None => {
            let kind = &explanation.kind;
            text += &format!("\nno earlier result of kind {kind} to compare with\n");
        }
        Some(nearest) => {
            let created = nearest.created.as_ref();
            let created = created.map_or(String::new(), |created| format!(", {created}"));
            let line = format!("nearest  {}{created}", nearest.key);
            text += &format!("{}\n\n", fitting(&line, style));
            text += &compared(explanation, style);
        }
    }
    text + &not_known(explanation) + &not_read(explanation)
}

/// An earlier result that is damaged could have been nearer.
fn not_read(explanation: &Explanation) -> String {
    let lines = explanation.unreadable.iter();
    let lines: String = lines.map(|line| format!("  {line}\n")).collect();
    match lines.is_empty() {
        true => lines,
        false => format!(
            "\nnote: not compared with earlier results that cannot be read; `pipeline cache verify` moves them aside\n{lines}"
        ),
    }
}

/// A line that does not wrap: of a digest the beginning will do.
fn fitting(line: &str, style: Style) -> String {
    let columns = style.columns().unwrap_or(usize::MAX);
    shortened(line, columns).into_owned()
}

fn compared(explanation: &Explanation, style: Style) -> String {
    if explanation.differences.is_empty() {
        return match explanation.unknown.is_empty() {
            true => format!("nothing differs: {}\n", explanation.reasons.join(", ")),
            false => "nothing that is known differs\n".into(),
        };
    }
    let mut table = Table::new(&[
        ("path", Align::Left),
        ("earlier", Align::Left),
        ("now", Align::Left),
    ])
    .yielding(&["earlier", "now"]);
    for difference in &explanation.differences {
        let path = difference.recipe_path.as_ref();
        let path = path.unwrap_or(&difference.path);
        table.push(vec![
            path.as_str().into(),
            Cell::new(shown(difference, &difference.earlier), Tone::Faint),
            shown(difference, &difference.now).into(),
        ]);
    }
    table.render(style)
}

/// One line a stage that has to run first.
fn not_known(explanation: &Explanation) -> String {
    let mut by_stage: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for input in &explanation.unknown {
        let paths = by_stage.entry(&input.stage).or_default();
        paths.push(&input.path);
    }
    let lines = by_stage.into_iter().map(|(stage, paths)| {
        let paths = paths.join(", ");
        format!("\nnot known before {stage} has run: {paths}\n")
    });
    lines.collect()
}

fn shown(difference: &ExplainedDifference, value: &Value) -> String {
    let most = match difference.path.starts_with("inputs.") {
        true => DIGEST_LETTERS,
        false => LONGEST_VALUE,
    };
    let text = match value {
        Value::Null => "none".into(),
        Value::String(digest) if most == DIGEST_LETTERS => digest.clone(),
        value => value.to_string(),
    };
    match text.chars().count() <= most {
        true => text,
        false => text.chars().take(most).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use pipeline_runner::explain::{NearestResult, UnknownInput};

    fn explanation() -> Explanation {
        let difference = |path: &str, earlier: Value, now: Value| ExplainedDifference {
            path: path.into(),
            recipe_path: path
                .strip_prefix("fields.")
                .map(|field| format!("stages.head.{field}")),
            earlier,
            now,
        };
        Explanation {
            recipe: "demo".into(),
            stage: "head".into(),
            kind: "finetune".into(),
            status: PlannedStatus::MayRun,
            reasons: vec!["depends on the output of frozen".into()],
            key: None,
            nearest: Some(NearestResult {
                key: "0b83".into(),
                created: Some("2026-01-02T03:04:05Z".into()),
            }),
            differences: vec![
                difference("fields.optimizer.lr", json!(1e-4), json!(3e-4)),
                difference(
                    "inputs.features.features",
                    json!("0123456789abcdef"),
                    json!("fedcba9876543210"),
                ),
                difference("seed", Value::Null, json!(7)),
            ],
            unknown: ["inputs.model.audit", "inputs.model.weights"]
                .map(|path| UnknownInput {
                    path: path.into(),
                    stage: "frozen".into(),
                })
                .into(),
            unreadable: Vec::new(),
        }
    }

    #[test]
    fn what_differs_is_a_table_and_what_is_not_known_is_said() {
        let expected = "\
head (finetune): may run
key      not known yet
nearest  0b83, 2026-01-02T03:04:05Z

path                      earlier        now
stages.head.optimizer.lr  0.0001         0.0003
inputs.features.features  0123456789ab…  fedcba987654…
seed                      none           7

not known before frozen has run: inputs.model.audit, inputs.model.weights
";
        assert_eq!(render(&explanation(), Style::PLAIN), expected);
    }

    #[test]
    fn on_a_narrow_terminal_no_line_wraps_and_paths_are_whole() {
        let mut known = explanation();
        known.key = Some("6c8627bbc72fcd1cb7a4f2302e50acff9d6c06d55aeb55483860fe5eb9aa21bf".into());
        known.unknown.clear();
        let expected = "\
head (finetune): may run
key      6c8627bbc72fcd1cb7a4f2302e50ac…
nearest  0b83, 2026-01-02T03:04:05Z

path                      now
stages.head.optimizer.lr  0.0003
inputs.features.features  fedcba987654…
seed                      7
";
        assert_eq!(render(&known, Style::narrow(40)), expected);
    }

    #[test]
    fn without_an_earlier_result_there_is_nothing_to_compare_with() {
        let mut first = explanation();
        first.status = PlannedStatus::Run;
        first.key = Some("6c86".into());
        first.nearest = None;
        first.differences.clear();
        first.unknown.clear();
        let expected = "\
head (finetune): would run
key      6c86

no earlier result of kind finetune to compare with
";
        assert_eq!(render(&first, Style::PLAIN), expected);
    }

    #[test]
    fn a_cached_stage_has_a_key_and_no_table() {
        let mut cached = explanation();
        cached.status = PlannedStatus::Cached;
        cached.key = Some("6c86".into());
        let expected = "head (finetune): cached\nkey      6c86\n";
        assert_eq!(render(&cached, Style::PLAIN), expected);
    }
}
