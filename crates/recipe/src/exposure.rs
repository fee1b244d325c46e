//! What a recipe takes from its environment, and what in it looks like a password or a token: all of it is recorded.

use std::collections::BTreeMap;

use super::pieces::{Content, pieces};
use super::tree::{Node, Value};

/// How tokens of well-known services begin, and how many characters follow at the least.
const TOKENS: [(&str, usize); 13] = [
    ("AKIA", 12),
    ("ASIA", 12),
    ("github_pat_", 16),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghs_", 16),
    ("ghu_", 16),
    ("glpat-", 16),
    ("hf_", 16),
    ("pypi-", 16),
    ("sk-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
];

/// What of a recipe others should not see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Whether values come from the environment or are set in one.
    pub holds_environment: bool,
    /// Places of values that look like credentials, each with the reason.
    pub credentials: BTreeMap<String, String>,
}

impl Exposure {
    /// That of a tree as it is written, and as it is with its references replaced.
    pub(super) fn of(written: &Node, settled: &Node) -> Self {
        Self::of_references(written).and_values(settled)
    }

    /// That of the references in a tree.
    pub(super) fn of_references(written: &Node) -> Self {
        let mut found = Self::default();
        walk(written, &mut Vec::new(), &mut |path, text| {
            for piece in pieces(text) {
                if let Content::Env { name, .. } = piece.content {
                    found.holds_environment = true;
                    if names_a_secret(name) {
                        found.note(path, format!("it takes ${{env:{name}}}"));
                    }
                }
            }
        });
        found
    }

    /// Also that of a tree whose references are replaced.
    pub(super) fn and_values(mut self, settled: &Node) -> Self {
        let found = &mut self;
        walk(settled, &mut Vec::new(), &mut |path, text| {
            if let [.., "env", name] = path {
                found.holds_environment = true;
                if names_a_secret(name) && !text.is_empty() {
                    found.note(path, "its name says so".into());
                }
            }
            if let Some(why) = is_a_secret(text) {
                found.note(path, why);
            }
        });
        self
    }

    fn note(&mut self, path: &[&str], why: String) {
        self.credentials.entry(path.join(".")).or_insert(why);
    }
}

/// Every string below a node, with its place.
fn walk<'t>(node: &'t Node, path: &mut Vec<&'t str>, see: &mut dyn FnMut(&[&str], &str)) {
    match &node.value {
        Value::String(text, _) => see(path, text),
        // A list's items have the place of the list.
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, see)),
        Value::Table(table) => {
            for entry in table.iter() {
                path.push(&entry.key);
                walk(&entry.node, path, see);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Whether a variable of this name holds a secret: `API_TOKEN`, `AWS_SECRET_ACCESS_KEY`, `apikey`; not `MAX_TOKENS` and not
/// `TOKENIZERS_PARALLELISM`.
fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL"]
        .iter()
        .any(|word| name.contains(word))
        || name
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .any(|word| word.ends_with("TOKEN") || word.ends_with("KEY"))
}

/// Why a text is taken for a secret, if it is.
fn is_a_secret(text: &str) -> Option<String> {
    let is_of_token = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    let words = text.split(|letter: char| !is_of_token(letter));
    for word in words {
        let known = TOKENS.iter().find(|(start, least)| {
            word.strip_prefix(start)
                .is_some_and(|rest| rest.len() >= *least)
        });
        if let Some((start, _)) = known {
            return Some(format!("it begins like a token, `{start}…`"));
        }
    }
    let (_, after) = text.split_once("://")?;
    let authority = after.split(['/', '?', '#', ' ']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    (!password.is_empty()).then(|| "its address holds a password".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_names_like_them() {
        for name in [
            "API_TOKEN",
            "HF_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "apikey",
            "MYTOKEN",
            "db_password",
            "KEY",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in [
            "MAX_TOKENS",
            "TOKENIZERS_PARALLELISM",
            "KEYBOARD",
            "PATH",
            "SEED",
        ] {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    #[test]
    fn values_of_secrets_are_told_from_values_like_them() {
        for text in [
            "ghp_abcdefghijklmnopqrst",
            "--token=hf_abcdefghijklmnopqrst",
            "sk-proj-0123456789abcdef",
            "AKIAIOSFODNN7EXAMPLE",
            "https://me:pw@example.org/x",
        ] {
            assert!(is_a_secret(text).is_some(), "{text}");
        }
        for text in [
            "sk-learn",
            "https://example.org/a:b@c",
            "ssh://git@example.org",
            "task-force-of-many-people-and",
            "hf_hub",
            "",
        ] {
            assert_eq!(is_a_secret(text), None, "{text}");
        }
    }
}
