//! Patterns as they are written, within limits that no pattern of a person reaches.

use globset::GlobBuilder;
use regex::bytes::{Regex, RegexBuilder};

/// Bytes of a pattern. The automaton of a longer one could be larger than the library allows, which ends in a panic.
const MAX_BYTES: usize = 4096;

/// Bytes of the automaton.
const MAX_COMPILED: usize = 10 << 20;

/// Alternatives in alternatives: deeper ones are refused in the same way.
const MAX_DEPTH: usize = 16;

/// A pattern of texts or paths.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    regex: Regex,
}

impl Glob {
    /// Compiles a pattern; else says what is wrong with it. Where a separator is `literal`, no `*` and no `?` stands for
    /// the `/` of a path.
    pub fn new(text: &str, literal_separator: bool) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!(
                "it has {} bytes, and {MAX_BYTES} is the limit: state several patterns",
                text.len()
            ));
        }
        if depth(text) > MAX_DEPTH {
            return Err(format!(
                "its alternatives {{…}} stand in one another more than {MAX_DEPTH} deep: state several patterns"
            ));
        }
        let glob = GlobBuilder::new(text)
            .literal_separator(literal_separator)
            .build()
            .map_err(|error| error.kind().to_string())?;
        let regex = RegexBuilder::new(&of_characters(glob.regex()))
            .dot_matches_new_line(true)
            .size_limit(MAX_COMPILED)
            .build()
            .map_err(|_| "it is too large when compiled: state several patterns".to_string())?;
        Ok(Self {
            text: text.into(),
            regex,
        })
    }

    /// As it was stated.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches the whole of a text, or of a path in bytes.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }

    /// The pattern, as text, that matches `text` and nothing else.
    pub fn literal(text: &str) -> String {
        // The library leaves the backslash as it is, which would take the meaning of what follows.
        globset::escape(text).replace('\\', "\\\\")
    }
}

/// The library's expression takes bytes for characters: here `?` and `[…]` stand for one character, however many bytes
/// it has. `*` stands for any bytes: the name of a file need not be UTF-8.
fn of_characters(regex: &str) -> String {
    let mut of_characters = String::with_capacity(regex.len());
    let mut rest = regex;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '[' if rest.starts_with("[^/]*") => 5,
            '[' => {
                let class = class(rest);
                of_characters += &format!("(?u:{})", characters(class));
                rest = &rest[class.len()..];
                continue;
            }
            '.' if rest.starts_with(".*") => 2,
            '.' => {
                of_characters += "(?u:.)";
                rest = &rest[1..];
                continue;
            }
            '\\' => 2,
            first => first.len_utf8(),
        };
        of_characters += &rest[..length];
        rest = &rest[length..];
    }
    of_characters
}

/// The class that a piece of an expression begins with.
fn class(rest: &str) -> &str {
    let mut escaped = false;
    let end = rest.bytes().position(|byte| {
        let ends = byte == b']' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    &rest[..end.map_or(rest.len(), |end| end + 1)]
}

/// A class whose characters are spelled as such, and not byte by byte (`\xc3\xa9`).
fn characters(class: &str) -> String {
    let mut pieces = class.split("\\x");
    let mut spelled = pieces.next().unwrap_or_default().to_string();
    let mut bytes = Vec::new();
    for piece in pieces {
        let (byte, after) = piece.split_at(2);
        bytes.extend(u8::from_str_radix(byte, 16));
        if let Ok(text) = std::str::from_utf8(&bytes) {
            spelled += &text
                .chars()
                .map(|letter| format!("\\x{{{:x}}}", u32::from(letter)))
                .collect::<String>();
            bytes.clear();
        }
        spelled += after;
    }
    spelled
}

/// How deep braces are open, whatever precedes them: an upper bound.
fn depth(text: &str) -> usize {
    let mut open = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'{' => open += 1,
            b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_at_the_limits_compile_and_larger_ones_are_refused() {
        let nested = |depth: usize| format!("{}a{}", "{".repeat(depth), "}".repeat(depth));
        let alternatives = |depth: usize| format!("{}a{}", "{b,".repeat(depth), "}".repeat(depth));
        for text in [
            nested(MAX_DEPTH),
            alternatives(MAX_DEPTH),
            "?".repeat(MAX_BYTES),
            "*".repeat(MAX_BYTES),
            "[!é-ü]".repeat(MAX_BYTES / 8),
            "{a,?*}".repeat(MAX_BYTES / 6),
        ] {
            // Whether it is one is the library's to say, as long as it says it.
            let _ = Glob::new(&text, true);
            let _ = Glob::new(&text, false);
        }
        assert!(Glob::new(&nested(MAX_DEPTH), false).unwrap().matches(b"a"));
        for (text, reason) in [
            (nested(MAX_DEPTH + 1), "more than 16 deep"),
            (nested(2000), "more than 16 deep"),
            ("a".repeat(MAX_BYTES + 1), "it has 4097 bytes"),
            ("{a,b}".repeat(1 << 20), "it has 5242880 bytes"),
        ] {
            let error = Glob::new(&text, false).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn the_pattern_of_a_text_matches_it_and_nothing_else() {
        for text in ["a\\*b", "\\", "x.[1]*{a,b}?", "é\\é", "[!a-]"] {
            let glob = Glob::new(&Glob::literal(text), false).unwrap();
            assert!(glob.matches(text.as_bytes()), "{text}");
            assert!(!glob.matches(text.replace('\\', "").as_bytes()) || !text.contains('\\'));
            assert!(!glob.matches(b"a*b"), "{text}");
        }
    }

    #[test]
    fn a_character_is_one_whatever_bytes_it_has() {
        for (pattern, fit, unfit) in [
            (
                "?",
                &["a", "é", "漢", "🦀", "\n"][..],
                &["", "ab", "éé"][..],
            ),
            ("[é]*", &["é", "éa"], &["ö", "e"]),
            ("[à-ü]", &["é", "ü"], &["e", "ÿ", "漢"]),
            ("[!é-]x", &["ax", "öx", "漢x"], &["éx", "-x", "x"]),
            ("[!/]?", &["éé"], &["/é", "é"]),
            ("x[]]\\[y", &["x][y"], &["x]y"]),
            ("{é,b?}*.w", &["é.w", "bé.w", "b漢漢.w"], &["b.w", "ö.w"]),
            ("a.b", &["a.b"], &["axb"]),
        ] {
            for literal in [false, true] {
                let glob = Glob::new(pattern, literal).unwrap();
                let matches = |text: &&&str| glob.matches(text.as_bytes());
                assert_eq!(fit.iter().find(|text| !matches(text)), None, "{pattern}");
                assert_eq!(unfit.iter().find(matches), None, "{pattern}");
            }
        }
        assert!(Glob::new("a*", true).unwrap().matches(b"a\xff.csv"));
        assert!(!Glob::new("a?c", true).unwrap().matches(b"a/c"));
    }
}
