//! What a text that is no number looks like.

/// Texts of other programs for a missing value, in lower case.
const NOTHING: [&str; 18] = [
    "<na>", "nat", "na", "n/a", "#n/a", "#na", "n.a.", "nan", "null", "none", "nil", "\\n", "?",
    ".", "-", "--", "missing", "unknown",
];

/// What stands between groups of three digits, besides a comma.
const SEPARATORS: [char; 6] = ['.', ' ', '\'', '_', '\u{a0}', '\u{202f}'];

/// What to do about a value of `variable` that is no finite number. `lists_missing`: whether the source has a key
/// `missing`.
pub(super) fn value_hint(variable: &str, text: &str, lists_missing: bool) -> String {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_limit = text.starts_with(['<', '>', '≤', '≥']);
    let is_infinite = text.parse::<f64>().is_ok_and(f64::is_infinite);
    let unit = unsigned.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let parts: Vec<&str> = unsigned.split(',').collect();
    if NOTHING.contains(&text.to_lowercase().as_str()) {
        let listed = match lists_missing {
            true => format!(", or state missing = ['{text}']"),
            false => String::new(),
        };
        return format!("it looks like a missing value: leave the cell empty{listed}");
    }
    match parts.as_slice() {
        _ if is_limit => {
            "it looks like a value beyond a limit of detection: put a number in its place before it \
             is read, such as the limit itself"
                .into()
        }
        _ if is_infinite => format!(
            "a model cannot learn from an infinite value: remove it, or if it is a name, {}",
            categorical(variable)
        ),
        [whole, rest @ ..] if !rest.is_empty() && are_groups(whole, rest) => {
            "it looks like a number with separators of thousands: write it without them (if the comma \
             is a decimal one, write a point)"
                .into()
        }
        [whole, fraction] if are_digits(whole, &['.']) && are_digits(fraction, &[]) => {
            "it looks like a number with a decimal comma: write a point".into()
        }
        [one] if has_separators(one) => {
            "it looks like a number with separators of thousands: write it without them".into()
        }
        [_] if is_date(unsigned) => format!(
            "it looks like a date or time, which is no amount: leave it out of what is read, or {}",
            categorical(variable)
        ),
        [_] if unit != unsigned && unit.trim().starts_with(begins_unit) => format!(
            "it looks like a number with a unit or mark, `{}`: write the number alone; or {}",
            unit.trim(),
            categorical(variable)
        ),
        _ => categorical(variable),
    }
}

fn are_digits(text: &str, more: &[char]) -> bool {
    let has_digit = text.contains(|c: char| c.is_ascii_digit());
    has_digit
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || more.contains(&c))
}

/// Whether `rest` are groups of three digits, of which the last may have a fraction.
fn are_groups(whole: &str, rest: &[&str]) -> bool {
    let is_group = |group: &str| group.len() == 3 && are_digits(group, &[]);
    let Some((last, middle)) = rest.split_last() else {
        return false;
    };
    let (last, fraction) = last.split_once('.').unwrap_or((last, "0"));
    are_digits(whole, &[])
        && middle.iter().all(|group| is_group(group))
        && is_group(last)
        && are_digits(fraction, &[])
}

/// Whether something else than a comma stands between groups of three digits.
fn has_separators(text: &str) -> bool {
    SEPARATORS.iter().any(|separator| {
        let mut groups = text.split(*separator);
        let whole = groups.next().unwrap_or_default();
        let rest: Vec<&str> = groups.collect();
        !rest.is_empty() && are_groups(whole, &rest)
    })
}

/// Whether it is like `2150-01-31`, `31/01/2150` or `12:30`, with or without more. `120/80` is a pair.
fn is_date(text: &str) -> bool {
    let begins_with = |marks: usize, mark: char| {
        let parts: Vec<&str> = text.splitn(marks + 1, mark).collect();
        parts.len() > marks
            && parts[..marks].iter().all(|part| are_digits(part, &[]))
            && parts[marks].starts_with(|c: char| c.is_ascii_digit())
    };
    begins_with(2, '-') || begins_with(2, '/') || begins_with(1, ':')
}

/// Whether a unit may begin so; a date, a clock or a pair of numbers does not go on like that.
fn begins_unit(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '%' | '‰' | '°' | '*' | '?')
}

fn categorical(variable: &str) -> String {
    format!("categorical = [\"{variable}\"] makes a variable of each of its values")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_says_what_a_value_looks_like() {
        for (text, expected) in [
            ("<0.01", "limit of detection"),
            (">200", "limit of detection"),
            ("1,234", "separators of thousands"),
            ("-1,234,567.5", "separators of thousands"),
            ("1 234", "separators of thousands"),
            ("36,5", "decimal comma"),
            ("1.234,56", "decimal comma"),
            ("37.2 C", "`C`"),
            ("12%", "`%`"),
            ("inf", "infinite"),
            ("1e400", "infinite"),
            ("<NA>", "missing = ['<NA>']"),
            ("\\N", "missing = ['\\N']"),
            ("#N/A", "missing = ['#N/A']"),
            ("-", "missing = ['-']"),
            ("1 234.5", "separators of thousands"),
            ("1.234.567", "separators of thousands"),
            ("2150-01-01", "a date or time"),
            ("2150-01-01T10:00:00", "a date or time"),
            ("12:30", "a date or time"),
            ("120/80", "categorical = [\"HR\"]"),
            ("--5", "categorical = [\"HR\"]"),
            ("1.2.3", "categorical = [\"HR\"]"),
            ("sinus", "categorical = [\"HR\"]"),
            ("True", "categorical = [\"HR\"]"),
            ("V45", "categorical = [\"HR\"]"),
        ] {
            let hint = value_hint("HR", text, true);
            assert!(hint.contains(expected), "{text}: {hint}");
        }
        assert!(!value_hint("HR", "<NA>", false).contains("missing ="));
    }
}
