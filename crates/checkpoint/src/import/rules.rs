use super::rename::{RenameRule, Renaming};
use crate::pattern::Pattern;
use pipeline_error::Error;

/// What an import may leave open, declared beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportRules {
    /// Patterns of exactly the parameters that have no source. `*` matches dots too.
    pub new: Vec<String>,
    /// Patterns of exactly the tensors that have no target, by their name in the file, with or
    /// without a prefix that goes, or the name that they have after the rules or would have in the
    /// model. Of several tensors for one parameter the plainest of these names counts by which some are matched and
    /// some are not.
    pub ignore: Vec<String>,
    /// What tensors are called in the model, one rule after the other.
    pub rename: Vec<RenameRule>,
    /// Whether names are taken as they are: no wrapper's prefix goes, no layout is translated.
    pub exact_names: bool,
    /// Whether F64 may be rounded to F32.
    pub allow_narrowing: bool,
}

impl ImportRules {
    /// Refuses patterns that are none ([`Error::Usage`]).
    pub fn validate(&self) -> Result<(), Error> {
        self.compile().map(|_| ())
    }

    /// Whether a tensor of this name may be left over.
    pub fn ignores(&self, name: &str) -> bool {
        let mut patterns = self
            .ignore
            .iter()
            .filter_map(|text| Pattern::new(text).ok());
        patterns.any(|pattern| pattern.matches(name))
    }

    pub(super) fn compile(&self) -> Result<Patterns, Error> {
        let renaming = |(rule, index): (&RenameRule, usize)| {
            rule.compile().map_err(|(field, reason)| Error::Usage {
                message: format!("rename.{index}.{field} {reason}"),
                hint: None,
            })
        };
        let rename = self.rename.iter().zip(0..).map(renaming);
        Ok(Patterns {
            rename: rename.collect::<Result<_, _>>()?,
            new: PatternSet::of("new", &self.new)?,
            ignore: PatternSet::of("ignore", &self.ignore)?,
        })
    }
}

pub(super) struct Patterns {
    pub(super) rename: Vec<Renaming>,
    pub(super) new: PatternSet,
    pub(super) ignore: PatternSet,
}

pub(super) struct PatternSet(Vec<Pattern>);

impl PatternSet {
    fn of(field: &str, patterns: &[String]) -> Result<Self, Error> {
        let compile = |text: &String| {
            Pattern::new(text).map_err(|reason| Error::Usage {
                message: format!("{field}: `{text}` is no pattern: {reason}"),
                hint: Some(Pattern::SYNTAX.into()),
            })
        };
        Ok(Self(
            patterns.iter().map(compile).collect::<Result<_, _>>()?,
        ))
    }

    /// The first pattern that matches one of the names.
    pub(super) fn first_match(&self, names: &[&str]) -> Option<&str> {
        let first = self.0.iter().find(|pattern| pattern.matches_any(names));
        first.map(Pattern::text)
    }

    /// The patterns that match none of the items, each with its names.
    pub(super) fn idle<'a>(&self, items: impl Iterator<Item = &'a [&'a str]> + Clone) -> Vec<&str> {
        let is_idle = |pattern: &&Pattern| !items.clone().any(|names| pattern.matches_any(names));
        self.0.iter().filter(is_idle).map(Pattern::text).collect()
    }

    /// Whether one of `patterns`, which are of this set, matches one of the names.
    pub(super) fn matches_one_of(&self, patterns: &[&str], names: &[&str]) -> bool {
        let mut chosen = (self.0.iter()).filter(|pattern| patterns.contains(&pattern.text()));
        chosen.any(|pattern| pattern.matches_any(names))
    }

    /// The patterns that match something of `wanted` and nothing of `unwanted`.
    pub(super) fn exact(&self, wanted: &[&str], unwanted: &[&str]) -> Vec<&str> {
        let is_exact =
            |pattern: &&Pattern| pattern.matches_any(wanted) && !pattern.matches_any(unwanted);
        self.0.iter().filter(is_exact).map(Pattern::text).collect()
    }
}
