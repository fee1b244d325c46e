//! Patterns of parameter names and of paths: what recipes state as `new`, `ignore`, `trainable` and in groups of an
//! optimizer.
//!
//! An input is a pattern a line, an empty line, and a name a line.

use std::path::Path;

use pipeline_checkpoint::{ImportRules, Pattern};
use pipeline_files::FilePattern;
use pipeline_random::Draws;
use pipeline_train::optimizer::{AdamW, Optimizer, ParameterGroup, Update};

use crate::bytes::{self, pick, place, range};

const SEEDS: [&str; 5] = [
    "cls_head.*\n\ncls_head.0.weight\nold.cls_head.0.weight",
    "encoder.{0,1}.*\n*.bias\n\nencoder.0.weight\nencoder.2.bias\n",
    "layer?.[a-c]*\n[!x]*\n\nlayer1.bias\nxyz",
    "a\\*b\n**\n\na*b\naab\n",
    "*\n?\n\n\u{e9}\nab\n",
];

const PIECES: &[&str] = &[
    "*",
    "**",
    "?",
    "[a-z]",
    "[!a]",
    "[]",
    "[",
    "]",
    "{",
    "}",
    "{a,b}",
    "{,}",
    "{a,{b,c}}",
    ",",
    "\\",
    "\\*",
    "/",
    "**/",
    "/**",
    ".",
    "..",
    "-",
    "^",
    "\u{e9}",
    "\u{10ffff}",
    "\0",
    "a",
    "[\u{e0}-\u{ff}]",
    "[z-a]",
    "[a-]",
    "$",
    "(",
    ")",
    "|",
    "+",
];

pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let seeds = SEEDS
        .iter()
        .map(|seed| (seed.replace('\n', " "), (*seed).into()));
    seeds.collect()
}

pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let mut changed = input.to_vec();
    let at = place(draws, changed.len());
    match draws.below(6) {
        0 => bytes::mutate(input, other, draws),
        1 => {
            let times = 1 << draws.below(11);
            let piece = pick(draws, PIECES).repeat(times);
            changed.splice(at..at, piece.into_bytes());
            changed
        }
        2 => {
            let depth = 1 + place(draws, 40);
            let nested = format!("{}a{}", "{b,".repeat(depth), "}".repeat(depth));
            changed.splice(at..at, nested.into_bytes());
            changed
        }
        3 => {
            let block = other[range(draws, other.len())].to_vec();
            changed.splice(at..at, block);
            changed
        }
        _ => {
            let place = range(draws, changed.len());
            changed.splice(place, pick(draws, PIECES).bytes());
            changed
        }
    }
}

/// Whether every pattern is one. Whoever reads them agrees on that and on what they match.
pub fn check(input: &[u8]) -> Result<bool, String> {
    let text = String::from_utf8_lossy(input);
    let (patterns, names) = text.split_once("\n\n").unwrap_or((&text, ""));
    let patterns: Vec<&str> = patterns.split('\n').take(4).collect();
    let names: Vec<&str> = names.split('\n').take(16).collect();
    let mut read = Vec::new();
    for text in &patterns {
        read.push(one(text, &names)?);
    }
    let all: Option<Vec<Pattern>> = read.into_iter().collect();
    let owned = || patterns.iter().map(|text| text.to_string());
    let rules = ImportRules {
        new: owned().collect(),
        ignore: owned().collect(),
        ..ImportRules::default()
    };
    if rules.validate().is_ok() != all.is_some() {
        return Err("an import takes other patterns".into());
    }
    literal(names.first().unwrap_or(&""), &names)?;
    in_groups(&patterns, &names, all.as_deref())?;
    Ok(all.is_some())
}

/// A pattern, if it is one.
fn one(text: &str, names: &[&str]) -> Result<Option<Pattern>, String> {
    // Paths are compared elsewhere; here it is enough that they are read.
    if let Ok(Some(pattern)) = FilePattern::of(Path::new(text)) {
        for name in names {
            let _ = pattern.fits(Path::new(name));
        }
    }
    let read = match Pattern::new(text) {
        Ok(read) => read,
        Err(reason) if reason.is_empty() => return Err("refused without a reason".into()),
        Err(_) => return Ok(None),
    };
    if read.text() != text {
        return Err(format!("{text:?} is kept as {:?}", read.text()));
    }
    for name in names {
        if is_plain(text) && read.matches(name) != fits(text, name) {
            let says = read.matches(name);
            return Err(format!(
                "{text:?} matches {name:?}: {says}, and should not say so"
            ));
        }
    }
    Ok(Some(read))
}

/// The pattern of a name matches that name and no other, if it is not too long for one.
fn literal(name: &str, names: &[&str]) -> Result<(), String> {
    let Ok(own) = Pattern::new(&Pattern::of_name(name)) else {
        return Ok(());
    };
    match names
        .iter()
        .find(|other| own.matches(other) != (*other == &name))
    {
        None => Ok(()),
        Some(other) => Err(format!("the pattern of {name:?} is wrong about {other:?}")),
    }
}

/// In an optimizer the first pattern that matches gives a parameter its rate.
fn in_groups(patterns: &[&str], names: &[&str], read: Option<&[Pattern]>) -> Result<(), String> {
    let group = |(pattern, lr): (&&str, u32)| ParameterGroup {
        pattern: pattern.to_string(),
        lr: Some(f64::from(lr)),
        weight_decay: None,
    };
    let base = AdamW {
        lr: 0.5,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: 0.0,
    };
    let optimizer = Optimizer {
        update: Update::AdamW(base),
        groups: patterns.iter().zip(1..).map(group).collect(),
    };
    match (optimizer.rates(names.iter().copied()), read) {
        (Ok(_), None) => Err("an optimizer takes what is no pattern".into()),
        (Ok(rates), Some(read)) => {
            let expected = |name: &str| {
                let first = read
                    .iter()
                    .zip(1..)
                    .find(|(pattern, _)| pattern.matches(name));
                first.map_or(0.5, |(_, lr)| f64::from(lr))
            };
            let wrong = rates.iter().find(|(name, own)| own.lr != expected(name));
            match wrong {
                None => Ok(()),
                Some((name, own)) => Err(format!("{name:?} has the rate {}", own.lr)),
            }
        }
        (Err(mistake), _) => match mistake.problem.is_empty() {
            true => Err("a group is refused without a reason".into()),
            false => Ok(()),
        },
    }
}

/// Whether a pattern has no sign but `*` and `?`.
fn is_plain(text: &str) -> bool {
    text.len() <= 64 && !text.contains(['[', ']', '{', '}', '\\', '/'])
}

/// What such a pattern means, by trying.
fn fits(pattern: &str, name: &str) -> bool {
    let mut reached = vec![true];
    reached.resize(name.chars().count() + 1, false);
    for sign in pattern.chars() {
        let letters = name.chars().enumerate();
        let mut next = vec![sign == '*' && reached[0]];
        for (at, letter) in letters {
            next.push(match sign {
                '*' => reached[at + 1] || next[at],
                '?' => reached[at],
                sign => reached[at] && sign == letter,
            });
        }
        reached = next;
    }
    reached.last() == Some(&true)
}
