//! Stay ids: numbers are compared as numbers.

use std::fmt;

/// A stay's id. Numbers sort by value and before all names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum StayId {
    /// A whole number, however it was written: `200001` and `200001.0` are the same stay.
    Number(u64),
    /// Any other text.
    Name(String),
}

impl StayId {
    /// The id of a whole number; one below 0 is a name.
    pub(super) fn of_number(number: i64) -> Self {
        u64::try_from(number).map_or_else(|_| Self::Name(number.to_string()), Self::Number)
    }

    /// Reads an id; `None` if the text is blank.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if digits(whole)
            && fraction.bytes().all(|byte| byte == b'0')
            && let Ok(number) = whole.parse()
        {
            return Some(StayId::Number(number));
        }
        (!text.is_empty()).then(|| StayId::Name(text.to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_one_id_however_they_are_written() {
        for text in ["200001", "200001.0", " 200001. ", "0200001"] {
            assert_eq!(StayId::parse(text), Some(StayId::Number(200_001)), "{text}");
        }
        assert_eq!(StayId::parse("1.5"), Some(StayId::Name("1.5".into())));
        assert_eq!(StayId::parse("  "), None);
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
