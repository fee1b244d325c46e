//! Lists and numbers of things, as a message states them.

use std::fmt::Display;

/// The first of `things` with commas; of more than `most`, how many more there are.
///
/// ```
/// use pipeline_error::listed::first_of;
///
/// assert_eq!(first_of(["a", "b", "c"], 2), "a, b and 1 more");
/// assert_eq!(first_of(["a", "b"], 2), "a, b");
/// ```
pub fn first_of<T: Display>(things: impl IntoIterator<Item = T>, most: usize) -> String {
    let mut things = things.into_iter();
    let first: Vec<String> = (things.by_ref().take(most))
        .map(|thing| thing.to_string())
        .collect();
    let first = first.join(", ");
    match things.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// As [`first_of`], names in backquotes.
pub fn first_names<T: Display>(names: impl IntoIterator<Item = T>, most: usize) -> String {
    first_of(names.into_iter().map(|name| format!("`{name}`")), most)
}

/// A number of things with their name.
///
/// ```
/// use pipeline_error::listed::counted;
///
/// assert_eq!(counted(1, "stay"), "1 stay");
/// assert_eq!(counted(0, "stay"), "0 stays");
/// ```
pub fn counted(count: usize, name: &str) -> String {
    match count {
        1 => format!("1 {name}"),
        _ => format!("{count} {name}s"),
    }
}

/// The verb of so many things.
pub fn are(count: usize) -> &'static str {
    match count {
        1 => "is",
        _ => "are",
    }
}
