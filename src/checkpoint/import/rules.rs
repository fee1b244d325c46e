use globset::{GlobBuilder, GlobMatcher};

use crate::error::Error;

/// What an import may leave open, declared beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportRules {
    /// Patterns of exactly the parameters that have no source. `*` matches dots too.
    pub new: Vec<String>,
    /// Patterns of exactly the tensors that have no target, by their name in the file or the
    /// name they would have in the model.
    pub ignore: Vec<String>,
    /// Whether F64 may be rounded to F32.
    pub allow_narrowing: bool,
}

impl ImportRules {
    /// Refuses patterns that are none ([`Error::Usage`]).
    pub fn validate(&self) -> Result<(), Error> {
        self.compile().map(|_| ())
    }

    pub(super) fn compile(&self) -> Result<Patterns, Error> {
        Ok(Patterns {
            new: PatternSet::of("new", &self.new)?,
            ignore: PatternSet::of("ignore", &self.ignore)?,
        })
    }
}

pub(super) struct Patterns {
    pub(super) new: PatternSet,
    pub(super) ignore: PatternSet,
}

pub(super) struct PatternSet {
    matchers: Vec<GlobMatcher>,
}

impl PatternSet {
    fn of(field: &str, patterns: &[String]) -> Result<Self, Error> {
        let compile = |pattern: &String| {
            let glob = GlobBuilder::new(pattern).literal_separator(false).build();
            let glob = glob.map_err(|error| Error::Usage {
                message: format!("{field}: `{pattern}` is no pattern: {}", error.kind()),
                hint: Some("`*` stands for any characters, `?` for one, `{a,b}` for either".into()),
            })?;
            Ok(glob.compile_matcher())
        };
        let matchers = patterns.iter().map(compile).collect::<Result<_, Error>>()?;
        Ok(PatternSet { matchers })
    }

    /// The first pattern that matches one of the names.
    pub(super) fn first_match(&self, names: &[&str]) -> Option<&str> {
        let matches = |matcher: &&GlobMatcher| names.iter().any(|name| matcher.is_match(name));
        let first = self.matchers.iter().find(matches);
        first.map(|matcher| matcher.glob().glob())
    }

    /// The patterns that match none of the items, each with its names.
    pub(super) fn idle<'a>(&self, items: impl Iterator<Item = &'a [&'a str]> + Clone) -> Vec<&str> {
        let matches = |matcher: &GlobMatcher| {
            let mut names = items.clone().flatten();
            names.any(|name| matcher.is_match(name))
        };
        let idle = self.matchers.iter().filter(|matcher| !matches(matcher));
        idle.map(|matcher| matcher.glob().glob()).collect()
    }

    /// Whether one of `patterns`, which are of this set, matches one of the names.
    pub(super) fn matches_one_of(&self, patterns: &[&str], names: &[&str]) -> bool {
        let chosen = self.matchers.iter();
        let mut chosen = chosen.filter(|matcher| patterns.contains(&matcher.glob().glob()));
        chosen.any(|matcher| names.iter().any(|name| matcher.is_match(name)))
    }

    /// The patterns that match something of `wanted` and nothing of `unwanted`.
    pub(super) fn exact(&self, wanted: &[&str], unwanted: &[&str]) -> Vec<&str> {
        let any = |matcher: &GlobMatcher, names: &[&str]| names.iter().any(|n| matcher.is_match(n));
        let exact = self.matchers.iter();
        let exact = exact.filter(|matcher| any(matcher, wanted) && !any(matcher, unwanted));
        exact.map(|matcher| matcher.glob().glob()).collect()
    }
}
