//! Texts that say that there is no value.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::names::quoted;

/// What stands for a missing number or time. A category and the name of a variable may be called so.
const MISSING: [&str; 8] = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"];

/// Whether a text says that there is no number or time.
pub(super) fn is_missing(text: &str) -> bool {
    MISSING.contains(&text)
}

/// A text that a recipe lists for a missing value.
#[derive(Clone, Debug)]
pub(super) struct MissingText {
    text: String,
    /// The number that it spells.
    number: Option<f64>,
    /// Whether a cell says so; clones share it.
    was_found: Arc<AtomicBool>,
}

impl From<&str> for MissingText {
    fn from(text: &str) -> Self {
        Self {
            text: text.into(),
            number: finite(text),
            was_found: Arc::default(),
        }
    }
}

impl MissingText {
    /// Those of a setting.
    pub(super) fn all(texts: &[String]) -> Vec<Self> {
        texts.iter().map(|text| text.as_str().into()).collect()
    }

    fn mark(&self) {
        // Threads share the flag, and a store would take it from all of them.
        if !self.was_found.load(Ordering::Relaxed) {
            self.was_found.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether a text is listed, letter by letter.
pub(super) fn lists(listed: &[MissingText], text: &str) -> bool {
    finds(listed, |one| one.text == text)
}

/// Whether a number is listed, however either is written.
pub(super) fn lists_number(listed: &[MissingText], number: f64) -> bool {
    finds(listed, |one| {
        one.number
            .is_some_and(|stated| is_written_as(number, stated))
    })
}

/// Whether a cell that is read as a number is listed.
pub(super) fn lists_value(listed: &[MissingText], text: &str) -> bool {
    let by_value = finite(text).is_some_and(|number| lists_number(listed, number));
    lists(listed, text) || by_value
}

/// What is worth reading of texts that no cell says, once all cells have been read.
pub(super) fn note_of_unfound(setting: &str, listed: &[MissingText]) -> Option<String> {
    // Cells that say `NaN` or nothing are missing anyway, and nobody asks the list.
    let unfound = listed.iter().filter(|one| !is_missing(&one.text));
    let unfound = unfound.filter(|one| !one.was_found.load(Ordering::Relaxed));
    let unfound = quoted(unfound.map(|one| &one.text));
    (!unfound.is_empty())
        .then(|| format!("{setting} lists {unfound}, and no cell that was read says so"))
}

/// Whether a value is the number that a recipe states. MEDS and others store values of 32 bits: 99.9 is
/// 99.9000015258789 there, which is what 99.9 in a recipe means, too. Whole numbers are what they are.
pub(super) fn is_written_as(value: f64, stated: f64) -> bool {
    value == stated || (stated.fract() != 0.0 && value == f64::from(stated as f32))
}

/// All of them are asked: two may spell one number, and both are found then.
fn finds(listed: &[MissingText], is_it: impl Fn(&MissingText) -> bool) -> bool {
    let found = listed.iter().filter(|one| is_it(one));
    found.inspect(|one| one.mark()).fold(false, |_, _| true)
}

/// The number that a text spells, unless it is infinite or none.
pub(super) fn finite(text: &str) -> Option<f64> {
    let number = text.parse::<f64>().ok();
    number.filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_missing_anyway_are_not_looked_for() {
        assert_eq!(note_of_unfound("missing", &["".into(), "NaN".into()]), None);
        let note = note_of_unfound("missing", &["NA".into(), "?".into()]);
        let said = "missing lists `?`, and no cell that was read says so";
        assert_eq!(note.as_deref(), Some(said));
    }

    #[test]
    fn a_number_is_listed_however_it_is_written_and_a_text_letter_by_letter() {
        let listed: Vec<MissingText> = ["-9999.0", "99.9", "?", "-9999"].map(Into::into).into();
        for text in ["-9999", "-9999.00", "-9.999e3", "99.90", "?"] {
            assert!(lists_value(&listed, text), "{text}");
        }
        assert!(lists_number(&listed, f64::from(99.9_f32)));
        for text in ["-9998", "9999", "", "99.91", "inf"] {
            assert!(!lists_value(&listed, text), "{text}");
        }
        assert!(lists(&listed, "99.9") && !lists(&listed, "99.90"));
    }

    #[test]
    fn a_text_that_no_cell_says_is_told() {
        let listed: Vec<MissingText> = ["-1", "-1.0", "x", "y"].map(Into::into).into();
        let shared = listed.clone();
        assert!(lists_number(&shared, -1.0) && lists(&shared, "y"));
        let note = note_of_unfound("missing", &listed);
        let told = "missing lists `x`, and no cell that was read says so";
        assert_eq!(note.as_deref(), Some(told));
        assert_eq!(note_of_unfound("missing", &listed[..2]), None);
    }
}
