//! Times as people and programs write them.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::{SignedDuration, Timestamp};

/// A date and time, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrittenTime {
    /// Without a zone.
    Naive(DateTime),
    /// With one: microseconds since 1970.
    Zoned(i64),
}

/// `2150-01-31 14:05:00`, `2150-01-31T14:05:00.25Z` or `2150-01-31`.
pub(crate) fn parse_timestamp(text: &str) -> Option<WrittenTime> {
    if has_leap_second(text) {
        return None;
    }
    if let Ok(time) = text.parse::<DateTime>() {
        // A text that ends in an offset is no civil time, whatever the parser ignores of it.
        let clock = text.get(10..).unwrap_or_default();
        if !clock.contains(['Z', 'z', '+', '-', '[']) {
            return Some(WrittenTime::Naive(time));
        }
    }
    let time = text.parse::<Timestamp>().ok()?;
    Some(WrittenTime::Zoned(time.as_microsecond()))
}

/// Whether a second is the 60th, which the parser takes for the 59th.
fn has_leap_second(text: &str) -> bool {
    text.split(':').skip(1).any(|field| {
        let rest = field.strip_prefix("60");
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// The time that a text tells in a format.
pub(super) fn written_as(format: &str, text: &str) -> Option<WrittenTime> {
    if has_leap_second(text) {
        return None;
    }
    let time = strtime::parse(format, text).ok()?;
    match time.offset() {
        Some(_) => (time.to_timestamp().ok()).map(|time| WrittenTime::Zoned(time.as_microsecond())),
        None => time.to_datetime().ok().map(WrittenTime::Naive),
    }
}

/// How clocks are written. The hour alone is none: a format must tell minutes.
const CLOCKS: [&str; 9] = [
    "",
    "%H:%M",
    "%H:%M:%S",
    "%H:%M:%S%.f",
    "%H.%M",
    "%H.%M.%S",
    "%I:%M %p",
    "%I:%M:%S %p",
    "%I:%M:%S%.f %p",
];

/// What follows a clock. `Z` is a letter to a format, so that another setting must say what it means.
const ZONES: [&str; 7] = ["", "%:z", " %:z", "%z", " %z", "Z", " Z"];

/// Whether `04/01/2150 12:01` may have its day or its month first, and the settings that read it; `None` for
/// what is no date with the year last, and for what no setting reads.
pub(super) fn format_hint(text: &str) -> Option<(bool, String)> {
    let is_of_date = |letter: char| letter.is_ascii_digit() || "/.-".contains(letter);
    let (date, rest) = text.split_at(text.find(|c| !is_of_date(c)).unwrap_or(text.len()));
    let separator = date.chars().find(|c| "/.-".contains(*c))?;
    let numbers: Vec<&str> = date.split(separator).collect();
    let [_, _, year] = numbers[..] else {
        return None;
    };
    let year = match year.len() {
        4 => "%Y",
        2 => "%y",
        _ => return None,
    };
    let gap = ["T", ", ", " "]
        .into_iter()
        .find(|gap| rest.starts_with(gap));
    let gap = gap.unwrap_or_default();
    let setting = |first, second| {
        let day = format!("%{first}{separator}%{second}{separator}{year}{gap}");
        let ends = CLOCKS
            .iter()
            .flat_map(|clock| ZONES.map(|zone| [clock, zone].concat()));
        let mut formats = ends.map(|end| [day.as_str(), &end].concat());
        let format = formats.find(|format| written_as(format, text).is_some())?;
        let zone = match format.ends_with('Z') {
            true => ", time.zone = \"UTC\"",
            false => "",
        };
        Some(format!("time.format = \"{format}\"{zone}"))
    };
    match (setting('m', 'd'), setting('d', 'm')) {
        (Some(month_first), Some(day_first)) => Some((
            true,
            format!("{month_first} reads the month first, {day_first} the day"),
        )),
        (Some(only), None) | (None, Some(only)) => Some((false, format!("{only} reads it"))),
        (None, None) => None,
    }
}

/// Microseconds of `26:30` (hours and minutes), `26:30:15.5`, `1 days 02:30:00`, `-1 days +23:00:00`, `2 days`,
/// or a duration of ISO 8601: `PT95400S`.
pub(super) fn parse_duration(text: &str) -> Option<i64> {
    if text.trim_start_matches('-').starts_with('P') {
        return parse_iso_duration(text);
    }
    let (days, clock) = match text.split_once("day") {
        Some((days, rest)) => {
            let rest = rest.strip_prefix('s').unwrap_or(rest).trim();
            (days.trim().parse::<i64>().ok()?, rest)
        }
        None => (0, text),
    };
    let (sign, clock) = match clock.strip_prefix('-') {
        Some(clock) => (-1, clock),
        None => (1, clock.strip_prefix('+').unwrap_or(clock)),
    };
    let clock = match clock {
        "" if text.contains("day") => 0,
        clock => parse_clock(clock)?,
    };
    let days = days.checked_mul(86_400_000_000)?;
    days.checked_add(sign * clock)
}

/// `PT95400S`, or with days of 24 hours, as pandas writes: `P1DT2H30M0S`, and `P-1DT23H0M0S` for an hour less than none.
fn parse_iso_duration(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (days, clock) = match rest.strip_prefix('P')?.split_once('D') {
        Some((days, clock)) => (days.parse::<i64>().ok()?, clock),
        None => (0, rest.strip_prefix('P')?),
    };
    let clock = match clock {
        "" if rest.ends_with('D') => 0,
        clock => {
            let duration = format!("P{clock}").parse::<SignedDuration>().ok()?;
            i64::try_from(duration.as_micros()).ok()?
        }
    };
    let days = days.checked_mul(86_400_000_000)?;
    Some(sign * days.checked_add(clock)?)
}

fn parse_clock(text: &str) -> Option<i64> {
    let mut fields = text.split(':');
    let whole = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<i64>().ok()).flatten()
    };
    let (hours, minutes) = (whole(fields.next()?)?, whole(fields.next()?)?);
    let seconds = match fields.next() {
        None => 0.0,
        Some(text) => {
            let plain = text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
            plain.then(|| text.parse::<f64>().ok()).flatten()?
        }
    };
    if fields.next().is_some() || minutes >= 60 || seconds >= 60.0 {
        return None;
    }
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes.checked_mul(60_000_000)?).checked_add((seconds * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    const MINUTE: i64 = 60_000_000;
    const DAY: i64 = 24 * 60 * MINUTE;

    #[test]
    fn timestamps_are_read_with_and_without_an_offset() {
        for (text, expected) in [
            ("1970-01-02", DAY),
            ("1970-01-01 00:01:00", MINUTE),
            ("1970-01-01T00:01", MINUTE),
            ("1970-01-01T00:01:00.25", MINUTE + 250_000),
            ("1970-01-01T01:01:00+01:00", MINUTE),
            ("1970-01-01 00:01:00Z", MINUTE),
            ("1969-12-31 23:59:00", -MINUTE),
        ] {
            let found = match parse_timestamp(text) {
                Some(WrittenTime::Zoned(time)) => time,
                Some(WrittenTime::Naive(time)) => {
                    let time = time.to_zoned(TimeZone::UTC).unwrap();
                    time.timestamp().as_microsecond()
                }
                None => panic!("{text}"),
            };
            assert_eq!(found, expected, "{text}");
        }
        let naive = |text| matches!(parse_timestamp(text), Some(WrittenTime::Naive(_)));
        assert!(naive("1970-01-02") && naive("1970-01-01 00:01:00"));
        assert!(!naive("1970-01-01 00:01:00Z") && !naive("1970-01-01T01:01:00-01:00"));
        let leap_seconds = ["1970-01-01 00:00:60", "1970-01-01T00:00:60.5+01:00"];
        let odd = ["", "12", "1970-13-01", "01/02/1970", "1970-01-01 25:00"];
        for odd in odd.into_iter().chain(leap_seconds) {
            assert_eq!(parse_timestamp(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_date_with_its_year_last_is_told_with_the_formats_that_read_it() {
        let (ambiguous, hint) = format_hint("04/01/2150 12:01").unwrap();
        assert!(ambiguous && hint.contains("\"%d/%m/%Y %H:%M\""), "{hint}");
        let (ambiguous, hint) = format_hint("31.01.50 1:02:03 PM").unwrap();
        assert!(
            !ambiguous && hint.contains("\"%d.%m.%y %I:%M:%S %p\""),
            "{hint}"
        );
        let (ambiguous, hint) = format_hint("1-31-2150").unwrap();
        assert!(!ambiguous && hint.contains("\"%m-%d-%Y\""), "{hint}");
        // What no format reads is told of none: an hour without minutes, a month 13, a second 60.
        let unread = [
            "13/04/2150 10",
            "13/14/2150",
            "13/04/2150 10:00:60",
            "13/04/2150 x",
        ];
        let odd = ["", "2150-01-31", "later", "1/2/3/4", "12:30", "1//2150"];
        for odd in odd.into_iter().chain(unread) {
            assert_eq!(format_hint(odd), None, "{odd}");
        }
    }

    #[test]
    fn durations_are_read_as_clocks_and_as_pandas_writes_them() {
        for (text, expected) in [
            ("26:30", 1590 * MINUTE),
            ("00:01:30.5", 90_500_000),
            ("1 days 02:30:00", DAY + 150 * MINUTE),
            ("2 days", 2 * DAY),
            ("1 day, 0:10:00", i64::MIN),
            ("-1 days +23:00:00", -60 * MINUTE),
            ("-00:10", -10 * MINUTE),
            ("PT90.5S", 90_500_000),
            ("P1DT2H0M0S", DAY + 120 * MINUTE),
            ("-P1DT1M", -DAY - MINUTE),
            ("P2D", 2 * DAY),
            ("P0D", 0),
            ("P-1DT23H0M0S", -60 * MINUTE),
            ("-PT1H", -60 * MINUTE),
        ] {
            let expected = (expected != i64::MIN).then_some(expected);
            assert_eq!(parse_duration(text), expected, "{text}");
        }
        for odd in ["", "90", "1:60", "a:10", "1:2:3:4", "x days", "1:-5"] {
            assert_eq!(parse_duration(odd), None, "{odd}");
        }
    }
}
