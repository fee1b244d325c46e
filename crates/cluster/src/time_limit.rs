//! How long a job may take.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whole seconds, written `"30m"`, `"4h"`, `"2d"`, `"4:00:00"` or `"1-12:00:00"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeLimit(u64);

impl TimeLimit {
    /// None if it is no such time, or none at all.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| -> Option<u64> {
            let plain = (1..=6).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
            plain.then(|| text.parse().ok())?
        };
        for (unit, seconds) in [("m", 60), ("h", 3600), ("d", 86_400)] {
            if let Some(count) = text.strip_suffix(unit) {
                return Some(number(count)? * seconds)
                    .filter(|all| *all > 0)
                    .map(Self);
            }
        }
        let (days, clock) = text.split_once('-').unwrap_or(("0", text));
        let parts: Option<Vec<u64>> = clock.split(':').map(number).collect();
        let &[hours, minutes, seconds] = parts?.as_slice() else {
            return None;
        };
        let whole = minutes < 60 && seconds < 60;
        let all = number(days)? * 86_400 + hours * 3600 + minutes * 60 + seconds;
        (whole && all > 0).then_some(Self(all))
    }

    /// So many times as long, rounded up.
    pub fn scaled(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor).ceil() as u64)
    }

    /// The time in seconds.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let (days, rest) = (self.0 / 86_400, self.0 % 86_400);
        let (hours, rest) = (rest / 3600, rest % 3600);
        write!(
            formatter,
            "{days}-{hours:02}:{:02}:{:02}",
            rest / 60,
            rest % 60
        )
    }
}

impl Serialize for TimeLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is no time of a job: `30m`, `4h`, `2d`, `4:00:00` or `1-12:00:00` is expected"
            ))
        })
    }
}

impl JsonSchema for TimeLimit {
    fn schema_name() -> Cow<'static, str> {
        "TimeLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How long a job may take: `30m`, `4h`, `2d`, `4:00:00`, `1-12:00:00`.",
            "type": "string",
            "pattern": "^(0*[1-9][0-9]{0,4}[mhd]|([0-9]{1,4}-)?[0-9]{1,4}:[0-5][0-9]:[0-5][0-9])$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_each_form_and_written_in_one() {
        let shown = |text| TimeLimit::parse(text).map(|limit| limit.to_string());
        assert_eq!(shown("90m").as_deref(), Some("0-01:30:00"));
        assert_eq!(shown("2d").as_deref(), Some("2-00:00:00"));
        assert_eq!(shown("4:00:00").as_deref(), Some("0-04:00:00"));
        assert_eq!(shown("1-12:30:05").as_deref(), Some("1-12:30:05"));
        assert_eq!(shown("36:00:00").as_deref(), Some("1-12:00:00"));
        for wrong in [
            "", "m", "0m", "90", "1:30", "1:60:00", "0:00:00", "-1:00:00", "1h30m",
        ] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
        assert_eq!(
            TimeLimit::parse("10m").unwrap().scaled(1.5).to_string(),
            "0-00:15:00"
        );
    }
}
