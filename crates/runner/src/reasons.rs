//! Why a stage would run, in words.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::Value;

use super::fingerprints::KnownPart;
use super::selection::Selected;
use pipeline_store::Store;
use pipeline_store::action::{Earlier, Nearest, nearest};
use pipeline_store::fingerprint::{Difference, Fingerprint};

/// A value longer than this says nothing in a line.
const LONGEST_VALUE: usize = 60;

/// Compares with earlier results; reads them only when first asked.
pub(super) struct Reasons<'a> {
    store: &'a Store,
    earlier: OnceLock<Vec<Earlier>>,
}

impl<'a> Reasons<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self {
            store,
            earlier: OnceLock::new(),
        }
    }

    /// The earlier result that differs least in what is known.
    pub(super) fn nearest(&self, part: &KnownPart) -> Option<Nearest> {
        let earlier = self.earlier.get_or_init(|| self.store.earlier());
        let unknown: BTreeSet<String> = part.unknown.keys().cloned().collect();
        nearest(&part.fingerprint, &unknown, earlier)
    }

    /// How a fingerprint without a result differs from the nearest that has one.
    pub(super) fn for_absent(&self, selected: &Selected, part: &KnownPart) -> Vec<String> {
        let reasons = self.for_part(selected, part);
        match reasons.is_empty() {
            true => vec!["never run".into()],
            false => reasons,
        }
    }

    /// The same for a stage that has other reasons to run: nothing, where there is nothing to
    /// compare with and where nothing known differs.
    pub(super) fn for_part(&self, selected: &Selected, part: &KnownPart) -> Vec<String> {
        let differences = self.nearest(part).map(|nearest| nearest.differences);
        let differences = differences.iter().flatten();
        differences
            .map(|difference| describe(difference, selected))
            .collect()
    }
}

fn describe(difference: &Difference, selected: &Selected) -> String {
    let path = difference.path.as_str();
    let stated = selected.node.path_in_recipe(path);
    if let Some(input) = path.strip_prefix("inputs.") {
        let name = stated.as_deref().unwrap_or(input);
        let origin = origin(input, selected);
        return match (&difference.earlier, &difference.now) {
            (None, _) => format!("input `{name}` is new{origin}"),
            (_, None) => format!("input `{name}` is gone"),
            _ => format!("content of input `{name}` changed{origin}"),
        };
    }
    let (earlier, now) = (shown(&difference.earlier), shown(&difference.now));
    if let Some(field) = stated.filter(|stated| stated != "seed") {
        return match (&difference.earlier, &difference.now) {
            (None, _) => format!("field `{field}` is new: {now}"),
            (_, None) => format!("field `{field}` is gone, was {earlier}"),
            _ => format!("field `{field}` changed: {earlier} → {now}"),
        };
    }
    let what = match path {
        "format" => "format of fingerprints",
        "code_version" => "code version",
        other => other,
    };
    let bare = |value: &str| value.trim_matches('"').to_string();
    format!("{what} {} → {}", bare(&earlier), bare(&now))
}

/// Where an input comes from: ` (artifact `events` of stage `cohort`)`, or the path.
fn origin(input: &str, selected: &Selected) -> String {
    if let Some(field) = Fingerprint::external_field(input) {
        let external = selected.external.iter().find(|e| e.field == field);
        return external.map_or(String::new(), |e| format!(" ({})", e.path.display()));
    }
    // A role may be a setting's path (`source.records.0`).
    let Some((role, artifact)) = input.rsplit_once('.') else {
        return String::new();
    };
    let producer = selected.inputs.iter().find(|input| input.role == role);
    producer.map_or(String::new(), |producer| {
        format!(" (artifact `{artifact}` of stage `{}`)", producer.stage)
    })
}

fn shown(value: &Option<Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return "none".into(),
        Some(value) => value.to_string(),
    };
    if text.chars().count() <= LONGEST_VALUE {
        return text;
    }
    text.chars().take(LONGEST_VALUE - 1).chain(['…']).collect()
}
