//! Memory of a job, as Slurm reads it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use pipeline_error::size;

const UNITS: [(char, u64); 3] = [('T', 1 << 20), ('G', 1 << 10), ('M', 1)];

const MEBIBYTE: u64 = 1 << 20;

/// A number of MiB: a size with a unit (`"512M"`, `"16G"`, `"16GB"`), rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryLimit(u64);

impl MemoryLimit {
    /// None if it is no such amount, or none at all.
    pub fn parse(text: &str) -> Option<Self> {
        // A number alone is bytes elsewhere, and MiB for Slurm.
        let bytes = size::has_unit(text).then(|| size::parse(text))??;
        Some(bytes.div_ceil(MEBIBYTE))
            .filter(|size| *size > 0)
            .map(Self)
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
                "`{text}` is no memory of a job: a size with a unit is expected, as `16G`"
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
            "description": "A size with a unit: `512M`, `16G`, `16GB`, `1T`. The letters alone are MiB, GiB and TiB, as Slurm reads them.",
            "type": "string",
            "pattern": "^ *[0-9]{1,15}([.][0-9]{1,9})? *([KMGT]iB|[kKMGT]B?|B) *$"
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
        assert_eq!(shown("1.5G").as_deref(), Some("1536M"));
        assert_eq!(shown("16GB").as_deref(), Some("15259M"), "rounded up");
        for wrong in ["", "G", "0G", "16", "16Q", "-1G", "99999999999999999999G"] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
        let scaled = MemoryLimit::parse("3G").unwrap().scaled(1.5);
        assert_eq!(scaled.to_string(), "4608M");
    }
}
