//! What a column of a table says of stays: numbers or texts.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};

use super::decimal_text::plain_whole;
use super::missing::{MissingText, finite, is_missing, lists_number};

/// A column of attributes.
pub(super) struct AttributeColumn {
    pub(super) name: String,
    /// What it says of every stay.
    pub(super) texts: Vec<Option<String>>,
    /// Whether its file says that its cells are floats, which no code is.
    pub(super) is_float: bool,
}

impl AttributeColumn {
    /// What it says of the stays at these positions; numbers that `missing` lists say nothing.
    pub(super) fn array(&self, kept: &[usize], missing: &[MissingText]) -> ArrayRef {
        let kept = kept.iter().map(|stay| self.texts[*stay].as_ref());
        let number = |text: &String| finite(text).filter(|number| !lists_number(missing, *number));
        match self.is_of_numbers(missing) {
            true => Arc::new(Float64Array::from_iter(
                kept.map(|text| text.and_then(number)),
            )),
            false => Arc::new(StringArray::from_iter(kept)),
        }
    }

    /// Whether every text is a number and says no more than that: of codes each is another, whatever number it spells.
    fn is_of_numbers(&self, missing: &[MissingText]) -> bool {
        let mut spelled: HashMap<u64, &str> = HashMap::new();
        self.texts.iter().flatten().all(|text| {
            let Some(number) = finite(text) else {
                return is_missing(text);
            };
            if self.is_float || lists_number(missing, number) {
                return true;
            }
            // 0 and -0 are one number.
            let bits = (number + 0.0).to_bits();
            // A column of floats that was read as text has `54` and `54.0`; two zeros are a code's.
            let text = text.strip_suffix(".0").unwrap_or(text);
            !is_code(text, number) && *spelled.entry(bits).or_insert(text) == text
        })
    }
}

/// Whether a text is a code like `0117`, `+5`, `1E2` or `999000011000001104`: as a number it would be written in another way,
/// as another code may be. Programs that write a number with an exponent give that a sign or a point before it: R `1e+05`,
/// pandas `1e+16`, Spark `1.0E8`.
fn is_code(text: &str, number: f64) -> bool {
    let digits = text.trim_start_matches(['-', '+']).as_bytes();
    let begins_with_zeros = matches!(digits, [b'0', next, ..] if next.is_ascii_digit());
    let has_bare_exponent = text
        .split_once(['e', 'E'])
        .is_some_and(|(mantissa, exponent)| {
            !mantissa.contains('.') && !exponent.starts_with(['-', '+'])
        });
    let is_rounded = plain_whole(text).is_some_and(|whole| whole != number.to_string());
    begins_with_zeros || text.starts_with('+') || has_bare_exponent || is_rounded
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;
    use arrow::datatypes::DataType;

    use super::*;

    fn of(texts: [&str; 2], is_float: bool, missing: &[MissingText]) -> ArrayRef {
        let column = AttributeColumn {
            name: "code".into(),
            texts: texts.map(|text| Some(text.to_string())).into(),
            is_float,
        };
        column.array(&[0, 1], missing)
    }

    #[test]
    fn codes_are_text_and_numbers_may_be_missing() {
        for codes in [
            ["0117", "117"],
            ["None", "daily"],
            ["1E2", "100"],
            ["+5", "7"],
            ["1E2", "54"],
            ["250.0", "250.00"],
            ["250", "250.00"],
            ["999000011000001104", "5"],
            ["9007199254740993", "5"],
        ] {
            let column = of(codes, false, &[]);
            assert_eq!(column.data_type(), &DataType::Utf8, "{codes:?}");
            assert_eq!(column.null_count(), 0, "{codes:?}");
        }
        for numbers in [
            ["0", "0.5"],
            ["54", "-7.25"],
            ["1.2e-05", "3.0"],
            ["2", "2"],
            ["1e+05", "54"],
            ["1.5E7", "1.0E8"],
            ["1.5e+16", "1E-7"],
            ["54", "54.0"],
        ] {
            let column = of(numbers, false, &[]);
            assert_eq!(column.data_type(), &DataType::Float64, "{numbers:?}");
        }
        assert_eq!(of(["1.5", "NA"], false, &[]).null_count(), 1);
        let large = of(["1e17", "2"], true, &[]);
        assert_eq!(large.data_type(), &DataType::Float64);
    }

    #[test]
    fn a_number_that_says_nothing_is_none_however_it_is_written() {
        let missing: [MissingText; 1] = ["-9999".into()];
        let column = of(["-9999.00", "54"], false, &missing);
        assert_eq!(column.data_type(), &DataType::Float64);
        assert_eq!(column.null_count(), 1);
        assert_eq!(of(["-9999.00", "ward"], false, &missing).null_count(), 0);
    }
}
