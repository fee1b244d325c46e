//! How the times of a source are told, and when they were.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use super::complaint::Complaint;
use super::time_text::{WrittenTime, format_hint, parse_duration, parse_timestamp, written_as};
use crate::config::{TimeColumn, TimeUnit};
use crate::missing::is_missing;
use crate::small_table::TypedTime;
use crate::time_zone::{self, Instant};
use pipeline_error::Error;

/// What a cell of times holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum TimeCell {
    /// Microseconds.
    At(i64, Told),
    Missing,
    /// A time that clocks skipped.
    Never,
    /// Something else.
    Unreadable,
}

impl TimeCell {
    /// The same, known to be a date alone.
    pub(super) fn of_day_if(self, is_day: bool) -> Self {
        match self {
            Self::At(time, Told::Naive) if is_day => Self::At(time, Told::Day),
            cell => cell,
        }
    }
}

/// What a time says of its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Told {
    /// Nothing that matters: it counts from the stay's begin, or the recipe knows the zone.
    Plain,
    /// The same, and clocks showed it twice.
    Folded,
    /// A date and time without a zone.
    Naive,
    /// The same without a time of day: midnight is meant, or nothing was known.
    Day,
    /// A date and time with one.
    Zoned,
}

/// How a recipe says that times are told.
pub(in crate::source) struct Clock {
    pub(in crate::source) unit: TimeUnit,
    format: Option<String>,
    zone: Option<TimeZone>,
    zone_name: String,
}

impl Clock {
    pub(in crate::source) fn new(time: &TimeColumn) -> Result<Self, Error> {
        if let Some((setting, what)) = time.mistakes().into_iter().next() {
            return Err(Error::stage(format!("time.{setting} {what}")));
        }
        let zone = time.zone.as_deref().map(time_zone::read).transpose();
        Ok(Self {
            unit: time.unit,
            format: time.format.clone(),
            zone: zone.map_err(|what| Error::stage(format!("time.zone: {what}")))?,
            zone_name: time.zone.clone().unwrap_or_default(),
        })
    }

    /// The time that a text tells.
    pub(in crate::source) fn of_text(&self, text: &str) -> TimeCell {
        let text = text.trim();
        if is_missing(text) {
            return TimeCell::Missing;
        }
        let plain = |time: Option<i64>| {
            time.map_or(TimeCell::Unreadable, |time| TimeCell::At(time, Told::Plain))
        };
        match (self.unit, self.unit.microseconds()) {
            (_, Some(one)) => {
                let number = text.parse::<f64>().ok();
                plain(number.and_then(|number| within_reach(number * one)))
            }
            (TimeUnit::Timestamp, _) => {
                let written = match &self.format {
                    Some(format) => written_as(format, text),
                    None => parse_timestamp(text),
                };
                match written {
                    Some(WrittenTime::Zoned(time)) => TimeCell::At(time, Told::Zoned),
                    Some(WrittenTime::Naive(time)) => {
                        // `2150-01-31` and `21500131` have no clock behind the day.
                        let is_day = !text.contains([' ', 'T', 't']);
                        let is_day = self.format.is_none() && is_day;
                        self.of_civil(time).of_day_if(is_day)
                    }
                    None => TimeCell::Unreadable,
                }
            }
            _ => plain(parse_duration(text)),
        }
    }

    /// The time that so many of its units are.
    pub(super) fn of_number(&self, number: f64) -> TimeCell {
        let one = self.unit.microseconds();
        let time = one.and_then(|one| within_reach(number * one));
        time.map_or(TimeCell::Unreadable, |time| TimeCell::At(time, Told::Plain))
    }

    /// The time in a cell of timestamps, if that is how times are told.
    pub(in crate::source) fn of_typed(&self, time: TypedTime) -> Option<TimeCell> {
        (self.unit == TimeUnit::Timestamp).then(|| match time.is_zoned {
            true => TimeCell::At(time.microseconds, Told::Zoned),
            false => self.of_naive(time.microseconds).of_day_if(time.is_day),
        })
    }

    /// A date and time without a zone: microseconds since 1970, were it UTC.
    fn of_naive(&self, time: i64) -> TimeCell {
        if self.zone.is_none() {
            return TimeCell::At(time, Told::Naive);
        }
        match Timestamp::from_microsecond(time) {
            Ok(time) => self.of_civil(Offset::UTC.to_datetime(time)),
            Err(_) => TimeCell::Unreadable,
        }
    }

    fn of_civil(&self, time: DateTime) -> TimeCell {
        let Some(zone) = &self.zone else {
            let time = Offset::UTC.to_timestamp(time);
            return time.map_or(TimeCell::Unreadable, |time| {
                TimeCell::At(time.as_microsecond(), Told::Naive)
            });
        };
        match time_zone::instant(zone, time) {
            Instant::At(time) => TimeCell::At(time, Told::Plain),
            Instant::Folded(time) => TimeCell::At(time, Told::Folded),
            Instant::Never => TimeCell::Never,
            Instant::BeyondReach => TimeCell::Unreadable,
        }
    }

    /// What is wrong with a time that cannot be used, and what to do.
    pub(in crate::source) fn complaint(&self, cell: TimeCell, text: &str) -> Complaint {
        if cell == TimeCell::Never {
            return Complaint::of_any(
                format!(
                    "never was in {}: clocks were set forward over it",
                    self.zone_name
                ),
                "dates that were shifted for privacy keep no daylight saving time: zone = \"+01:00\" is an offset \
                 all year",
            );
        }
        if let Some(limit) = self.passed_limit(text.trim()) {
            return Complaint::of_any(
                format!("is beyond the times that are read ({limit})"),
                "a mark for a time that is not known is no time: take such rows out of what is read",
            );
        }
        let what = format!("is no time as {}", self.unit.name());
        if self.unit != TimeUnit::Timestamp {
            let hint =
                "`as` says what times are: minutes, hours, days, seconds, timestamp, duration";
            return Complaint::of_source(what, hint);
        }
        match (&self.format, format_hint(text.trim())) {
            (Some(format), _) => Complaint::of_source(
                format!("is no time as `{format}`"),
                "time.format says how all times of the source are written",
            ),
            (None, Some((true, hint))) => Complaint::of_any(
                "is ambiguous as timestamp: the day or the month may be first",
                hint,
            ),
            (None, Some((false, hint))) => Complaint::of_source(what, hint),
            (None, None) => Complaint::of_source(
                what,
                "`as` says what times are: minutes, hours, days, seconds, timestamp, duration; time.format how \
                 timestamps are written: \"%m/%d/%Y %H:%M\"",
            ),
        }
    }

    /// Which limit an unusable time lies beyond, if it is a time.
    fn passed_limit(&self, text: &str) -> Option<&'static str> {
        if self.unit.microseconds().is_some() {
            let number = text.parse::<f64>().ok();
            return number
                .filter(|number| number.is_finite())
                .map(|_| "100,000 years from 0");
        }
        let written = self.format.as_deref();
        let civil = match written.and_then(|format| written_as(format, text)) {
            Some(WrittenTime::Naive(time)) => Some(time),
            // Timestamps of Parquet are shown so, whatever the format of texts.
            _ => text.trim_end_matches(['Z', 'z']).parse::<DateTime>().ok(),
        };
        let beyond = civil.filter(|_| self.unit == TimeUnit::Timestamp);
        beyond
            .filter(|time| Offset::UTC.to_timestamp(*time).is_err())
            .map(|_| "-9999-01-02 02:00 to 9999-12-30 22:00 UTC")
    }
}

/// To the microsecond; `None` beyond 100,000 years.
fn within_reach(microseconds: f64) -> Option<i64> {
    let time = microseconds.round();
    (time.abs() < 3.2e18).then_some(time as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StayPolicy;

    fn clock(format: Option<&str>, zone: Option<&str>) -> Clock {
        let time = TimeColumn {
            column: "t".into(),
            unit: TimeUnit::Timestamp,
            format: format.map(str::to_string),
            zone: zone.map(str::to_string),
            negative: StayPolicy::Error,
        };
        Clock::new(&time).unwrap()
    }

    #[test]
    fn a_format_reads_what_is_ambiguous_without_one() {
        const DAY: i64 = 86_400_000_000;
        let of = |format, text| clock(Some(format), None).of_text(text);
        let naive = |time| TimeCell::At(time, Told::Naive);
        assert_eq!(
            of("%m/%d/%Y %H:%M", "01/03/1970 00:01"),
            naive(2 * DAY + 60_000_000)
        );
        assert_eq!(of("%d.%m.%Y", "03.01.1970"), naive(2 * DAY));
        assert_eq!(of("%d.%m.%Y", "1970-01-03"), TimeCell::Unreadable);
        let zoned = of("%d.%m.%Y %H:%M %z", "03.01.1970 01:00 +0100");
        assert_eq!(zoned, TimeCell::At(2 * DAY, Told::Zoned));
        let plain = clock(None, None);
        let Complaint { what, hint, .. } =
            plain.complaint(TimeCell::Unreadable, "04/01/2150 12:01");
        assert!(what.contains("ambiguous"), "{what}");
        assert!(hint.contains("\"%m/%d/%Y %H:%M\""), "{hint}");
    }

    #[test]
    fn the_settings_of_a_hint_read_the_text_that_it_is_about() {
        let setting = |hint: &str, name: &str| {
            let (_, rest) = hint.split_once(&format!("time.{name} = \""))?;
            rest.split_once('"').map(|(value, _)| value.to_string())
        };
        for (text, format) in [
            ("13/04/2150", "%d/%m/%Y"),
            ("13/04/2150 9:05", "%d/%m/%Y %H:%M"),
            ("13/04/2150T09:05", "%d/%m/%YT%H:%M"),
            ("13/04/2150, 09:05", "%d/%m/%Y, %H:%M"),
            ("13/04/2150 10:00:00.000", "%d/%m/%Y %H:%M:%S%.f"),
            ("13.04.2150 10.00", "%d.%m.%Y %H.%M"),
            ("04/13/2150 10:00 +01:00", "%m/%d/%Y %H:%M %:z"),
            ("04/13/2150 10:00:00+0100", "%m/%d/%Y %H:%M:%S%z"),
            ("04/13/2150 10:00Z", "%m/%d/%Y %H:%MZ"),
            ("04/13/2150 9:05:02.123 PM", "%m/%d/%Y %I:%M:%S%.f %p"),
        ] {
            let Complaint { what, hint, .. } =
                clock(None, None).complaint(TimeCell::Unreadable, text);
            assert_eq!(
                setting(&hint, "format").as_deref(),
                Some(format),
                "{text}: {what}, {hint}"
            );
            let zone = setting(&hint, "zone");
            assert_eq!(zone.is_some(), text.ends_with('Z'));
            let read = clock(Some(format), zone.as_deref()).of_text(text);
            assert!(matches!(read, TimeCell::At(..)), "{text}");
        }
    }

    #[test]
    fn a_day_alone_is_known_however_it_is_written() {
        let told = |text| match clock(None, None).of_text(text) {
            TimeCell::At(_, told) => told,
            cell => panic!("{text}: {cell:?}"),
        };
        for (text, expected) in [
            ("2150-01-03", Told::Day),
            ("21500103", Told::Day),
            ("2150-01-03 00:00", Told::Naive),
            ("21500103T000000", Told::Naive),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn a_time_beyond_reach_is_told_from_what_is_no_time() {
        let of = |clock: Clock, text: &str| {
            assert_eq!(clock.of_text(text), TimeCell::Unreadable, "{text}");
            clock.complaint(TimeCell::Unreadable, text).what
        };
        for text in ["9999-12-31", "9999-12-31 23:59", "9999-12-31T23:59:00Z"] {
            let what = of(clock(None, None), text);
            assert!(what.contains("9999-12-30 22:00 UTC"), "{text}: {what}");
        }
        let what = of(clock(Some("%d.%m.%Y"), None), "31.12.9999");
        assert!(what.contains("9999-12-30 22:00 UTC"), "{what}");
        let hours = || Clock {
            unit: TimeUnit::Hours,
            ..clock(None, None)
        };
        assert!(of(hours(), "1e9").contains("100,000 years"));
        assert!(of(hours(), "inf").contains("is no time as hours"));
        assert!(of(clock(None, None), "9999-12-32").contains("is no time as timestamp"));
    }

    #[test]
    fn a_zone_is_that_of_times_without_one() {
        let utc = clock(None, None);
        let east = clock(None, Some("+01:00"));
        let hour = 3_600_000_000;
        let text = "1970-01-01 02:00";
        assert_eq!(utc.of_text(text), TimeCell::At(2 * hour, Told::Naive));
        assert_eq!(east.of_text(text), TimeCell::At(hour, Told::Plain));
        let typed = TypedTime {
            microseconds: 2 * hour,
            is_zoned: false,
            is_day: false,
        };
        let told = Some(TimeCell::At(hour, Told::Plain));
        assert_eq!(east.of_typed(typed), told);
        let zoned = TimeCell::At(2 * hour, Told::Zoned);
        assert_eq!(east.of_text("1970-01-01T02:00Z"), zoned);
    }
}
