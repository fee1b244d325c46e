//! Numbers as text, which is read back to the last bit: `#[serde(with = "exact")]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Writes a number in its shortest form.
pub fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// Reads such a text.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| D::Error::custom(format!("`{text}` is no number")))
}

/// Such a number in a list.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Exact(#[serde(with = "self")] pub f64);
