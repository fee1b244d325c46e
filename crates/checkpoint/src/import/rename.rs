//! Rules that say what a checkpoint's tensors are called in the model.

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule: what a name begins with, or a pattern of whole names, and what takes its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameRule {
    /// What a name begins with; `to` takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// A regular expression of the whole name; `$1` to `$9` in `to` stand for its groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What takes its place; `$$` is a dollar sign.
    pub to: String,
}

impl RenameRule {
    /// Reads the rule; else says what is wrong with it, and in which of its fields.
    pub fn compile(&self) -> Result<Renaming, (&'static str, String)> {
        let way = match (&self.prefix, &self.pattern) {
            (Some(prefix), None) => Way::Prefix(prefix.clone(), self.to.clone()),
            (None, Some(pattern)) => {
                let whole = whole(pattern);
                let whole = whole.map_err(|error| ("pattern", last_line(&error.to_string())))?;
                let template = Template::read(&self.to, whole.captures_len())
                    .map_err(|reason| ("to", reason))?;
                Way::Pattern(whole, template)
            }
            (Some(_), Some(_)) => return Err(("pattern", "stands beside a prefix".into())),
            (None, None) => return Err(("to", "has neither prefix nor pattern beside it".into())),
        };
        Ok(Renaming {
            text: self.describe(),
            way,
        })
    }

    /// The rule in words.
    pub fn describe(&self) -> String {
        let from = self.prefix.as_ref().or(self.pattern.as_ref());
        format!("`{}` → `{}`", from.map_or("", String::as_str), self.to)
    }
}

/// The expression of a whole name.
fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    // Checked alone: `a)|(b` is an expression only with the brackets around it.
    Regex::new(pattern)?;
    // A comment, which `(?x)` allows, goes on to the end of its line.
    Regex::new(&format!("^(?:{pattern})$")).or_else(|_| Regex::new(&format!("^(?:{pattern}\n)$")))
}

/// The reason is the last line of a parser's drawing.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_string()
}

/// A rule that can be applied.
#[derive(Clone, Debug)]
pub struct Renaming {
    text: String,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Prefix(String, String),
    Pattern(Regex, Template),
}

impl Renaming {
    /// The rule that takes a prefix off.
    pub(super) fn without(prefix: &str) -> Self {
        Self {
            text: prefix.into(),
            way: Way::Prefix(prefix.into(), String::new()),
        }
    }

    /// The prefix that the rule takes off; none of another rule.
    pub(super) fn taken_off(&self) -> Option<&str> {
        match &self.way {
            Way::Prefix(prefix, to) if to.is_empty() && !prefix.is_empty() => Some(prefix),
            Way::Prefix(..) | Way::Pattern(..) => None,
        }
    }

    /// The rule in words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The new name; none where the rule does not match.
    pub fn apply(&self, name: &str) -> Option<String> {
        match &self.way {
            Way::Prefix(prefix, to) => {
                let rest = name.strip_prefix(prefix.as_str())?;
                Some(format!("{to}{rest}"))
            }
            Way::Pattern(pattern, template) => {
                let captures = pattern.captures(name)?;
                let parts = template.0.iter().map(|part| match part {
                    Part::Text(text) => text.as_str(),
                    Part::Group(group) => captures.get(*group).map_or("", |found| found.as_str()),
                });
                Some(parts.collect())
            }
        }
    }
}

/// Text with groups in it. Our own reading: that of `regex` takes `$1_x` for a group called
/// `1_x`, which is not there, and puts nothing in its place.
#[derive(Clone, Debug)]
struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Group(usize),
}

impl Template {
    /// `groups` counts the whole match, too.
    fn read(text: &str, groups: usize) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '$' {
                literal.push(character);
                continue;
            }
            match characters.next() {
                Some('$') => literal.push('$'),
                Some(digit @ '1'..='9') => {
                    let group = digit as usize - '0' as usize;
                    if group >= groups {
                        let count = groups - 1;
                        return Err(format!("names group ${group}, and the pattern has {count}"));
                    }
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                    parts.push(Part::Group(group));
                }
                _ => return Err("has a `$` that is neither $1 to $9 nor $$".into()),
            }
        }
        parts.push(Part::Text(literal));
        Ok(Self(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(pattern: &str, to: &str) -> RenameRule {
        RenameRule {
            prefix: None,
            pattern: Some(pattern.into()),
            to: to.into(),
        }
    }

    #[test]
    fn a_prefix_is_replaced_where_a_name_begins_with_it() {
        let rule = RenameRule {
            prefix: Some("encoder.".into()),
            pattern: None,
            to: "set_encoder.".into(),
        };
        let renaming = rule.compile().unwrap();
        assert_eq!(renaming.apply("encoder.w").unwrap(), "set_encoder.w");
        assert_eq!(renaming.apply("my.encoder.w"), None);
        assert_eq!(renaming.text(), "`encoder.` → `set_encoder.`");
    }

    #[test]
    fn groups_of_a_pattern_come_back_and_the_whole_name_must_match() {
        let rule = pattern(r"h\.(\d+)\.(attn|mlp)\.(.*)", "layers.$1.$2_$3$$");
        let renaming = rule.compile().unwrap();
        assert_eq!(
            renaming.apply("h.12.attn.weight").unwrap(),
            "layers.12.attn_weight$"
        );
        assert_eq!(renaming.apply("x.h.12.attn.weight"), None);
        assert_eq!(renaming.apply("h.x.attn.weight"), None);
        let commented = pattern(r"(?x) dec \. (.*) # all", "$1").compile().unwrap();
        assert_eq!(commented.apply("dec.weight").unwrap(), "weight");
        assert_eq!(commented.apply("my.dec.weight"), None);
        // An alternative at the top is one of whole names as well.
        let either = pattern("a|b", "c").compile().unwrap();
        assert_eq!(either.apply("a").unwrap(), "c");
        assert_eq!(either.apply("ab"), None);
    }

    #[test]
    fn rules_that_cannot_be_meant_are_refused_with_their_field() {
        let (field, reason) = pattern("a(", "b").compile().unwrap_err();
        assert_eq!((field, reason.as_str()), ("pattern", "unclosed group"));
        for inside_out in ["x)|(?:dec", "x)|(dec"] {
            let (field, reason) = pattern(inside_out, "b").compile().unwrap_err();
            assert_eq!((field, reason.as_str()), ("pattern", "unopened group"));
        }
        let (field, reason) = pattern("(a)", "$2").compile().unwrap_err();
        assert_eq!(field, "to");
        assert_eq!(reason, "names group $2, and the pattern has 1");
        assert_eq!(pattern("a", "$x").compile().unwrap_err().0, "to");
        let both = RenameRule {
            prefix: Some("a".into()),
            ..pattern("a", "b")
        };
        assert_eq!(both.compile().unwrap_err().0, "pattern");
        let neither = RenameRule {
            pattern: None,
            ..pattern("a", "b")
        };
        assert_eq!(neither.compile().unwrap_err().0, "to");
    }
}
