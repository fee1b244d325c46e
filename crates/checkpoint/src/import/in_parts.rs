//! Parameters that another program keeps in parts, of which only it knows the whole.

use std::collections::{BTreeMap, BTreeSet};

use super::Patterns;
use super::matching::{Matching, each};
use pipeline_error::listed::first_names;

/// Names that a hint lists.
const SHOWN: usize = 3;

/// Parts of names that adapters of a model have, and what they are put beside.
const ADAPTERS: [&str; 2] = ["base_layer", "modules_to_save"];

/// How to save whole the parameters that are missing, or that adapters belong to.
pub(super) fn hint(matching: &Matching, patterns: &Patterns, missing: &[&str]) -> Option<String> {
    let left = matching.unused.iter();
    let left = left.filter(|(_, names)| patterns.ignore.first_match(&each(names)).is_none());
    let left: BTreeMap<&str, &str> = left
        .map(|(source, names)| (each(names)[3], *source))
        .collect();
    adapters(&left).or_else(|| reparametrised(&left, missing))
}

/// `left` are tensors that nothing is said of, by the name that they would have in the model.
fn adapters(left: &BTreeMap<&str, &str>) -> Option<String> {
    let is_adapter = |part: &str| part.starts_with("lora_") || ADAPTERS.contains(&part);
    let sources = left.values();
    let found: Vec<_> = sources
        .filter(|name| name.split('.').any(is_adapter))
        .collect();
    (!found.is_empty()).then(|| {
        format!(
            "{} belong to an adapter (LoRA), which the model has not: merge it into the weights before they are saved:\n\
             model = model.merge_and_unload()",
            first_names(found, SHOWN)
        )
    })
}

fn reparametrised(left: &BTreeMap<&str, &str>, missing: &[&str]) -> Option<String> {
    let calls = missing
        .iter()
        .filter_map(|name| Some((name, call(left, name)?)));
    let calls: Vec<(&&str, String)> = calls.collect();
    let lines: BTreeSet<&str> = calls.iter().map(|(_, line)| &**line).collect();
    let lines: Vec<&str> = lines.into_iter().collect();
    (!calls.is_empty()).then(|| {
        format!(
            "of {} the file has parts, which torch computes the parameter from: put them together before saving, in each such \
             module:\n{}",
            first_names(calls.iter().map(|(name, _)| name), SHOWN),
            lines.join("\n")
        )
    })
}

/// The call of Python that puts a parameter together whose parts are among what is left.
fn call(left: &BTreeMap<&str, &str>, name: &str) -> Option<String> {
    let has = |part: &str| left.contains_key(&*format!("{name}{part}"));
    let parameter = name.rsplit('.').next().unwrap_or(name);
    let parts = name.strip_suffix(parameter).unwrap_or_default();
    let parts = format!("{parts}parametrizations.{parameter}.");
    let first = left.range(&*parts..).next();
    let function = if first.is_some_and(|(part, _)| part.starts_with(&parts)) {
        "parametrize.remove_parametrizations"
    } else if has("_g") && has("_v") {
        "remove_weight_norm"
    } else if has("_orig") && has("_mask") {
        "prune.remove"
    } else if has("_orig") && has("_u") {
        "remove_spectral_norm"
    } else {
        return None;
    };
    Some(format!(
        "torch.nn.utils.{function}(module, \"{parameter}\")"
    ))
}
