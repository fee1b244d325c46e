//! Parts of names that another program adds, and that keep a checkpoint's names from fitting.

use std::collections::{BTreeMap, BTreeSet};

use super::ImportRules;
use super::matching::{Matching, each};
use super::naming::Naming;
use super::rename::{RenameRule, Renaming};
use super::rules::Patterns;
use crate::file::Checkpoint;
use crate::wrappers::INSIDE;
use pipeline_error::listed::first_names;
use pipeline_error::pasted::toml_string;

/// Prefixes that are tried: those that most tensors have.
const TRIED: usize = 8;

/// A rule takes out one of them; names that have more need it as often.
const MOST_INSIDE: usize = 3;

/// The rules, as a recipe has them, with which at least half of the missing parameters are found, or any where parts of
/// wrappers go. Where several copies of the weights fit, that one is to be chosen.
pub(super) fn hint(
    checkpoint: &Checkpoint,
    shapes: &BTreeMap<&str, &[usize]>,
    rules: &ImportRules,
    patterns: &Patterns,
    matching: &Matching,
) -> Option<String> {
    if matching.lacking() == matching.claimed.len() {
        return None;
    }
    let aside = |name: &str| patterns.ignore.first_match(&[name]).is_some();
    let sources = checkpoint.tensors.keys();
    let lacking = |with: Vec<Renaming>| {
        let with = [with, patterns.rename.clone()].concat();
        let naming = Naming::of(sources.clone(), shapes, &with, rules.exact_names, aside);
        Matching::of(checkpoint, shapes, naming).lacking()
    };
    let rename = |why: &str, found: Vec<RenameRule>| {
        let all = [found, rules.rename.clone()].concat();
        let with: Vec<Renaming> = all.iter().filter_map(|rule| rule.compile().ok()).collect();
        let naming = Naming::of(sources.clone(), shapes, &with, rules.exact_names, aside);
        let busy = busy_rules(&all, &naming);
        format!("{why}, which the import stage takes off by:\n{busy}")
    };
    if let Some(found) = wrappers(matching, lacking) {
        return Some(rename("the names have parts of wrappers in them", found));
    }
    match &prefixes(matching, lacking)[..] {
        [] => None,
        [prefix] => {
            let rule = RenameRule {
                prefix: Some((*prefix).into()),
                pattern: None,
                to: String::new(),
            };
            Some(rename("the tensors have a prefix of their own", vec![rule]))
        }
        several => Some(format!(
            "{} each fit half of the model or more: choose one, whose prefix a rule of `rename` takes off, and list the rest in `ignore`",
            first_names(several, TRIED)
        )),
    }
}

/// A rule that takes parts of wrappers out of names, as often as names need it, if any parameter is found without them:
/// nothing else is called so. `lacking` says how many are not found with rules.
fn wrappers(
    matching: &Matching,
    lacking: impl Fn(Vec<Renaming>) -> usize,
) -> Option<Vec<RenameRule>> {
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
    let tried = (1..=MOST_INSIDE).map(|times| (lacking(vec![compiled.clone(); times]), times));
    let (left, times) = tried.min()?;
    (left < matching.lacking()).then(|| vec![rule; times])
}

/// Those of the rules that have something to do, as a recipe states them.
pub(super) fn busy_rules(rules: &[RenameRule], naming: &Naming) -> String {
    let idle: Vec<usize> = naming.idle_rules().map(|(number, _)| number).collect();
    let busy = rules.iter().enumerate();
    let busy = busy.filter(|(number, _)| !idle.contains(number));
    let busy: Vec<String> = busy.map(|(_, rule)| in_toml(rule)).collect();
    format!("rename = [{}]", busy.join(", "))
}

/// The beginning of names behind which half of the tensors that are used, or more, are in the file once more.
pub(super) fn second_copy<'a>(matching: &'a Matching, patterns: &Patterns) -> Option<&'a str> {
    let used = matching.pairs.iter().map(|pair| each(&pair.names)[0]);
    let used: BTreeSet<&str> = used.collect();
    let mut copied: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, names) in &matching.unused {
        if patterns.ignore.first_match(&each(names)).is_some() {
            continue;
        }
        let name = each(names)[0];
        let parts = name.match_indices('.');
        let parts = parts.map(|(dot, _)| name.split_at(dot + 1));
        for (before, _) in parts.filter(|(_, rest)| used.contains(rest)) {
            *copied.entry(before).or_default() += 1;
        }
    }
    let (prefix, count) = copied.into_iter().max_by_key(|(_, count)| *count)?;
    (2 * count >= used.len()).then_some(prefix)
}

/// A rule as a recipe states it. Patterns are full of backslashes, which strings in single quotes keep where they can.
fn in_toml(rule: &RenameRule) -> String {
    let to = toml_string(&rule.to);
    match (&rule.prefix, &rule.pattern) {
        (_, Some(pattern)) => {
            let is_plain = |letter: char| !letter.is_control() && !"'$".contains(letter);
            let pattern = match pattern.chars().all(is_plain) {
                true => format!("'{pattern}'"),
                false => toml_string(pattern),
            };
            format!("{{ pattern = {pattern}, to = {to} }}")
        }
        (prefix, None) => {
            let prefix = toml_string(prefix.as_deref().unwrap_or_default());
            format!("{{ prefix = {prefix}, to = {to} }}")
        }
    }
}

/// The beginning of names without which at least half of the missing parameters are found, and the most of them: `net.` of
/// `net.layer.weight`, also where the rest is in another layout. And others without which the same parameters are found
/// once more: `ema.` of `ema.layer.weight`. `lacking` says how many are not found with rules.
fn prefixes<'a>(matching: &'a Matching, lacking: impl Fn(Vec<Renaming>) -> usize) -> Vec<&'a str> {
    let missing = matching.lacking();
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
    let left = likely.into_iter().take(TRIED);
    let left = left.map(|(prefix, _)| (lacking(vec![Renaming::without(prefix)]), prefix));
    let fitting: Vec<(usize, &str)> = left.filter(|(left, _)| 2 * left <= missing).collect();
    let Some((least, best)) = fitting.iter().min_by_key(|(left, _)| *left) else {
        return Vec::new();
    };
    let is_copy = |other: &str| {
        let mut both = [*best, other];
        // The longer one may begin with the shorter.
        both.sort_by_key(|prefix| usize::MAX - prefix.len());
        lacking(both.map(Renaming::without).to_vec()) > *least
    };
    let copies = fitting.iter().map(|(_, prefix)| *prefix);
    let copies = copies.filter(|prefix| prefix != best && is_copy(prefix));
    let mut all: Vec<&str> = copies.chain([*best]).collect();
    all.sort_unstable();
    all
}
