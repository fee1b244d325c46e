//! Text that does not steer a terminal, whoever wrote it: control characters and those that turn the direction of what
//! is shown are spelled out.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character does something to a terminal, or to the order of the others, instead of being shown: C0 with line
/// ends and tabs, DEL, C1, the marks, embeddings, overrides and isolates of the bidirectional algorithm, and line ends
/// that only some programs take for such.
pub fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{061c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// A text of one line: all that steers is spelled out, `\n`, `\t`, `\u{1b}`.
pub fn line(text: &str) -> Cow<'_, str> {
    match text.contains(steers) {
        false => text.into(),
        true => text.chars().fold(String::new(), spelled).into(),
    }
}

/// Appends a character, spelled out if it steers.
pub fn spelled(mut text: String, letter: char) -> String {
    match steers(letter) {
        true => text.extend(letter.escape_default()),
        false => text.push(letter),
    }
    text
}

/// A JSON document in which all that steers stands as `\u….`: it can only be part of strings, but for the line ends
/// and blanks between values.
pub fn json(document: &str) -> Cow<'_, str> {
    let steers = |letter: char| steers(letter) && !matches!(letter, '\n' | '\r' | '\t');
    if !document.contains(steers) {
        return document.into();
    }
    let mut text = String::with_capacity(document.len() + 16);
    for letter in document.chars() {
        match steers(letter) {
            // A text takes all that is written to it. None is beyond U+FFFF.
            true => drop(write!(text, "\\u{:04x}", letter as u32)),
            false => text.push(letter),
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_spelled_out_and_all_else_stays() {
        let plain = "naïve – 日本 🏥 e\u{301}";
        assert_eq!(line(plain), plain);
        assert_eq!(line("a\x1b]52;c;x\x07b"), "a\\u{1b}]52;c;x\\u{7}b");
        assert_eq!(line("\u{9b}31m\x7f\r\n\t"), "\\u{9b}31m\\u{7f}\\r\\n\\t");
        for turned in [
            '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{200e}', '\u{200f}',
        ] {
            assert!(steers(turned) && line(&turned.to_string()).is_ascii());
        }
    }

    #[test]
    fn a_json_document_says_the_same_with_what_steers_spelled_out() {
        let document = "{\n  \"a\u{202e}\": \"\u{9b}\u{7f}\"\n}\n";
        let shown = json(document);
        assert_eq!(shown, "{\n  \"a\\u202e\": \"\\u009b\\u007f\"\n}\n");
        assert_eq!(json("{\n\"a\": 1}"), "{\n\"a\": 1}");
    }
}
