//! What a recipe states, in lines of a card.

use serde_json::Value;

use super::escaped;
use crate::gathered::Gathered;

/// A line a value of the stages of `kind` whose key starts with one of `keys`.
pub fn settings(gathered: &Gathered, kind: &str, keys: &[&str]) -> Option<String> {
    lines(gathered, kind, |key, _| {
        keys.iter().any(|wanted| key.starts_with(wanted))
    })
}

/// A line a value of the stages of `kind` whose key starts with none of `keys`, so that a setting that is added later is not
/// forgotten. Empty lists say nothing.
pub fn settings_but(gathered: &Gathered, kind: &str, keys: &[&str]) -> Option<String> {
    lines(gathered, kind, |key, value| {
        let is_empty = value.as_array().is_some_and(Vec::is_empty);
        !is_empty && !keys.iter().any(|other| key.starts_with(other))
    })
}

fn lines(
    gathered: &Gathered,
    kind: &str,
    is_wanted: impl Fn(&str, &Value) -> bool,
) -> Option<String> {
    let mut lines = String::new();
    for stage in gathered.stages.iter().filter(|stage| stage.kind == kind) {
        let table = format!("stages.{}", stage.name);
        let values = gathered.resolved.values.iter();
        let values = values.filter(|value| value.table == table);
        for value in values.filter(|value| is_wanted(&value.key, &value.value)) {
            let (key, text) = (escaped(&value.key), escaped(&value.value.to_string()));
            lines += &format!("- {}: {key} = {text}\n", escaped(&stage.name));
        }
    }
    (!lines.is_empty()).then_some(lines)
}
