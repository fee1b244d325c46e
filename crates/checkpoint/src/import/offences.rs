use std::collections::BTreeMap;

use super::matching::{Matching, each};
use super::rules::PatternSet;
use super::{
    ImportRules, Patterns, elsewhere, foreign_names, in_parts, placeholders, shard, suggestion,
};
use crate::file::Checkpoint;
use pipeline_error::pasted::toml_string;
use pipeline_error::{Code, Error};

/// What can be wrong with a tensor, a parameter or a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Missing,
    Unused,
    Shape,
    Type,
    NotFinite,
    Claimed,
    NewButPresent,
    IgnoredButUsed,
    IdlePattern,
}

impl Kind {
    fn heading(self) -> &'static str {
        match self {
            Kind::Missing => "missing from the checkpoint",
            Kind::Unused => "unexpected: in the checkpoint, but no parameter is called so",
            Kind::Shape => "different shape",
            Kind::Type => "wrong type",
            Kind::NotFinite => "not finite",
            Kind::Claimed => "more than one tensor for one parameter",
            Kind::NewButPresent => "declared new, but present in the checkpoint",
            Kind::IgnoredButUsed => "declared ignored, but used",
            Kind::IdlePattern => "patterns without effect",
        }
    }

    /// The page that says most about it.
    fn code(self) -> Option<Code> {
        match self {
            Kind::Missing => Some(Code::MissedParameter),
            Kind::Unused => Some(Code::UnusedTensor),
            Kind::Shape => Some(Code::ShapeMismatch),
            Kind::NewButPresent | Kind::IgnoredButUsed | Kind::IdlePattern => {
                Some(Code::IdlePattern)
            }
            Kind::Type | Kind::NotFinite | Kind::Claimed => None,
        }
    }
}

/// Everything that is wrong with an import.
#[derive(Debug, Default)]
pub(super) struct Offences {
    lines: BTreeMap<Kind, Vec<String>>,
}

impl Offences {
    pub(super) fn add(&mut self, kind: Kind, line: String) {
        self.lines.entry(kind).or_default().push(line);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn count(&self, kind: Kind) -> usize {
        self.lines.get(&kind).map_or(0, Vec::len)
    }

    pub(super) fn into_error(
        self,
        checkpoint: &Checkpoint,
        matching: &Matching,
        rules: &ImportRules,
        patterns: &Patterns,
        rename: Option<String>,
    ) -> Error {
        let total: usize = self.lines.values().map(Vec::len).sum();
        let mut message = format!(
            "{} does not fit the model: {total} {}; nothing was loaded",
            checkpoint.path.display(),
            if total == 1 { "offence" } else { "offences" },
        );
        for renaming in matching.naming.renamings() {
            message.push_str(&format!("\nnames: {renaming}"));
        }
        for (kind, lines) in &self.lines {
            message.push_str(&format!("\n{} ({}):", kind.heading(), lines.len()));
            for line in lines {
                message.push_str("\n  ");
                message.push_str(line);
            }
        }
        let missing = matching.missing.iter().map(|(name, _)| *name);
        let missing = missing.filter(|name| patterns.new.first_match(&[name]).is_none());
        let missing: Vec<&str> = missing.collect();
        let beside = || {
            let prefix = matching.naming.prefix();
            elsewhere::hint(checkpoint, prefix, missing.iter().copied())
        };
        let shard = || match missing.is_empty() {
            true => None,
            false => shard::hint(&checkpoint.path),
        };
        let hint = in_parts::hint(matching, patterns, &missing)
            .or_else(shard)
            .or_else(beside)
            .or_else(|| self.hint(matching, rules, patterns, rename));
        let error = Error::Audit { message, hint };
        match self.lines.keys().find_map(|kind| kind.code()) {
            Some(code) => error.coded(code),
            None => error,
        }
    }

    fn hint(
        &self,
        matching: &Matching,
        rules: &ImportRules,
        patterns: &Patterns,
        rename: Option<String>,
    ) -> Option<String> {
        let mut parts = match rename {
            Some(rename) => vec![rename],
            None => self.by_name(matching, rules, patterns),
        };
        if self.count(Kind::Shape) > 0 {
            let other = matching.pairs.iter();
            let mut other = other.filter(|pair| pair.tensor.shape() != pair.shape);
            if matching.pairs.iter().any(placeholders::is_empty) {
                parts.push(placeholders::HINT.to_string());
            }
            if other.any(|pair| !placeholders::is_empty(pair)) {
                parts.push("the model's sizes are set in the recipe's [model] table".to_string());
            }
        }
        if self.count(Kind::Type) > 0 {
            parts.push(
                "weights are F32, F16 or BF16; `allow_narrowing = true` in the import stage rounds F64, and \
                 others must be converted where the file comes from"
                    .into(),
            );
        }
        if parts.is_empty() && matching.naming.idle_rules().next().is_some() {
            let busy = foreign_names::busy_rules(&rules.rename, &matching.naming);
            parts.push(format!(
                "without the rules that match nothing the import stage of the recipe says:\n{busy}"
            ));
        }
        (!parts.is_empty()).then(|| parts.join("\n"))
    }

    /// What to do about names that do not fit and have no prefix of their own.
    fn by_name(
        &self,
        matching: &Matching,
        rules: &ImportRules,
        patterns: &Patterns,
    ) -> Vec<String> {
        if !matching.claimed.is_empty() {
            let mut claiming = matching.claimed.values().flatten();
            let todo = match claiming.any(|source| matching.naming.is_ruled(source)) {
                true => {
                    "let `rename` change the name of none but the one to load, and list the rest"
                }
                false => "list all but the one to load",
            };
            return vec![format!(
                "several tensors are for one parameter: {todo} in `ignore`, by their names in the file"
            )];
        }
        if let Some(hint) = self.by_other_names(matching, patterns) {
            return vec![hint];
        }
        let by_name = [
            Kind::Missing,
            Kind::Unused,
            Kind::NewButPresent,
            Kind::IgnoredButUsed,
            Kind::IdlePattern,
        ];
        let new = recipe_new(matching, patterns);
        let ignore = recipe_ignore(matching, patterns);
        let concerned = by_name.iter().any(|kind| self.count(*kind) > 0);
        if !concerned || (new == rules.new && ignore == rules.ignore) {
            return Vec::new();
        }
        let copy = foreign_names::second_copy(matching, patterns).map(|prefix| {
            format!(
                "half of the model or more is in the file twice, once behind `{prefix}`: to load that, list the rest in `ignore`, \
                 by its names in the file, and take the prefix off in `rename`"
            )
        });
        let declared = format!(
            "if all of this is meant, the import stage of the recipe says:\nnew = {}\nignore = {}",
            in_toml(&new),
            in_toml(&ignore)
        );
        copy.into_iter().chain([declared]).collect()
    }

    /// What to do where no tensor is loaded, or none that `ignore` does not list.
    fn by_other_names(&self, matching: &Matching, patterns: &Patterns) -> Option<String> {
        let mut missing = matching.missing.iter();
        let all_new = missing.all(|(name, _)| patterns.new.first_match(&[name]).is_some());
        // To ignore the rest and not these would be the opposite of the choice that `ignore` states.
        let unwanted = self.count(Kind::Unused) > 0
            && !matching.pairs.is_empty()
            && matching.unwanted().count() == matching.pairs.len();
        let but = match unwanted {
            true => "but those that `ignore` lists ",
            false => "",
        };
        (unwanted || (matching.pairs.is_empty() && !all_new)).then(|| {
            format!(
                "no tensor {but}is called as a parameter of the model is: if it is the right file, `rename` of the import \
                 stage says what its tensors are called there"
            )
        })
    }
}

fn in_toml(patterns: &[String]) -> String {
    let all: Vec<String> = patterns
        .iter()
        .map(|pattern| toml_string(pattern))
        .collect();
    format!("[{}]", all.join(", "))
}

fn recipe_new(matching: &Matching, patterns: &Patterns) -> Vec<String> {
    let missing: Vec<[&str; 1]> = matching.missing.iter().map(|(name, _)| [*name]).collect();
    let present = matching.pairs.iter().map(|pair| pair.target);
    completed(&patterns.new, &missing, present.collect())
}

fn recipe_ignore(matching: &Matching, patterns: &Patterns) -> Vec<String> {
    let unused = matching.unused.iter();
    let unused: Vec<[&str; 4]> = unused.map(|(_, names)| each(names)).collect();
    let used = matching.pairs.iter().flat_map(|pair| each(&pair.names));
    completed(&patterns.ignore, &unused, used.collect())
}

/// The declared patterns that are right, and those that are lacking. The wanted ones may each go by
/// several names, of which the first is suggested.
fn completed<const N: usize>(
    declared: &PatternSet,
    wanted: &[[&str; N]],
    mut unwanted: Vec<&str>,
) -> Vec<String> {
    unwanted.sort_unstable();
    let right = declared.exact(wanted.as_flattened(), &unwanted);
    let uncovered: Vec<&str> = wanted
        .iter()
        .filter(|names| !declared.matches_one_of(&right, &names[..]))
        .map(|names| names[0])
        .collect();
    let mut all: Vec<String> = right.into_iter().map(str::to_string).collect();
    all.extend(suggestion::patterns(&uncovered, &unwanted));
    all
}
