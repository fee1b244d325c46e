//! Parts of names that another program adds, and that keep a checkpoint's names from fitting.

use std::collections::BTreeMap;

use super::naming::Naming;
use super::rename::{RenameRule, Renaming};
use super::rules::Patterns;
use super::{ImportRules, Matching, each};
use crate::file::Checkpoint;
use crate::wrappers::INSIDE;

/// Prefixes that are tried: those that most tensors have.
const TRIED: usize = 8;

/// A rule takes out one of them; names that have more need it as often.
const MOST_INSIDE: usize = 3;

/// The rules, as a recipe has them, with which at least half of the missing parameters are found, or any where parts of
/// wrappers go; and the reason in words.
pub(super) fn rules(
    checkpoint: &Checkpoint,
    shapes: &BTreeMap<&str, &[usize]>,
    rules: &ImportRules,
    patterns: &Patterns,
    matching: &Matching,
) -> Option<(&'static str, String)> {
    if matching.missing.is_empty() {
        return None;
    }
    let left = |with: Vec<Renaming>| {
        let with = [with, patterns.rename.clone()].concat();
        let aside = |name: &str| patterns.ignore.first_match(&[name]).is_some();
        let sources = checkpoint.tensors.keys();
        let naming = Naming::of(sources, shapes, &with, rules.exact_names, aside);
        Matching::of(checkpoint, shapes, naming).missing.len()
    };
    let (reason, found) = match wrappers(matching, left) {
        Some(found) => ("the names have parts of wrappers in them", found),
        None => {
            let found = prefix(matching, |prefix| left(vec![Renaming::without(prefix)]))?;
            ("the tensors have a prefix of their own", found)
        }
    };
    let all: Vec<String> = found.iter().chain(&rules.rename).map(in_toml).collect();
    Some((reason, all.join(", ")))
}

/// A rule that takes parts of wrappers out of names, as often as names need it, if any parameter is found without them:
/// nothing else is called so. `left` says how many are missing with rules.
fn wrappers(matching: &Matching, left: impl Fn(Vec<Renaming>) -> usize) -> Option<Vec<RenameRule>> {
    let inside = INSIDE.iter().filter(|part| {
        let mut unused = matching.unused.iter();
        unused.any(|(name, _)| name.contains(&format!(".{part}")))
    });
    let inside: Vec<String> = inside.map(|part| part.replace('.', "\\.")).collect();
    if inside.is_empty() {
        return None;
    }
    let rule = RenameRule {
        prefix: None,
        pattern: Some(format!("(.*?\\.)(?:{})+(.*)", inside.join("|"))),
        to: "$1$2".into(),
    };
    let compiled = rule.compile().ok()?;
    let tried = (1..=MOST_INSIDE).map(|times| (left(vec![compiled.clone(); times]), times));
    let (left, times) = tried.min()?;
    (left < matching.missing.len()).then(|| vec![rule; times])
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

/// A rule that takes the beginning of names away, if at least half of the missing parameters are found without it: `net.`
/// of `net.layer.weight`, also where the rest is in another layout. `left` says how many are missing then.
fn prefix(matching: &Matching, left: impl Fn(&str) -> usize) -> Option<Vec<RenameRule>> {
    let missing = matching.missing.len();
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
    let rule = RenameRule {
        prefix: Some(prefix.into()),
        pattern: None,
        to: String::new(),
    };
    (2 * left <= missing).then(|| vec![rule])
}
