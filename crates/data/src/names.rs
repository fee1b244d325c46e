//! Names in messages.

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
