//! An amount of memory, as people write it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use pipeline_error::size;

/// As sizes are written.
const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];

/// A number of bytes, written `"2GB"` or `"512MB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemorySize(pub u64);

impl Default for MemorySize {
    fn default() -> Self {
        Self(1_000_000_000)
    }
}

impl MemorySize {
    fn parse(text: &str) -> Option<Self> {
        let bytes = size::has_unit(text).then(|| size::parse(text))??;
        (bytes > 0).then_some(Self(bytes))
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let fits = |(_, bytes): &&(&str, u64)| self.0.is_multiple_of(*bytes);
        let (unit, bytes) = UNITS.iter().find(fits).unwrap_or(&("B", 1));
        write!(formatter, "{}{unit}", self.0 / bytes)
    }
}

impl Serialize for MemorySize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MemorySize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is no amount of memory: a size with a unit is expected, as `512MB`, `1.5GB` or `2GiB`"
            ))
        })
    }
}

impl JsonSchema for MemorySize {
    fn schema_name() -> Cow<'static, str> {
        "MemorySize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A size with a unit: `512MB`, `1.5GB`, `2GiB`.",
            "type": "string",
            "pattern": "^ *[0-9]{1,15}([.][0-9]{1,9})? *([KMGT]iB|[kKMGT]B?|B) *$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_with_their_unit() {
        for (text, bytes) in [
            ("2GB", 2_000_000_000),
            ("512 MB", 512_000_000),
            ("1.5GB", 1_500_000_000),
            ("2GiB", 2 << 30),
        ] {
            assert_eq!(MemorySize::parse(text), Some(MemorySize(bytes)));
        }
        assert_eq!(MemorySize(2_000_000_000).to_string(), "2GB");
        assert_eq!(MemorySize(1_500_000_000).to_string(), "1500MB");
        for text in ["", "GB", "2", "0GB", "-1GB", "1gb", "99999999999GB"] {
            assert_eq!(MemorySize::parse(text), None, "{text}");
        }
    }
}
