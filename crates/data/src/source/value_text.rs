//! What a text that is no number looks like.

/// What to do about a value of `variable` that is no finite number.
pub(super) fn value_hint(variable: &str, text: &str) -> String {
    let all = |text: &str, more: &[char]| {
        text.chars()
            .all(|c| c.is_ascii_digit() || more.contains(&c))
            && text.contains(|c: char| c.is_ascii_digit())
    };
    let unsigned = text.trim_start_matches(['-', '+']);
    let is_limit = text.starts_with(['<', '>', '≤', '≥']);
    let is_infinite = text.parse::<f64>().is_ok_and(f64::is_infinite);
    let unit = unsigned.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    match unsigned.split(',').collect::<Vec<_>>().as_slice() {
        _ if is_limit => {
            "it looks like a value beyond a limit of detection: put a number in its place before it \
             is read, such as the limit itself"
                .into()
        }
        _ if is_infinite => format!(
            "a model cannot learn from an infinite value: remove it, or if it is a name, {}",
            categorical(variable)
        ),
        [whole, rest @ ..]
            if !rest.is_empty()
                && all(whole, &[])
                && rest.iter().all(|group| group.len() == 3 && all(group, &['.'])
                    || group.split_once('.').is_some_and(|(group, _)| group.len() == 3)) =>
        {
            "it looks like a number with separators of thousands: write it without them (if the comma \
             is a decimal one, write a point)"
                .into()
        }
        [whole, fraction] if all(whole, &['.']) && all(fraction, &[]) => {
            "it looks like a number with a decimal comma: write a point".into()
        }
        [_] if all(unsigned, &['.', ' ', '\'', '_', '\u{a0}', '\u{202f}']) && !text.is_empty() => {
            "it looks like a number with separators of thousands: write it without them".into()
        }
        [_] if unit != unsigned && unit.trim().starts_with(begins_unit) => format!(
            "it looks like a number with a unit or mark, `{}`: write the number alone; or {}",
            unit.trim(),
            categorical(variable)
        ),
        _ => categorical(variable),
    }
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
            ("2150-01-01", "categorical = [\"HR\"]"),
            ("sinus", "categorical = [\"HR\"]"),
            ("True", "categorical = [\"HR\"]"),
            ("V45", "categorical = [\"HR\"]"),
        ] {
            let hint = value_hint("HR", text);
            assert!(hint.contains(expected), "{text}: {hint}");
        }
    }
}
