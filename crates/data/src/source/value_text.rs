//! What a text that is no number looks like.

use super::rules::Settings;
use pipeline_error::pasted::toml_string;

/// Texts of other programs for a missing value, in lower case.
const NOTHING: [&str; 18] = [
    "<na>", "nat", "na", "n/a", "#n/a", "#na", "n.a.", "nan", "null", "none", "nil", "\\n", "?",
    ".", "-", "--", "missing", "unknown",
];

/// What stands between groups of three digits, besides a comma.
const SEPARATORS: [char; 6] = ['.', ' ', '\'', '_', '\u{a0}', '\u{202f}'];

/// Whether a text is one of those.
pub(super) fn looks_missing(text: &str) -> bool {
    NOTHING.contains(&text.to_lowercase().as_str())
}

/// What to do about a value of `variable` that is no finite number, by these settings.
pub(super) fn value_hint(variable: &str, text: &str, settings: Settings) -> String {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_limit = text.starts_with(['<', '>', '≤', '≥']);
    let is_infinite = text.parse::<f64>().is_ok_and(f64::is_infinite);
    let unit = unsigned.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let parts: Vec<&str> = unsigned.split(',').collect();
    if looks_missing(text) {
        let listed = or(settings
            .of_tables
            .then(|| format!("state {}", missing(text))));
        return format!("it looks like a missing value: leave the cell empty{listed}");
    }
    match parts.as_slice() {
        _ if is_limit => {
            "it looks like a value beyond a limit of detection: put a number in its place before it \
             is read, such as the limit itself"
                .into()
        }
        _ if is_infinite => format!(
            "a model cannot learn from an infinite value: remove it{}",
            or(categorical(variable, settings).map(|hint| format!("if it is a name, {hint}")))
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
            "it looks like a date or time, which is no amount: leave it out of what is read{}",
            or(categorical(variable, settings))
        ),
        [_] if unit != unsigned && unit.trim().starts_with(begins_unit) => format!(
            "it looks like a number with a unit or mark, `{}`: write the number alone{}",
            unit.trim(),
            or(categorical(variable, settings))
        ),
        _ => categorical(variable, settings).unwrap_or_else(|| {
            let listed = or(settings.of_tables.then(|| {
                format!("if the text says nothing, state {} in the source", missing(text))
            }));
            format!("`{variable}` is a number where its categories are taken from: write one{listed}")
        }),
    }
}

fn missing(text: &str) -> String {
    format!("missing = [{}]", toml_string(text))
}

/// A second thing to do, if there is one.
fn or(hint: Option<String>) -> String {
    hint.map_or_else(String::new, |hint| format!(", or {hint}"))
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

/// The setting that takes the values of a variable as categories, where there is one.
fn categorical(variable: &str, settings: Settings) -> Option<String> {
    let name = toml_string(variable);
    let hint = || format!("categorical = [{name}] makes a variable of each of its values");
    settings.categorical.then(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Settings = Settings {
        of_tables: true,
        categorical: true,
    };

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
            ("<NA>", "missing = [\"<NA>\"]"),
            ("\\N", "missing = [\"\\\\N\"]"),
            ("#N/A", "missing = [\"#N/A\"]"),
            ("-", "missing = [\"-\"]"),
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
            let hint = value_hint("HR", text, ALL);
            assert!(hint.contains(expected), "{text}: {hint}");
        }
    }

    #[test]
    fn the_hint_names_no_setting_that_a_recipe_has_not() {
        let fixed = Settings {
            of_tables: false,
            ..ALL
        };
        assert!(!value_hint("HR", "<NA>", fixed).contains("missing ="));
        let like = Settings {
            categorical: false,
            ..ALL
        };
        for text in ["high", "inf", "12 %", "2150-01-01", "True"] {
            let hint = value_hint("HR", text, like);
            assert!(!hint.contains("categorical ="), "{hint}");
        }
        let hint = value_hint("HR", "high", like);
        assert!(hint.contains("missing = [\"high\"]"), "{hint}");
    }

    #[test]
    fn a_name_stands_in_a_hint_as_toml_writes_it() {
        let hint = value_hint("a \"b\"\\c", "high", ALL);
        assert!(hint.contains(r#"categorical = ["a \"b\"\\c"]"#), "{hint}");
    }
}
