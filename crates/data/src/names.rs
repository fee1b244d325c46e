//! Names in messages, and in what messages say to write or to run.

use pipeline_error::plain;
use serde_json::Value;

/// The first names with commas; of more than `most`, how many more there are.
pub fn first_of(names: &[String], most: usize) -> String {
    let first = names[..names.len().min(most)].join(", ");
    match names.len().saturating_sub(most) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Names that a list in a message has at most: a table may have millions of columns.
const LISTED: usize = 60;

/// Names in backquotes, with commas; of very many the first, and how many more there are.
pub(super) fn quoted<'a>(mut names: impl Iterator<Item = &'a String>) -> String {
    let first: Vec<String> = (names.by_ref().take(LISTED))
        .map(|name| format!("`{name}`"))
        .collect();
    let first = first.join(", ");
    match names.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// A string of TOML, as a hint states it. JSON strings are strings of TOML but for `${`, which a recipe would take for a
/// reference, and for U+007F, which [`plain::json`] escapes.
pub(super) fn toml_text(text: &str) -> String {
    let string = Value::String(text.into()).to_string();
    plain::json(&string).replace("${", "$${")
}

/// A word of a command line, in quotes where a shell would read more than the word in it.
pub(super) fn shell_word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./=:,+@%".contains(letter);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A number of things with their name: `1 event`, `2 events`.
pub(super) fn counted(count: u64, name: &str) -> String {
    match count {
        1 => format!("1 {name}"),
        _ => format!("{count} {name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_of_toml_has_no_letter_that_ends_it_or_that_toml_refuses() {
        for (text, expected) in [
            ("HR", "\"HR\""),
            ("a \"b\"\\c", r#""a \"b\"\\c""#),
            ("e\u{301}", "\"e\u{301}\""),
            ("a\n\u{7f}\u{202e}", r#""a\n\u007f\u202e""#),
            ("${x}", "\"$${x}\""),
        ] {
            assert_eq!(toml_text(text), expected);
        }
    }

    #[test]
    fn a_word_for_a_shell_is_in_quotes_where_it_must_be() {
        assert_eq!(shell_word("a/c.csv"), "a/c.csv");
        assert_eq!(shell_word("my c.csv"), "'my c.csv'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }

    #[test]
    fn one_thing_has_its_singular() {
        assert_eq!(counted(1, "stay"), "1 stay");
        assert_eq!(counted(0, "stay"), "0 stays");
    }

    #[test]
    fn of_very_many_names_the_first_are_listed_and_the_others_counted() {
        let names: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        assert_eq!(quoted(names[..2].iter()), "`0`, `1`");
        assert!(quoted(names[..60].iter()).ends_with(", `59`"));
        assert!(quoted(names.iter()).ends_with(", `59` and 940 more"));
    }
}
