//! Parts of names that another program adds, and that keep a checkpoint's names from fitting.

use std::collections::BTreeMap;

use super::naming::Naming;
use super::rename::{RenameRule, Renaming};
use super::rules::Patterns;
use super::{ImportRules, Matching, each};
use crate::file::Checkpoint;

/// Prefixes that are tried: those that most tensors have.
const TRIED: usize = 8;

/// What wrappers of single modules put inside of names: torch.compile, activation checkpointing, FSDP and
/// DistributedDataParallel.
const INSIDE: [&str; 4] = [
    "_orig_mod.",
    "_checkpoint_wrapped_module.",
    "_fsdp_wrapped_module.",
    "module.",
];

/// A rule takes out one of them; names that have more need it as often.
const MOST_INSIDE: usize = 3;

/// The rules, as a recipe has them, with which at least half of the missing parameters are found, and the reason in
/// words.
pub(super) fn rules(
    checkpoint: &Checkpoint,
    shapes: &BTreeMap<&str, &[usize]>,
    rules: &ImportRules,
    patterns: &Patterns,
    matching: &Matching,
) -> Option<(&'static str, String)> {
    let missing = matching.missing.len();
    let left = |with: Vec<Renaming>| {
        let with = [with, patterns.rename.clone()].concat();
        let aside = |name: &str| patterns.ignore.first_match(&[name]).is_some();
        let sources = checkpoint.tensors.keys();
        let naming = Naming::of(sources, shapes, &with, rules.exact_names, aside);
        Matching::of(checkpoint, shapes, naming).missing.len()
    };
    let inside = INSIDE.iter().filter(|part| {
        let mut unused = matching.unused.iter();
        missing > 0 && unused.any(|(name, _)| name.contains(&format!(".{part}")))
    });
    let inside: Vec<String> = inside.map(|part| part.replace('.', "\\.")).collect();
    let rule = RenameRule {
        prefix: None,
        pattern: Some(format!("(.*?\\.)(?:{})+(.*)", inside.join("|"))),
        to: "$1$2".into(),
    };
    let times = (1..=MOST_INSIDE).filter(|_| !inside.is_empty());
    let tried = times.filter_map(|times| {
        let compiled = rule.compile().ok()?;
        Some((left(vec![compiled; times]), times))
    });
    // Nothing else is called so: if any parameter is found without them, they are in the way.
    if let Some((_, times)) = tried.min().filter(|(left, _)| *left < missing) {
        let all = vec![in_toml(&rule); times].into_iter();
        let all: Vec<String> = all.chain(rules.rename.iter().map(in_toml)).collect();
        return Some(("the names have parts of wrappers in them", all.join(", ")));
    }
    let prefix = prefix(matching, missing, |prefix| {
        left(vec![Renaming::without(prefix)])
    })?;
    let without = RenameRule {
        prefix: Some(prefix),
        pattern: None,
        to: String::new(),
    };
    let all: Vec<String> = [&without]
        .into_iter()
        .chain(&rules.rename)
        .map(in_toml)
        .collect();
    Some(("the tensors have a prefix of their own", all.join(", ")))
}

/// A rule as a recipe states it. Patterns are full of backslashes, which strings in single quotes keep.
fn in_toml(rule: &RenameRule) -> String {
    let to = &rule.to;
    match (&rule.prefix, &rule.pattern) {
        (_, Some(pattern)) => format!("{{ pattern = '{pattern}', to = {to:?} }}"),
        (prefix, None) => {
            let prefix = prefix.as_deref().unwrap_or_default();
            format!("{{ prefix = {prefix:?}, to = {to:?} }}")
        }
    }
}

/// The beginning of names without which at least half of the missing parameters are found: `net.` of `net.layer.weight`,
/// also where the rest is in another layout.
fn prefix(matching: &Matching, missing: usize, left: impl Fn(&str) -> usize) -> Option<String> {
    if missing == 0 {
        return None;
    }
    let mut shared: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, names) in &matching.unused {
        // Rules see names without the prefix that every name has.
        let name = each(names)[0];
        let ends = name.match_indices('.').map(|(dot, _)| dot + 1);
        ends.for_each(|end| *shared.entry(&name[..end]).or_default() += 1);
    }
    let mut likely: Vec<(&str, usize)> = shared.into_iter().collect();
    likely.retain(|(_, count)| 2 * count >= missing);
    likely.sort_by_key(|(prefix, count)| (usize::MAX - count, prefix.len()));
    let left = likely
        .into_iter()
        .take(TRIED)
        .map(|(prefix, _)| (left(prefix), prefix));
    let (left, prefix) = left.min_by_key(|(left, _)| *left)?;
    (2 * left <= missing).then(|| prefix.to_string())
}
