use std::collections::BTreeMap;

use super::rules::PatternSet;
use super::{ImportRules, Matching, Patterns, each, elsewhere, suggestion};
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
        let hint = match elsewhere::hint(checkpoint, matching.naming.prefix(), missing) {
            Some(hint) => Some(hint),
            None => self.hint(matching, rules, patterns, rename),
        };
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
        let mut parts = Vec::new();
        let concerns = |kinds: &[Kind]| kinds.iter().any(|kind| self.lines.contains_key(kind));
        let new = recipe_new(matching, patterns);
        let ignore = recipe_ignore(matching, patterns);
        let by_name = [
            Kind::Missing,
            Kind::Unused,
            Kind::NewButPresent,
            Kind::IgnoredButUsed,
            Kind::IdlePattern,
        ];
        let mut missing = matching.missing.iter();
        let all_new = missing.all(|(name, _)| patterns.new.first_match(&[name]).is_some());
        if let Some(rename) = rename {
            parts.push(rename);
        } else if matching.pairs.is_empty() && matching.claimed.is_empty() && !all_new {
            parts.push(
                "no tensor is called as a parameter of the model is: if it is the right file, `rename` of the import stage \
                 says what its tensors are called there"
                    .into(),
            );
        } else if concerns(&by_name) && (new != rules.new || ignore != rules.ignore) {
            parts.push(format!(
                "if all of this is meant, the import stage of the recipe says:\nnew = {}\nignore = {}",
                in_toml(&new),
                in_toml(&ignore)
            ));
        }
        if concerns(&[Kind::Shape]) {
            parts.push("the model's sizes are set in the recipe's [model] table".to_string());
        }
        if concerns(&[Kind::Type]) {
            parts.push(
                "weights are F32, F16 or BF16; `allow_narrowing = true` in the import stage rounds F64, and \
                 others must be converted where the file comes from"
                    .into(),
            );
        }
        (!parts.is_empty()).then(|| parts.join("\n"))
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
