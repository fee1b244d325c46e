//! Numbers that texts spell, without floating point.

/// Exponents beyond this are taken for letters of a name: `12e4567` is no number here.
const LARGEST_EXPONENT: i64 = 40;

/// The number that a text spells, in the one plain form of it: `+0123.50`, `1.235e2` and `123.5`
/// give `123.5`. `None` if the text spells no number.
pub(super) fn plain_decimal(text: &str) -> Option<String> {
    // Most names end here, without an allocation.
    let may_be_of_one = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if !text.bytes().all(may_be_of_one) {
        return None;
    }
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, whole_exponent(exponent)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let point = whole.len() as i64 + exponent;
    let digits = match usize::try_from(point) {
        Ok(point) => format!("{digits:0<point$}"),
        Err(_) => format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
    };
    let (whole, fraction) = digits.split_at(point.max(0) as usize);
    let (whole, fraction) = (
        whole.trim_start_matches('0'),
        fraction.trim_end_matches('0'),
    );
    let mut plain = String::with_capacity(text.len());
    if negative && !(whole.is_empty() && fraction.is_empty()) {
        plain.push('-');
    }
    plain.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        plain.push('.');
        plain.push_str(fraction);
    }
    Some(plain)
}

fn whole_exponent(text: &str) -> Option<i64> {
    let exponent: i64 = text.parse().ok()?;
    (exponent.abs() <= LARGEST_EXPONENT).then_some(exponent)
}

/// The digits of a whole number with nothing else about them but a minus and a fraction of zeros
/// (`-5`, `200001.0`); `None` where there are leading zeros, a plus, an exponent or other letters.
pub(super) fn plain_whole(text: &str) -> Option<&str> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let plain = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (!digits.starts_with('0') || whole == "0")
        && fraction.bytes().all(|byte| byte == b'0');
    plain.then_some(whole)
}

/// The text of a decimal number without zeros at the end of its fraction.
pub(super) fn without_zero_fraction(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_number_has_one_plain_form() {
        for (text, expected) in [
            ("0123", "123"),
            ("+1", "1"),
            ("1e+05", "100000"),
            ("1.235E2", "123.5"),
            ("12e-3", "0.012"),
            ("-5.0", "-5"),
            ("-0", "0"),
            (".5", "0.5"),
            ("250.00", "250"),
            ("000", "0"),
            ("999000011000001104", "999000011000001104"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
        ] {
            assert_eq!(plain_decimal(text).as_deref(), Some(expected), "{text}");
        }
        for odd in [
            "", "-", ".", "e5", "1e", "V45", "12e4567", "0x12", "1 2", "1,2", "--1", "1e5.0",
        ] {
            assert_eq!(plain_decimal(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_plain_whole_number_has_no_second_spelling_but_its_zero_fraction() {
        for (text, expected) in [("0", "0"), ("0.0", "0"), ("12.", "12"), ("-5.00", "-5")] {
            assert_eq!(plain_whole(text), Some(expected), "{text}");
        }
        for odd in ["", ".", "01", "-0", "-05", "+1", "1e5", "1.5", "S1", "-"] {
            assert_eq!(plain_whole(odd), None, "{odd}");
        }
        assert_eq!(without_zero_fraction("12.500"), "12.5");
        assert_eq!(without_zero_fraction("12.00"), "12");
        assert_eq!(without_zero_fraction("1200"), "1200");
    }
}
