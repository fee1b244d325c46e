//! Memory of a job, as Slurm reads it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const UNITS: [(char, u64); 3] = [('T', 1 << 20), ('G', 1 << 10), ('M', 1)];

/// A number of MiB, written `"512M"`, `"16G"` or `"1T"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryLimit(u64);

impl MemoryLimit {
    /// None if it is no such amount, or none at all.
    pub fn parse(text: &str) -> Option<Self> {
        let (unit, mebibytes) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
        let number = text.strip_suffix(*unit)?;
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = plain.then(|| number.parse().ok())??;
        (number.checked_mul(*mebibytes).filter(|size| *size > 0)).map(Self)
    }

    /// So many times as much, rounded up.
    pub fn scaled(self, factor: f64) -> Self {
        // A cluster has less memory than where the numbers become inexact.
        Self((self.0 as f64 * factor).ceil() as u64)
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let fits = |(_, mebibytes): &&(char, u64)| self.0.is_multiple_of(*mebibytes);
        let (unit, mebibytes) = UNITS.iter().find(fits).unwrap_or(&('M', 1));
        write!(formatter, "{}{unit}", self.0 / mebibytes)
    }
}

impl Serialize for MemoryLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MemoryLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is no memory of a job: a whole number and M, G or T is expected"
            ))
        })
    }
}

impl JsonSchema for MemoryLimit {
    fn schema_name() -> Cow<'static, str> {
        "MemoryLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number of MiB, GiB or TiB: `512M`, `16G`, `1T`.",
            "type": "string",
            "pattern": "^0*[1-9][0-9]{0,8}[MGT]$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_scaled_and_written_in_the_largest_unit_that_is_exact() {
        let shown = |text| MemoryLimit::parse(text).map(|limit| limit.to_string());
        assert_eq!(shown("2048M").as_deref(), Some("2G"));
        assert_eq!(shown("1T").as_deref(), Some("1T"));
        for wrong in [
            "",
            "G",
            "0G",
            "1.5G",
            "16",
            "16GB",
            "-1G",
            "99999999999999999999G",
        ] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
        let scaled = MemoryLimit::parse("3G").unwrap().scaled(1.5);
        assert_eq!(scaled.to_string(), "4608M");
    }
}
