use std::collections::BTreeMap;
use std::fmt::Write;

use super::audit::{Audit, Flag};
use pipeline_error::listed::first_of;

/// Characters shown of a note.
const LONGEST_NOTE: usize = 300;
/// Names shown of a list.
const SHOWN: usize = 4;

impl Audit {
    /// A short account for a terminal.
    pub fn render(&self) -> String {
        let counts = &self.counts;
        let mut text = format!("from     {} ({})\n", self.file, self.container);
        let _ = writeln!(
            text,
            "loaded   {} of {} parameters, {} numbers",
            counts.loaded, counts.target_parameters, counts.loaded_numbers
        );
        if counts.renamed > 0 {
            let how = self.renamings.join(", ");
            let _ = writeln!(text, "renamed  {}: {how}", counts.renamed);
        }
        let new = self.new.iter().map(|entry| entry.pattern.as_str());
        let _ = writeln!(text, "new      {}{}", counts.new, by_pattern(new));
        let ignored = self.ignored.iter().map(|entry| entry.pattern.as_str());
        let _ = writeln!(text, "ignored  {}{}", counts.ignored, by_pattern(ignored));
        for (flag, names) in self.flagged() {
            let _ = writeln!(
                text,
                "note     {} {}: {}",
                names.len(),
                flag.words(),
                first_of(&names, SHOWN)
            );
        }
        for note in &self.notes {
            let _ = writeln!(text, "note     {}", cut(note));
        }
        text
    }

    fn flagged(&self) -> BTreeMap<Flag, Vec<&str>> {
        let mut flagged: BTreeMap<Flag, Vec<&str>> = BTreeMap::new();
        for entry in &self.loaded {
            for flag in &entry.flags {
                flagged.entry(*flag).or_default().push(&entry.target);
            }
        }
        flagged
    }
}

/// A note that names thousands is whole in the audit's document alone.
fn cut(note: &str) -> String {
    match note.char_indices().nth(LONGEST_NOTE) {
        None => note.into(),
        Some((end, _)) => format!("{}… (all of it is in the audit)", &note[..end]),
    }
}

fn by_pattern<'a>(patterns: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for pattern in patterns {
        *counts.entry(pattern).or_default() += 1;
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(p, n)| format!("{n} by `{p}`"))
        .collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(": {}", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let cut = cut(&"ü".repeat(LONGEST_NOTE + 1));
        assert_eq!(cut.chars().filter(|c| *c == 'ü').count(), LONGEST_NOTE);
        assert!(cut.ends_with("… (all of it is in the audit)"));
    }
}
