//! Why a stage would run, in words.

use std::sync::OnceLock;
use std::time::SystemTime;

use serde_json::Value;

use crate::store::Store;
use crate::store::action::{Action, nearest};
use crate::store::fingerprint::{Difference, Fingerprint};

/// A value longer than this says nothing in a line.
const LONGEST_VALUE: usize = 60;

/// Compares with earlier results; reads them only when first asked.
pub(super) struct Reasons<'a> {
    store: &'a Store,
    actions: OnceLock<Vec<(SystemTime, Action)>>,
}

impl<'a> Reasons<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self {
            store,
            actions: OnceLock::new(),
        }
    }

    /// How a fingerprint without a result differs from the nearest that has one.
    pub(super) fn for_absent(&self, fingerprint: &Fingerprint) -> Vec<String> {
        let actions = self.actions.get_or_init(|| self.store.actions());
        let differences = nearest(fingerprint, actions).map(|nearest| nearest.differences);
        match differences.as_deref() {
            None | Some([]) => vec!["never run".into()],
            Some(differences) => differences.iter().map(describe).collect(),
        }
    }
}

fn describe(difference: &Difference) -> String {
    let path = difference.path.as_str();
    if let Some(field) = path.strip_prefix("inputs.external:") {
        return match (&difference.earlier, &difference.now) {
            (None, _) => format!("the external input `{field}` is new"),
            (_, None) => format!("the external input `{field}` is gone"),
            _ => format!("the contents of `{field}` changed"),
        };
    }
    if let Some(input) = path.strip_prefix("inputs.") {
        return match (&difference.earlier, &difference.now) {
            (None, _) => format!("the input `{input}` is new"),
            (_, None) => format!("the input `{input}` is gone"),
            _ => format!("the input `{input}` changed"),
        };
    }
    let what = match path {
        "format" => "the format of fingerprints".into(),
        "code_version" => "the version of this kind's code".into(),
        "device" => "the device".into(),
        "seed" => "the seed".into(),
        _ => format!("`{}`", path.strip_prefix("fields.").unwrap_or(path)),
    };
    match (&difference.earlier, &difference.now) {
        (None, Some(now)) => format!("{what} is new: {}", shown(now)),
        (Some(earlier), None) => format!("{what} is gone, was {}", shown(earlier)),
        (Some(earlier), Some(now)) => {
            format!("{what} changed: {} → {}", shown(earlier), shown(now))
        }
        (None, None) => format!("{what} changed"),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= LONGEST_VALUE {
        return text;
    }
    text.chars().take(LONGEST_VALUE - 1).chain(['…']).collect()
}
