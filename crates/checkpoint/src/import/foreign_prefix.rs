//! A prefix of another program that keeps a checkpoint's names from fitting.

use std::collections::BTreeMap;

use super::naming::Naming;
use super::rename::Renaming;
use super::rules::Patterns;
use super::{ImportRules, Matching, each};
use crate::file::Checkpoint;

/// Prefixes that are tried: those that most tensors have.
const TRIED: usize = 8;

/// The beginning of names without which at least half of the missing parameters are found: `net.` of `net.layer.weight`,
/// also where the rest is in another layout.
pub(super) fn of(
    checkpoint: &Checkpoint,
    shapes: &BTreeMap<&str, &[usize]>,
    rules: &ImportRules,
    patterns: &Patterns,
    matching: &Matching,
) -> Option<String> {
    let missing = matching.missing.len();
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
    let left = likely.into_iter().take(TRIED).map(|(prefix, _)| {
        let mut with = patterns.rename.clone();
        with.insert(0, Renaming::without(prefix));
        let aside = |name: &str| patterns.ignore.first_match(&[name]).is_some();
        let exact = rules.exact_names;
        let naming = Naming::of(checkpoint.tensors.keys(), shapes, &with, exact, aside);
        (
            Matching::of(checkpoint, shapes, naming).missing.len(),
            prefix,
        )
    });
    let (left, prefix) = left.min_by_key(|(left, _)| *left)?;
    (2 * left <= missing).then(|| prefix.to_string())
}
