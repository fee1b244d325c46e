//! Text for people, as a terminal gets it: our own colours act, and nothing else in it does.
//!
//! Names, cells, paths, recipes and what programs print come from others, and all that is written for people passes
//! through here. Our own sequences bear a mark that nobody else can know.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use pipeline_error::plain::{spelled, steers};

/// What begins a sequence of ours, until it is shown: drawn anew by every process.
static MARK: LazyLock<String> =
    LazyLock::new(|| format!("\x1b{:016x}", RandomState::new().build_hasher().finish()));

/// Appends a sequence that will act: `32m` after it colours.
pub fn begin_sequence(canvas: &mut String) {
    canvas.push_str(&MARK);
    canvas.push('[');
}

/// The text with its sequences in force; lines end and tabs stand where they do, and all else that steers is spelled out.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return text.into();
    }
    let mut parts = text.split(MARK.as_str());
    let mut whole = String::with_capacity(text.len());
    let spell = |whole: String, part: &str| {
        part.chars()
            .fold(whole, |mut whole, letter| match acts(letter) {
                true => spelled(whole, letter),
                false => {
                    whole.push(letter);
                    whole
                }
            })
    };
    whole = spell(whole, parts.next().unwrap_or_default());
    for part in parts {
        whole.push('\x1b');
        whole = spell(whole, part);
    }
    whole.into()
}

fn acts(letter: char) -> bool {
    steers(letter) && !matches!(letter, '\n' | '\t')
}

/// What is shown of a line that a program printed: its colours are left out, and other control characters.
pub fn of_program(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            // A control sequence ends with its first letter from @ to ~.
            '\x1b' if letters.as_str().starts_with('[') => {
                letters.next();
                letters.find(|letter| ('@'..='~').contains(letter));
            }
            '\t' => text.push(' '),
            letter if steers(letter) => {}
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_sequences_act() {
        let mut text = String::from("a\x1b[31m\r\u{202e}\n\t");
        begin_sequence(&mut text);
        text += "32mok";
        let expected = "a\\u{1b}[31m\\r\\u{202e}\n\t\x1b[32mok";
        assert_eq!(shown(&text), expected);
        assert_eq!(shown("plain\n"), "plain\n");
    }

    #[test]
    fn a_program_s_line_keeps_its_words() {
        assert_eq!(of_program("\x1b[31m40\t%\x1b[0m\r\u{202e}"), "40 %");
        assert_eq!(of_program("\x1b]52;c;eA==\x07"), "]52;c;eA==");
    }
}
