//! Reading the JSON schema that the Rust types generate: the part of the language they use.

use std::sync::LazyLock;

use serde_json::{Map, Value};

/// What a schema wants at one place.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'s> {
    root: &'s Value,
    here: &'s Map<String, Value>,
}

/// The ways of writing a value of an enum.
#[derive(Debug)]
pub enum Variants<'s> {
    /// One of these strings.
    Names(Vec<&'s str>),
    /// A table whose key `tag` says which of these it is.
    Tagged(&'s str, Vec<(&'s str, Shape<'s>)>),
    /// A table with exactly one of these keys, or one of these strings, if there are any.
    Keyed(Vec<(&'s str, Shape<'s>)>, Vec<&'s str>),
}

static ANYTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

impl<'s> Shape<'s> {
    /// The shape of a whole document.
    pub fn new(root: &'s Value) -> Self {
        Self {
            root,
            here: root.as_object().unwrap_or(&ANYTHING),
        }
        .resolved()
    }

    fn of(self, schema: &'s Value) -> Self {
        Self {
            root: self.root,
            here: schema.as_object().unwrap_or(&ANYTHING),
        }
        .resolved()
    }

    /// Follows references, and options to what they hold: TOML has no null.
    fn resolved(self) -> Self {
        let reference = self.here.get("$ref").and_then(Value::as_str);
        let target = reference
            .and_then(|reference| {
                // Names of definitions are names of Rust types: nothing in them is escaped.
                let mut names = reference.strip_prefix("#/")?.split('/');
                names.try_fold(self.root, |inside, name| inside.get(name))
            })
            .or_else(|| {
                let mut some = self.list("anyOf").iter().filter(|one| !is_null(one));
                some.next().filter(|_| some.next().is_none())
            });
        target.map_or(self, |target| self.of(target))
    }

    fn list(self, keyword: &str) -> &'s [Value] {
        let list = self.here.get(keyword).and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    }

    /// A keyword's value.
    pub fn keyword(self, keyword: &str) -> Option<&'s Value> {
        self.here.get(keyword)
    }

    /// The type that is wanted; `None`: any of [`Shape::alternatives`], or no matter.
    pub fn type_name(self) -> Option<&'s str> {
        match self.here.get("type")? {
            Value::String(name) => Some(name),
            Value::Array(names) => names
                .iter()
                .filter_map(Value::as_str)
                .find(|&name| name != "null"),
            _ => None,
        }
    }

    /// Shapes of different types, any of which fits.
    pub fn alternatives(self) -> Vec<Shape<'s>> {
        let all = self.list("anyOf").iter().filter(|one| !is_null(one));
        all.map(|one| self.of(one)).collect()
    }

    /// Tells the places of one schema apart.
    pub fn address(self) -> usize {
        std::ptr::from_ref(self.here).addr()
    }

    /// The ways of writing an enum, if it is one.
    pub fn variants(self) -> Option<Variants<'s>> {
        if let Some(Value::Array(names)) = self.here.get("enum") {
            return Some(Variants::Names(
                names.iter().filter_map(Value::as_str).collect(),
            ));
        }
        if let Some(Value::String(name)) = self.here.get("const") {
            return Some(Variants::Names(vec![name]));
        }
        let members: Vec<Shape> = self.list("oneOf").iter().map(|one| self.of(one)).collect();
        let (words, members): (Vec<Shape>, Vec<Shape>) = members
            .into_iter()
            .partition(|member| member.type_name() == Some("string"));
        let names = words
            .iter()
            .filter_map(|member| member.variants())
            .flat_map(|variants| match variants {
                Variants::Names(names) => names,
                _ => Vec::new(),
            })
            .collect();
        let Some(first) = members.first() else {
            return (!words.is_empty()).then_some(Variants::Names(names));
        };
        if let Some(tag) = ["kind", "format"]
            .into_iter()
            .find(|tag| first.constant(tag).is_some())
        {
            let tagged = members
                .iter()
                .filter_map(|member| Some((member.constant(tag)?, *member)));
            return Some(Variants::Tagged(tag, tagged.collect()));
        }
        let keyed = members.iter().filter_map(|member| {
            let (key, _) = member.here.get("properties")?.as_object()?.iter().next()?;
            Some((key.as_str(), *member))
        });
        Some(Variants::Keyed(keyed.collect(), names))
    }

    fn constant(self, key: &str) -> Option<&'s str> {
        self.here
            .get("properties")?
            .get(key)?
            .get("const")?
            .as_str()
    }

    /// What is wanted at a key; `None`: the key does not exist.
    pub fn property(self, key: &str) -> Option<Shape<'s>> {
        let known = self.here.get("properties").and_then(|all| all.get(key));
        match known.or_else(|| self.here.get("additionalProperties")) {
            Some(Value::Bool(false)) => None,
            Some(schema) => Some(self.of(schema)),
            None => Some(Self {
                root: self.root,
                here: &ANYTHING,
            }),
        }
    }

    /// The keys that exist.
    pub fn keys(self) -> impl Iterator<Item = &'s str> {
        let properties = self.here.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
    }

    /// The keys that must be there.
    pub fn required(self) -> impl Iterator<Item = &'s str> {
        self.list("required").iter().filter_map(Value::as_str)
    }

    /// The first sentence of a key's description.
    pub fn description(self, key: &str) -> Option<&'s str> {
        let property = self.here.get("properties")?.get(key)?;
        let own = property.get("description").and_then(Value::as_str);
        own.or_else(|| self.of(property).keyword("description")?.as_str())
    }

    /// What a key's value is where it is not stated.
    pub fn default_of(self, key: &str) -> Option<&'s Value> {
        self.here.get("properties")?.get(key)?.get("default")
    }

    /// What is wanted of the item at an index.
    pub fn item(self, index: usize) -> Option<Shape<'s>> {
        let own = self.list("prefixItems").get(index);
        own.or_else(|| self.here.get("items"))
            .map(|schema| self.of(schema))
    }

    /// A number the keyword gives.
    pub fn number(self, keyword: &str) -> Option<f64> {
        self.here.get(keyword)?.as_f64()
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// Whether a text matches one of the patterns the schema uses: `^[…]+$`, `^[…]{n}$` or `^(word|[^…])$`, where
/// `[…]` lists characters and ranges. `None`: the pattern is of another form.
pub fn matches(pattern: &str, text: &str) -> Option<bool> {
    if let Some(either) = pattern
        .strip_prefix("^(")
        .and_then(|rest| rest.strip_suffix(")$"))
    {
        let all: Option<Vec<bool>> = either.split('|').map(|one| is_one(one, text)).collect();
        return all.map(|all| all.contains(&true));
    }
    let inner = pattern.strip_prefix("^[")?.strip_suffix('$')?;
    let (class, count) = inner.rsplit_once(']')?;
    let length_fits = match count {
        "+" => !text.is_empty(),
        _ => {
            let number = count.strip_prefix('{')?.strip_suffix('}')?;
            text.chars().count() == number.parse::<usize>().ok()?
        }
    };
    let class: Vec<char> = class.chars().collect();
    Some(length_fits && text.chars().all(|character| in_class(&class, character)))
}

/// Whether a text is a word, or one character that is none of a class: `word` or `[^…]`.
fn is_one(pattern: &str, text: &str) -> Option<bool> {
    let Some(class) = pattern.strip_prefix("[^") else {
        let is_word = pattern.chars().all(char::is_alphanumeric);
        return is_word.then_some(pattern == text);
    };
    let class: Vec<char> = class.strip_suffix(']')?.chars().collect();
    let mut characters = text.chars();
    let only = characters.next().filter(|_| characters.next().is_none());
    Some(only.is_some_and(|only| !in_class(&class, only)))
}

fn in_class(mut class: &[char], character: char) -> bool {
    loop {
        class = match class {
            [from, '-', to, rest @ ..] => {
                if (*from..=*to).contains(&character) {
                    return true;
                }
                rest
            }
            [one, rest @ ..] => {
                if *one == character {
                    return true;
                }
                rest
            }
            [] => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_the_schema_are_matched_and_others_are_not_guessed() {
        let name = "^[A-Za-z0-9_-]+$";
        assert_eq!(matches(name, "a-b_9"), Some(true));
        assert_eq!(matches(name, "a.b"), Some(false));
        assert_eq!(matches(name, ""), Some(false));
        assert_eq!(matches("^[0-9a-f]{4}$", "00ff"), Some(true));
        assert_eq!(matches("^[0-9a-f]{4}$", "00fff"), Some(false));
        assert_eq!(matches("a|b", "a"), None);
        let separator = "^(tab|[^A-Za-z0-9._-])$";
        for (text, fits) in [
            ("tab", true),
            (";", true),
            ("||", false),
            ("1", false),
            ("", false),
        ] {
            assert_eq!(matches(separator, text), Some(fits), "{text}");
        }
    }
}
