//! Text for a recipe or a shell: a hint can be pasted as it stands.

use serde_json::Value;

use crate::plain;

/// A string of TOML. JSON strings are strings of TOML but for `${`, which a recipe would take for a reference, and for
/// U+007F, which [`plain::json`] escapes.
///
/// ```
/// assert_eq!(pipeline_error::pasted::toml_string("a \"b\""), r#""a \"b\"""#);
/// ```
pub fn toml_string(text: &str) -> String {
    let string = Value::String(text.into()).to_string();
    plain::json(&string).replace("${", "$${")
}

/// A word of a command line, in quotes where a shell would read more than the word in it.
///
/// ```
/// assert_eq!(pipeline_error::pasted::shell_word("my charts.csv"), "'my charts.csv'");
/// ```
pub fn shell_word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./=:,+@%".contains(letter);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The words of a command line.
pub fn shell_line<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> String {
    let words = words.into_iter().map(|word| shell_word(word.as_ref()));
    words.collect::<Vec<_>>().join(" ")
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
            assert_eq!(toml_string(text), expected);
        }
    }

    #[test]
    fn a_word_for_a_shell_is_in_quotes_where_it_must_be() {
        let line = shell_line(["a/c.csv", "my c.csv", "it's", "", "ü=1"]);
        assert_eq!(line, r"a/c.csv 'my c.csv' 'it'\''s' '' ü=1");
    }
}
