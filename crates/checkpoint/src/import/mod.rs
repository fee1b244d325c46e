//! The strict import: a checkpoint's tensors into a model's parameters, or every reason why not.

mod among;
mod audit;
mod elsewhere;
mod foreign_names;
mod in_parts;
mod matching;
mod naming;
mod nearest;
mod numbers;
mod offences;
mod placeholders;
mod rename;
mod render;
mod rules;
mod shard;
mod suggestion;

use std::collections::BTreeMap;

use rayon::prelude::*;

pub use audit::{Audit, Counts, Flag, Ignored, Loaded, New, Renamed};
pub use rename::RenameRule;
pub use rules::ImportRules;

use super::file::Checkpoint;
use super::float_tensor::FloatTensor;
use super::inspect;
use matching::{Matching, Pair, each};
use naming::Naming;
use offences::{Kind, Offences};
use pipeline_error::Error;
use rules::Patterns;

/// A parameter that the model wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTensor {
    /// Its name in the model.
    pub name: String,
    /// Lengths of its axes; empty for a scalar.
    pub shape: Vec<usize>,
}

/// A successful import.
#[derive(Clone, Debug)]
pub struct Import {
    /// The loaded parameters by target name; those declared new are not among them.
    pub tensors: BTreeMap<String, FloatTensor>,
    /// What was done, tensor by tensor.
    pub audit: Audit,
}

/// Matches a checkpoint with a model. It succeeds only if the parameters without a source are
/// exactly those that `rules.new` matches, the tensors without a target exactly those that
/// `rules.ignore` matches, no pattern matches nothing, and every loaded tensor has its target's
/// shape, a floating type and finite numbers. Otherwise one [`Error::Audit`] lists every offence.
///
/// The checkpoint is used up, so that its memory can become the parameters'.
pub fn import(
    checkpoint: Checkpoint,
    target: &[TargetTensor],
    rules: &ImportRules,
) -> Result<Import, Error> {
    let audit = audit(&checkpoint, target, rules)?;
    let tensors = loaded_tensors(checkpoint, &audit, rules)?;
    Ok(Import { tensors, audit })
}

/// What [`import`] would say, without the parameters.
pub fn audit(
    checkpoint: &Checkpoint,
    target: &[TargetTensor],
    rules: &ImportRules,
) -> Result<Audit, Error> {
    let patterns = rules.compile()?;
    let shapes = target_shapes(target)?;
    let naming = Naming::of(
        checkpoint.tensors.keys(),
        &shapes,
        &patterns.rename,
        rules.exact_names,
        |name| patterns.ignore.first_match(&[name]).is_some(),
    );
    let matching = Matching::of(checkpoint, &shapes, naming);
    let checked = numbers::check_all(&matching.pairs, checkpoint, rules);

    let mut offences = matching.offences(checkpoint, &patterns);
    let mut loaded = Vec::with_capacity(checked.len());
    for result in checked {
        match result {
            Ok(entry) => loaded.push(entry),
            Err((kind, line)) => offences.add(kind, line),
        }
    }
    if !offences.is_empty() {
        let rename = foreign_names::hint(checkpoint, &shapes, rules, &patterns, &matching);
        return Err(offences.into_error(checkpoint, &matching, rules, &patterns, rename));
    }
    placeholders::refuse(checkpoint, &loaded)?;
    flag_tied(&matching.pairs, &mut loaded);
    Ok(matching.audit(checkpoint, &patterns, loaded))
}

/// The tensors of a successful audit, by target name.
fn loaded_tensors(
    mut checkpoint: Checkpoint,
    audit: &Audit,
    rules: &ImportRules,
) -> Result<BTreeMap<String, FloatTensor>, Error> {
    let sources = audit.loaded.iter().filter_map(|entry| {
        let tensor = checkpoint.tensors.remove(&entry.source)?;
        Some((entry, tensor))
    });
    let sources: Vec<_> = sources.collect();
    sources
        .into_par_iter()
        .map(|(entry, tensor)| {
            let shape = tensor.shape().to_vec();
            let values = tensor.into_f32(rules.allow_narrowing);
            let values = values.map_err(|why| Error::stage(format!("{}: {why}", entry.target)))?;
            Ok((entry.target.clone(), FloatTensor { shape, values }))
        })
        .collect()
}

fn target_shapes(target: &[TargetTensor]) -> Result<BTreeMap<&str, &[usize]>, Error> {
    let mut shapes = BTreeMap::new();
    for tensor in target {
        if shapes.insert(&*tensor.name, &*tensor.shape).is_some() {
            return Err(Error::stage(format!(
                "the model has two parameters called {}",
                tensor.name
            )));
        }
    }
    Ok(shapes)
}

/// Flags parameters that are one tensor in the file. `loaded` are the pairs' in their order.
fn flag_tied(pairs: &[Pair], loaded: &mut [Loaded]) {
    let mut first: BTreeMap<(*const u8, usize), usize> = BTreeMap::new();
    for (position, pair) in pairs.iter().enumerate() {
        let bytes = pair.tensor.bytes();
        let other = *first
            .entry((bytes.as_ptr(), bytes.len()))
            .or_insert(position);
        if other != position && pair.tensor.is_tied_to(pairs[other].tensor) {
            for tied in [other, position] {
                if !loaded[tied].flags.contains(&Flag::Tied) {
                    loaded[tied].flags.push(Flag::Tied);
                }
            }
        }
    }
}

impl Matching<'_> {
    fn offences(&self, checkpoint: &Checkpoint, patterns: &Patterns) -> Offences {
        let mut offences = Offences::default();
        for (target, sources) in &self.claimed {
            offences.add(Kind::Claimed, format!("{target}: {}", sources.join(", ")));
        }
        self.missing_offences(checkpoint, patterns, &mut offences);
        self.unused_offences(checkpoint, patterns, &mut offences);
        for pair in &self.pairs {
            if let Some(pattern) = patterns.new.first_match(&[pair.target]) {
                let line = format!("{} {:?}, by `{pattern}`", pair.target, pair.shape);
                offences.add(Kind::NewButPresent, line);
            }
            if let Some(pattern) = patterns.ignore.first_match(&each(&pair.names)) {
                let line = format!("{} {:?}, by `{pattern}`", pair.source, pair.shape);
                offences.add(Kind::IgnoredButUsed, line);
            }
        }
        self.idle_patterns(patterns, &mut offences);
        offences
    }

    fn missing_offences(&self, checkpoint: &Checkpoint, patterns: &Patterns, to: &mut Offences) {
        let free = |(source, _): &(&str, [String; 4])| {
            let tensor = &checkpoint.tensors[*source];
            (source.to_string(), tensor.shape().to_vec())
        };
        let free: Vec<_> = self
            .unused
            .iter()
            .take(nearest::MAX_POOL)
            .map(free)
            .collect();
        for (name, shape) in &self.missing {
            if patterns.new.first_match(&[name]).is_none() {
                let room = to.count(Kind::Missing) < nearest::MAX_SUGGESTIONS;
                let near = elsewhere::describe(checkpoint, name)
                    .unwrap_or_else(|| nearest::describe(name, shape, &free, room));
                to.add(Kind::Missing, format!("{name} {shape:?}{near}"));
            }
        }
    }

    fn unused_offences(&self, checkpoint: &Checkpoint, patterns: &Patterns, to: &mut Offences) {
        let free = |(name, shape): &(&str, &[usize])| (name.to_string(), shape.to_vec());
        let free: Vec<_> = self
            .missing
            .iter()
            .take(nearest::MAX_POOL)
            .map(free)
            .collect();
        for (source, names) in &self.unused {
            if patterns.ignore.first_match(&each(names)).is_none() {
                let tensor = &checkpoint.tensors[*source];
                let room = to.count(Kind::Unused) < nearest::MAX_SUGGESTIONS;
                let near = nearest::describe(source, tensor.shape(), &free, room);
                let line = format!("{source} {:?} {}{near}", tensor.shape(), tensor.dtype());
                to.add(Kind::Unused, line);
            }
        }
    }

    fn idle_patterns(&self, patterns: &Patterns, to: &mut Offences) {
        for (_, told) in self.naming.idle_rules() {
            to.add(Kind::IdlePattern, format!("rename: {told}"));
        }
        let targets = self.missing.iter().map(|(name, _)| *name);
        let present = self.pairs.iter().map(|pair| pair.target);
        let all: Vec<[&str; 1]> = targets.chain(present).map(|name| [name]).collect();
        for pattern in patterns.new.idle(all.iter().map(|names| &names[..])) {
            to.add(
                Kind::IdlePattern,
                format!("new: `{pattern}` matches no parameter"),
            );
        }
        let claimed = self.claimed.values().flatten();
        let claimed: Vec<_> = claimed.map(|name| self.naming.names(name)).collect();
        let left = self.unused.iter().map(|(_, names)| each(names));
        let used = self.pairs.iter().map(|pair| each(&pair.names));
        let all: Vec<[&str; 4]> = left.chain(used).chain(claimed.iter().map(each)).collect();
        for pattern in patterns.ignore.idle(all.iter().map(|names| &names[..])) {
            to.add(
                Kind::IdlePattern,
                format!("ignore: `{pattern}` matches no tensor"),
            );
        }
    }

    fn audit(&self, checkpoint: &Checkpoint, patterns: &Patterns, loaded: Vec<Loaded>) -> Audit {
        let new: Vec<New> = self
            .missing
            .iter()
            .map(|(name, shape)| New {
                target: name.to_string(),
                shape: shape.to_vec(),
                pattern: patterns.new.first_match(&[name]).unwrap_or_default().into(),
            })
            .collect();
        let ignored: Vec<Ignored> = self
            .unused
            .par_iter()
            .map(|(source, names)| Ignored {
                pattern: patterns
                    .ignore
                    .first_match(&each(names))
                    .unwrap_or_default()
                    .into(),
                tensor: inspect::one(source, &checkpoint.tensors[*source]),
            })
            .collect();
        let renamed = loaded.iter().filter(|entry| entry.source != entry.target);
        let renamed: Vec<Renamed> = renamed
            .map(|entry| Renamed {
                source: entry.source.clone(),
                target: entry.target.clone(),
            })
            .collect();
        let notes = checkpoint.notes.iter().cloned();
        let nothing = "warning: no parameter is loaded: all of them are new";
        let nothing = loaded.is_empty().then(|| nothing.to_string());
        let notes = notes
            .chain(nothing)
            .chain(elsewhere::note(checkpoint, &new));
        let notes = notes.collect();
        let numbers = |entry: &Loaded| entry.shape.iter().product::<usize>();
        Audit {
            file: checkpoint.file_name(),
            container: checkpoint.container,
            counts: Counts {
                source_tensors: checkpoint.tensors.len(),
                target_parameters: loaded.len() + new.len(),
                loaded: loaded.len(),
                loaded_numbers: loaded.iter().map(numbers).sum(),
                renamed: renamed.len(),
                new: new.len(),
                ignored: ignored.len(),
            },
            renamings: self.naming.renamings(),
            loaded,
            renamed,
            new,
            ignored,
            notes,
        }
    }
}

#[cfg(test)]
mod tests;
