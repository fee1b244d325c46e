//! Names in messages.

use std::fmt::Display;

use pipeline_error::listed::first_names;

/// Names that a list in a message has at most: a table may have millions of columns.
const LISTED: usize = 60;

/// Names in backquotes, with commas; of very many the first, and how many more there are.
pub(super) fn quoted<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    first_names(names, LISTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_names_the_first_are_listed_and_the_others_counted() {
        let names: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        assert_eq!(quoted(names[..2].iter()), "`0`, `1`");
        assert!(quoted(names[..60].iter()).ends_with(", `59`"));
        assert!(quoted(names.iter()).ends_with(", `59` and 940 more"));
    }
}
