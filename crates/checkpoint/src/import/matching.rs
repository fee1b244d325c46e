use std::collections::BTreeMap;

use super::naming::Naming;
use crate::file::Checkpoint;
use crate::source_tensor::SourceTensor;

/// A parameter and its source.
pub(super) struct Pair<'a> {
    pub(super) target: &'a str,
    pub(super) shape: &'a [usize],
    pub(super) source: &'a str,
    /// The names that `ignore` could call it by.
    pub(super) names: [String; 4],
    pub(super) tensor: &'a SourceTensor,
}

impl Pair<'_> {
    /// What messages call it.
    pub(super) fn name(&self) -> String {
        match self.source == self.target {
            true => self.target.to_string(),
            false => format!("{} (there {})", self.target, self.source),
        }
    }
}

/// Who belongs to whom, before any number is looked at.
pub(super) struct Matching<'a> {
    pub(super) naming: Naming<'a>,
    pub(super) pairs: Vec<Pair<'a>>,
    /// Parameters without a source.
    pub(super) missing: Vec<(&'a str, &'a [usize])>,
    /// Sources without a parameter: their name in the file, and those that `ignore` could call it by.
    pub(super) unused: Vec<(&'a str, [String; 4])>,
    /// Targets that several sources claim.
    pub(super) claimed: BTreeMap<String, Vec<&'a str>>,
}

/// The names as patterns take them.
pub(super) fn each(names: &[String; 4]) -> [&str; 4] {
    names.each_ref().map(String::as_str)
}

impl<'a> Matching<'a> {
    pub(super) fn of(
        checkpoint: &'a Checkpoint,
        shapes: &BTreeMap<&'a str, &'a [usize]>,
        naming: Naming<'a>,
    ) -> Self {
        let mut sources: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in checkpoint.tensors.keys() {
            sources.entry(naming.target(name)).or_default().push(name);
        }
        let (mut pairs, mut unused) = (Vec::new(), Vec::new());
        for (target, names) in &mut sources {
            let parameter = shapes.get_key_value(&**target);
            let (left, among) = match parameter {
                Some(_) => naming.take_ignored(names),
                None => (names.clone(), None),
            };
            unused.extend(left.iter().map(|name| (*name, naming.names(name))));
            if let (Some((target, shape)), [source]) = (parameter, &names[..]) {
                pairs.push(Pair {
                    target,
                    shape,
                    source,
                    names: naming.names_among(source, among),
                    tensor: &checkpoint.tensors[*source],
                });
            }
        }
        let without = shapes
            .iter()
            .filter(|(name, _)| !sources.contains_key(**name));
        let missing = without.map(|(name, shape)| (*name, *shape)).collect();
        sources.retain(|target, names| names.len() > 1 && shapes.contains_key(&**target));
        Matching {
            naming,
            pairs,
            missing,
            unused,
            claimed: sources,
        }
    }

    /// How many parameters have no tensor of their own that is not ignored.
    pub(super) fn lacking(&self) -> usize {
        self.missing.len() + self.claimed.len() + self.unwanted().count()
    }

    /// Pairs whose tensor `ignore` calls by its name in the file.
    pub(super) fn unwanted(&self) -> impl Iterator<Item = &Pair<'a>> {
        let pairs = self.pairs.iter();
        pairs.filter(|pair| self.naming.is_ignored(pair.source))
    }
}
