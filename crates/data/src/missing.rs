//! Texts that say that there is no value.

/// What stands for a missing number or time. A category and the name of a variable may be called so.
const MISSING: [&str; 8] = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"];

/// Whether a text says that there is no number or time.
pub(super) fn is_missing(text: &str) -> bool {
    MISSING.contains(&text)
}
