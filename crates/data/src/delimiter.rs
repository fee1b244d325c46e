//! What separates the fields of a text, as people write it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a tab is written.
const TAB: &str = "tab";

/// The character that separates fields: `";"`, `"|"`, `"tab"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiter(pub(crate) u8);

impl Delimiter {
    fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            b"tab" => Some(Self(b'\t')),
            [one] if separates(*one) => Some(Self(*one)),
            _ => None,
        }
    }
}

/// Whether a byte may stand between fields: nothing that numbers, names and quotes are made of.
fn separates(byte: u8) -> bool {
    let is_of_fields = byte.is_ascii_alphanumeric() || b"\"\r\n+-._".contains(&byte);
    byte.is_ascii() && byte != 0 && !is_of_fields
}

impl Serialize for Delimiter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            b'\t' => serializer.serialize_str(TAB),
            byte => serializer.serialize_char(byte.into()),
        }
    }
}

impl<'de> Deserialize<'de> for Delimiter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` separates no fields: \"tab\" or one character that is no letter, digit or quote is expected"
            ))
        })
    }
}

impl JsonSchema for Delimiter {
    fn schema_name() -> Cow<'static, str> {
        "Delimiter".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The character that separates the fields of texts, or \"tab\"; left out: a tab in `.tsv`, a bar in `.psv`, else a comma.",
            "type": "string",
            "pattern": "^(tab|[^A-Za-z0-9\"+._-])$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_character_or_the_word_tab() {
        for (text, byte) in [
            (";", b';'),
            ("|", b'|'),
            (",", b','),
            ("tab", b'\t'),
            ("\t", b'\t'),
        ] {
            let delimiter: Delimiter = serde_json::from_value(text.into()).unwrap();
            assert_eq!(delimiter, Delimiter(byte), "{text}");
            let written = serde_json::to_value(delimiter).unwrap();
            assert_eq!(
                serde_json::from_value::<Delimiter>(written).unwrap(),
                delimiter
            );
        }
        for text in ["", ";;", "a", "1", "\"", "\n", ".", "-", "§", "\0"] {
            let refused = serde_json::from_value::<Delimiter>(text.into());
            assert!(refused.is_err(), "{text:?}");
        }
    }
}
