//! Ids of stays and patients: numbers are compared as numbers, without floating point.

use std::fmt;

use super::config::Ids;
use super::decimal_text::{plain_decimal, plain_whole};
use super::missing::is_missing;

/// A stay's or patient's id. Numbers sort by value and before all names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum StayId {
    /// A whole number: `200001` and `200001.0` are the same stay.
    Number(u64),
    /// Any other text, as it is written; also a whole number below 0 or of more digits.
    Name(String),
}

impl StayId {
    /// The id of a whole number; one below 0 is a name.
    pub(super) fn of_number(number: i64) -> Self {
        u64::try_from(number).map_or_else(|_| Self::Name(number.to_string()), Self::Number)
    }

    /// The id of digits, which may have a minus, but no other ornament.
    fn of_whole(digits: &str) -> Self {
        let number = digits.parse();
        number.map_or_else(|_| Self::Name(digits.to_string()), Self::Number)
    }

    /// Reads an id; `None` if the text is blank. The error says what is wrong with the text, as in
    /// "… holds an invisible character".
    pub(super) fn read(text: &str, ids: Option<Ids>) -> Result<Option<Self>, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        match ids {
            Some(Ids::Text) => return Ok(Some(Self::as_written(text))),
            _ if is_missing(text) => {
                return Err(format!(
                    "`{text}` says that there is none (ids = \"text\" on the source takes it for an id)"
                ));
            }
            _ => {}
        }
        if let Some(hidden) = hidden_character(text) {
            let shown: String = text.escape_default().collect();
            return Err(format!(
                "`{shown}` holds the invisible character U+{:04X}, so that it is another than it looks like",
                u32::from(hidden)
            ));
        }
        if let Some(whole) = plain_whole(text) {
            return Ok(Some(Self::of_whole(whole)));
        }
        let number = (ids == Some(Ids::Number)).then(|| plain_decimal(text));
        Ok(Some(match number.flatten() {
            Some(number) => Self::of_whole(&number),
            None => Self::Name(text.to_string()),
        }))
    }

    /// The id of a text that is compared letter by letter.
    fn as_written(text: &str) -> Self {
        match plain_whole(text) == Some(text) {
            true => Self::of_whole(text),
            false => Self::Name(text.to_string()),
        }
    }

    /// An id of a test.
    #[cfg(test)]
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::read(text, None).ok().flatten()
    }
}

impl fmt::Display for StayId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StayId::Number(number) => write!(formatter, "{number}"),
            StayId::Name(name) => formatter.write_str(name),
        }
    }
}

/// The first character of a text that cannot be seen, or looks like a plain space.
fn hidden_character(text: &str) -> Option<char> {
    text.chars().find(|&c| is_hidden(c))
}

/// Whether a character cannot be seen, or looks like a plain space.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
        )
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<StayId> {
        Some(StayId::Name(text.into()))
    }

    #[test]
    fn whole_numbers_are_one_id_with_and_without_their_zero_fraction() {
        for text in ["200001", "200001.0", " 200001. "] {
            assert_eq!(StayId::parse(text), Some(StayId::Number(200_001)), "{text}");
        }
        assert_eq!(StayId::parse("-5.0"), name("-5"));
        assert_eq!(
            StayId::parse("99999999999999999999.0"),
            name("99999999999999999999")
        );
        for text in ["1.5", "0200001", "+1", "1e+05", "-0"] {
            assert_eq!(StayId::parse(text), name(text), "{text}");
        }
        assert_eq!(StayId::read("  ", None), Ok(None));
    }

    #[test]
    fn a_recipe_may_compare_ids_as_texts_or_as_numbers() {
        let read = |text, ids| StayId::read(text, Some(ids)).unwrap();
        for text in ["0123", "+123", "1.23e2", "123.00", "123"] {
            assert_eq!(read(text, Ids::Number), Some(StayId::Number(123)), "{text}");
        }
        assert_eq!(read("A1", Ids::Number), name("A1"));
        assert_eq!(read("-1.50", Ids::Number), name("-1.5"));
        for text in ["0123", "123.0", "NA", "12\u{200b}"] {
            assert_eq!(read(text, Ids::Text), name(text), "{text}");
        }
        assert_eq!(read("123", Ids::Text), Some(StayId::Number(123)));
    }

    #[test]
    fn what_cannot_be_seen_and_what_says_nothing_is_no_id() {
        for text in ["\u{feff}12", "12\u{200b}", "1\u{a0}2", "1\u{0}"] {
            let error = StayId::read(text, None).unwrap_err();
            assert!(error.contains("invisible character U+"), "{error}");
        }
        assert!(StayId::read("NA", None).unwrap_err().contains("`NA` says"));
        assert_eq!(StayId::parse("Zoë 2"), name("Zoë 2"));
    }

    #[test]
    fn numbers_sort_by_value_and_before_names() {
        let mut ids: Vec<StayId> = ["S2", "10", "9", "S10"]
            .iter()
            .filter_map(|text| StayId::parse(text))
            .collect();
        ids.sort();
        let sorted: Vec<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, ["9", "10", "S10", "S2"]);
    }
}
