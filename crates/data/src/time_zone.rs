//! Time zones of a recipe: fixed offsets, and names of the machine's time zone database.

use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Where the names are. Its files are inputs of the stage: another edition of the rules is another input.
const DATABASE: &str = "/usr/share/zoneinfo";

/// When a civil time was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instant {
    /// In microseconds since 1970.
    At(i64),
    /// Twice, as clocks were set back: the first of them.
    Folded(i64),
    /// Never, as clocks were set forward.
    Never,
    /// Beyond the years that can be told.
    BeyondReach,
}

/// The file of a zone that has a name; `None` for offsets.
pub(crate) fn file_of(zone: &str) -> Option<PathBuf> {
    let named = fixed(zone).is_none() && is_name(zone);
    named.then(|| Path::new(DATABASE).join(zone))
}

/// The zone: `UTC`, `+01:00`, or a name like `Europe/Berlin`; else what is wrong with it.
pub(crate) fn read(zone: &str) -> Result<TimeZone, String> {
    if let Some(offset) = fixed(zone) {
        return Ok(TimeZone::fixed(offset));
    }
    let Some(file) = file_of(zone) else {
        return Err(format!("`{zone}` is no time zone"));
    };
    if !Path::new(DATABASE).is_dir() {
        return Err(format!(
            "`{zone}`: this machine has no time zone database ({DATABASE})"
        ));
    }
    let known = std::fs::read(&file).ok().filter(|_| file.is_file());
    let known = known.and_then(|bytes| TimeZone::tzif(zone, &bytes).ok());
    known.ok_or_else(|| format!("`{zone}` is no time zone that {DATABASE} knows"))
}

/// When `time` was in `zone`.
pub(crate) fn instant(zone: &TimeZone, time: DateTime) -> Instant {
    let (offset, folded) = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => (offset, false),
        AmbiguousOffset::Fold { before, .. } => (before, true),
        AmbiguousOffset::Gap { .. } => return Instant::Never,
    };
    match offset.to_timestamp(time).map(|time| time.as_microsecond()) {
        Ok(time) if folded => Instant::Folded(time),
        Ok(time) => Instant::At(time),
        Err(_) => Instant::BeyondReach,
    }
}

/// `UTC`, `Z`, `+01:00`, `-0530`.
fn fixed(zone: &str) -> Option<Offset> {
    if matches!(zone, "UTC" | "Z") {
        return Some(Offset::UTC);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let plain = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let shaped = zone.len() == 5 || (zone.len() == 6 && zone.as_bytes()[3] == b':');
    if !plain || !shaped {
        return None;
    }
    let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    let offset = (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)?;
    Offset::from_seconds(offset).ok()
}

/// Whether it may name a file of the database, and no other.
fn is_name(zone: &str) -> bool {
    let part = |part: &str| {
        let mut bytes = part.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-+".contains(&byte))
    };
    zone.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn offsets_are_read_and_what_is_no_zone_is_named() {
        for (zone, hours) in [("UTC", 0.0), ("+01:00", 1.0), ("-0530", -5.5), ("Z", 0.0)] {
            let time = DateTime::constant(1970, 1, 2, 0, 0, 0, 0);
            let expected = Instant::At(24 * HOUR - (hours * HOUR as f64) as i64);
            assert_eq!(instant(&read(zone).unwrap(), time), expected, "{zone}");
            assert_eq!(file_of(zone), None);
        }
        for zone in [
            "",
            "+1",
            "+01:99",
            "+15:00",
            "/etc/passwd",
            "../UTC",
            "Europe/",
            "+é00",
        ] {
            assert!(read(zone).unwrap_err().contains("no time zone"), "{zone}");
        }
    }

    #[test]
    fn hours_that_clocks_skip_or_show_twice_are_told_apart() {
        // The rules of Central Europe, which need no database.
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let at = |month, day, hour| DateTime::constant(2024, month, day, hour, 30, 0, 0);
        assert_eq!(instant(&zone, at(3, 31, 2)), Instant::Never);
        let Instant::Folded(first) = instant(&zone, at(10, 27, 2)) else {
            panic!("clocks were set back");
        };
        let Instant::At(before) = instant(&zone, at(10, 27, 1)) else {
            panic!("an hour of summer");
        };
        assert_eq!(first - before, HOUR, "the first of the two is still summer");
    }

    #[test]
    fn names_are_those_of_the_database_where_there_is_one() {
        if !Path::new(DATABASE).join("Europe/Berlin").is_file() {
            eprintln!("no time zone database here");
            return;
        }
        let berlin = read("Europe/Berlin").unwrap();
        let summer = DateTime::constant(2024, 7, 1, 12, 0, 0, 0);
        let utc = instant(&TimeZone::UTC, summer);
        let (Instant::At(local), Instant::At(utc)) = (instant(&berlin, summer), utc) else {
            panic!("both are plain times");
        };
        assert_eq!(utc - local, 2 * HOUR);
        assert!(
            read("Europe/Berlni")
                .unwrap_err()
                .contains("no time zone that")
        );
        assert!(read("Europe").is_err(), "a folder");
    }
}
