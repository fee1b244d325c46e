//! TOML: mutations line by line and word by word.

use pipeline_random::Draws;

use crate::bytes::{self, pick, place, range};

/// What is put into the lines of a kind of file.
pub struct Vocabulary {
    pub words: &'static [&'static str],
    pub keys: &'static [&'static str],
    pub tables: &'static [&'static str],
    /// What makes whole lines of other kinds.
    pub lines: &'static [fn(&mut Draws) -> String],
}

impl Vocabulary {
    /// A text with one change.
    pub fn mutate(&self, input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
        let (Ok(text), Ok(theirs)) = (std::str::from_utf8(input), std::str::from_utf8(other))
        else {
            return bytes::mutate(input, other, draws);
        };
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        let theirs: Vec<&str> = theirs.lines().collect();
        let at = place(draws, lines.len());
        match draws.below(12) {
            0 => drop(lines.drain(range(draws, lines.len()))),
            1 => {
                let second = place(draws, lines.len());
                if !lines.is_empty() {
                    lines.swap(at, second);
                }
            }
            2 => {
                let block = theirs[range(draws, theirs.len())].iter();
                lines.splice(at..at, block.map(|line| line.to_string()));
            }
            3 => lines.insert(at, pick(draws, self.tables).to_string()),
            4 => lines.insert(at, self.statement(draws)),
            5..=7 if !self.lines.is_empty() => lines.insert(at, pick(draws, self.lines)(draws)),
            _ => {
                if let Some(line) = lines.get_mut(at) {
                    *line = self.changed(line, &theirs, draws);
                }
            }
        }
        lines.join("\n").into_bytes()
    }

    /// A key with a value.
    pub fn statement(&self, draws: &mut Draws) -> String {
        format!("{} = {}", pick(draws, self.keys), pick(draws, self.words))
    }

    /// A line with another value, another key, or a piece of another line.
    fn changed(&self, line: &str, theirs: &[&str], draws: &mut Draws) -> String {
        let parts = |line: &str| {
            line.split_once(" = ")
                .map(|(key, value)| (key.to_string(), value.to_string()))
        };
        let other = match theirs {
            [] => None,
            lines => parts(pick(draws, lines)),
        };
        match (parts(line), other, draws.below(6)) {
            (Some((key, _)), _, 0) => format!("{key} = {}", pick(draws, self.words)),
            (Some((_, value)), _, 1) => format!("{} = {value}", pick(draws, self.keys)),
            (Some((key, _)), Some((_, value)), 2) => format!("{key} = {value}"),
            (Some((_, value)), Some((key, _)), 3) => format!("{key} = {value}"),
            _ => {
                let bytes = bytes::mutate(line.as_bytes(), theirs.join("\n").as_bytes(), draws);
                String::from_utf8_lossy(&bytes).into_owned()
            }
        }
    }
}
