//! A path as one word of a line for `sh -ec`.

/// What needs no quotes wherever it stands.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_-./+:@%,".contains(letter)
}

/// The quotes that a line leaves open.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Open {
    Nothing,
    Single,
    Double,
}

/// The quotes that are open after `line`, in the innermost of its `$(…)`.
fn open(line: &str) -> Open {
    let mut outer = Vec::new();
    let mut open = Open::Nothing;
    let mut before = ' ';
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (open, letter) {
            // Whatever follows a backslash stands for itself, but in single quotes.
            (Open::Nothing | Open::Double, '\\') => drop(letters.next()),
            (Open::Nothing, '\'') => open = Open::Single,
            (Open::Nothing, '"') => open = Open::Double,
            (Open::Single, '\'') | (Open::Double, '"') => open = Open::Nothing,
            (Open::Nothing, '(') => outer.push(open),
            (Open::Double, '$') if letters.peek() == Some(&'(') => {
                letters.next();
                outer.push(std::mem::replace(&mut open, Open::Nothing));
            }
            (Open::Nothing, ')') => open = outer.pop().unwrap_or(Open::Nothing),
            (Open::Nothing, '#') if before.is_whitespace() => {
                letters
                    .by_ref()
                    .take_while(|letter| *letter != '\n')
                    .for_each(drop);
            }
            _ => {}
        }
        before = letter;
    }
    open
}

/// `path` as the shell takes it literally where it follows `line`: a plain one as it is, another in quotes, and inside
/// the recipe's own quotes without leaving them.
pub(super) fn quoted(path: &str, line: &str) -> String {
    match open(line) {
        Open::Nothing if !path.is_empty() && path.chars().all(is_plain) => path.to_string(),
        Open::Nothing => format!("'{}'", in_single(path)),
        Open::Single => in_single(path),
        Open::Double => {
            let escape = |letter: char| match letter {
                '"' | '\\' | '$' | '`' => format!("\\{letter}"),
                letter => letter.to_string(),
            };
            path.chars().map(escape).collect()
        }
    }
}

/// A single quote cannot stand in single quotes: they are closed for it.
fn in_single(path: &str) -> String {
    path.replace('\'', "'\\''")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// What the shell makes of a line with a path in it.
    fn shell(before: &str, path: &str, after: &str) -> String {
        let line = format!(
            "printf %s {before}{}{after}",
            quoted(path, &format!("printf %s {before}"))
        );
        let output = Command::new("sh").arg("-c").arg(line).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn the_shell_sees_the_very_path_in_and_outside_of_quotes() {
        for path in [
            "o.txt",
            "a b.txt",
            "it's.txt",
            "$(date).txt",
            "a\"b\\c`d`.txt",
            "x;y&z|*?",
            "-n",
            "ä ö",
        ] {
            for quotes in ["", "'", "\"", "\\\"\"", "'\"'\""] {
                let close = match open(quotes) {
                    Open::Nothing => "",
                    Open::Single => "'",
                    Open::Double => "\"",
                };
                let found = shell(quotes, path, close);
                assert!(found.ends_with(path), "{quotes}{path}: {found}");
            }
        }
    }

    #[test]
    fn quotes_in_comments_and_around_commands_are_no_quotes_of_the_path() {
        assert_eq!(open("# it's\ncat "), Open::Nothing);
        assert!(open("x=\"$(cat ") == Open::Nothing);
        assert!(open("x=\"$(cat a) ") == Open::Double);
        assert!(open("(cat 'a") == Open::Single);
        assert!(open("echo a#'b") == Open::Single);
    }

    #[test]
    fn a_plain_path_stays_as_it_is() {
        assert_eq!(quoted("inputs/x.csv", "cat "), "inputs/x.csv");
        assert_eq!(quoted("a b", "cat "), "'a b'");
    }
}
