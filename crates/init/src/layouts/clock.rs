//! How a column tells when.

mod number;

use crate::folder::Folder;
use crate::names::{DATE, PATIENT, START, STAY, TIME, plain, rank};
use crate::table::{Look, Table};
use pipeline_error::Error;
use pipeline_error::pasted::toml_string;

/// What a recipe says of times.
pub struct Clock {
    /// The value of `time`.
    pub value: String,
    /// The same without the column.
    settings: String,
    /// Whether times are dates.
    pub is_dates: bool,
    /// Whether they say how far they are from UTC.
    pub is_zoned: bool,
    /// Why, if it was guessed.
    pub why: Option<String>,
}

impl Clock {
    /// Whether a recipe that says how the other times are written reads these too.
    pub fn reads_as(&self, other: &Self) -> bool {
        let day_first = self.settings.replace("%m/%d", "%d/%m");
        self.settings == other.settings || self.why.is_some() && day_first == other.settings
    }
}

/// None if the column holds no times.
pub fn of(table: &Table, column: usize) -> Option<Clock> {
    let name = &table.columns[column];
    let look = table.look(column);
    let (settings, why) = match look {
        Look::Timestamp => (iso_date(table, column), None),
        Look::Duration => ("as = \"duration\"".into(), None),
        Look::SlashDate => slash_date(table, column),
        Look::Number if why_none(table, column).is_some() => return None,
        Look::Number => {
            digits_date(table, column).unwrap_or_else(|| number::settings(table, column))
        }
        Look::Empty | Look::Text | Look::TimeOfDay => return None,
    };
    Some(Clock {
        is_zoned: look == Look::Timestamp && table.cells(column).any(has_zone),
        value: format!("{{ column = {}, {settings} }}", toml_string(name)),
        is_dates: settings.contains("\"timestamp\""),
        settings,
        why,
    })
}

/// Why a column that is called like times tells none that a recipe reads.
pub fn why_none(table: &Table, column: usize) -> Option<String> {
    if table.look(column) == Look::TimeOfDay {
        return Some("holds times of day without a date".into());
    }
    if table.look(column) != Look::Number {
        return None;
    }
    match (digits_date(table, column), table.is_of_texts(column)) {
        (Some(_), true) => return None,
        (Some(_), false) => return Some("holds dates as numbers, which are read of texts".into()),
        _ => {}
    }
    number::why_no_span(table, column)
}

/// The column that is called like times of events and tells none, where no other does; and why.
pub fn unread(table: &Table) -> Option<(usize, String)> {
    let mut times = table.called(&TIME);
    times.retain(|at| rank(&table.columns[*at], &START).is_none());
    if times.iter().any(|at| of(table, *at).is_some()) {
        return None;
    }
    let mut times = times.into_iter();
    times.find_map(|at| Some((at, why_none(table, at)?)))
}

/// The clock of a column that several tables have: one of them may tell alone that the day comes first, or that times lie
/// before 0.
pub fn of_all(tables: &[&Table], column: &str) -> Option<Clock> {
    let columns = tables
        .iter()
        .filter_map(|table| Some((*table, table.position(column)?)));
    let (first, at) = columns.clone().next()?;
    let alike = columns.filter(|(table, other)| table.look(*other) == first.look(at));
    let clocks = alike.filter_map(|(table, at)| of(table, at));
    clocks.min_by_key(|clock| !clock.settings.contains("negative") && clock.why.is_some())
}

/// The column without which this one does not tell the time: the date beside a time of day, the day beside an hour.
pub fn other_part(table: &Table, column: usize) -> Option<usize> {
    let mut others = table.called(&TIME);
    others.extend(table.called(&DATE));
    others.into_iter().find(|other| {
        *other != column && (is_part(table, column, *other) || is_part(table, *other, column))
    })
}

/// The complaint that the time is in two columns.
pub fn two_columns(folder: &Folder, table: &Table, [one, other]: [usize; 2]) -> Error {
    Error::Usage {
        message: format!(
            "{}: `{}` and `{}` tell the time together, and a recipe names one column of times",
            folder.root.join(table.place()).display(),
            table.columns[one],
            table.columns[other]
        ),
        hint: Some(
            "write both into one column, such as `2150-01-31 14:05`, or hours from the begin of the stay".into(),
        ),
    }
}

/// Whether `small` begins anew with each value of `large`.
fn is_part(table: &Table, small: usize, large: usize) -> bool {
    let named = |at: usize, names: &[&str]| names.contains(&plain(&table.columns[at]).as_str());
    let below = |most: f64, part: fn(&str) -> &str| {
        let in_range = |text: &str| {
            let number = part(text).parse::<f64>();
            number.is_ok_and(|number| (0.0..most).contains(&number) && number.fract() == 0.0)
        };
        table.cells(small).all(in_range)
    };
    let is_day = || match table.look(large) {
        // A column that holds a time of day too needs no other.
        Look::Timestamp | Look::SlashDate => table.cells(large).all(|text| !text.contains(':')),
        Look::Number => named(large, &["day", "days"]),
        _ => false,
    };
    let is_part = match table.look(small) {
        Look::Duration | Look::TimeOfDay => {
            below(24.0, |text| text.split(':').next().unwrap_or_default()) && is_day()
        }
        Look::Number if named(small, &["hour", "hours"]) => below(24.0, |text| text) && is_day(),
        Look::Number if named(small, &["minute", "minutes"]) => {
            below(60.0, |text| text)
                && named(large, &["hour", "hours"])
                && table.look(large) == Look::Number
        }
        _ => false,
    };
    if !is_part {
        return false;
    }
    // Of stays within one day the date says nothing.
    let mut ids = table.called(&STAY);
    ids.extend(table.called(&PATIENT));
    let id = ids.into_iter().find(|id| !table.is_unique(*id));
    !table.is_constant_by(id, large)
}

/// Whether a date and time ends with `Z` or its distance from UTC.
fn has_zone(text: &str) -> bool {
    let time = text.split_once(':').map_or("", |(_, time)| time);
    time.ends_with('Z') || time.contains(['+', '-'])
}

/// Dates whose year comes first. With twelve hours a day, a format says so.
fn iso_date(table: &Table, column: usize) -> String {
    let first = table.cells(column).next().unwrap_or_default();
    let between = if first.contains('T') { "T" } else { " " };
    match twelve_hours(first) {
        Some(time) => with_format(&format!("%Y-%m-%d{between}{time}")),
        None => "as = \"timestamp\"".into(),
    }
}

/// Dates of digits only, as `20500131`.
fn digits_date(table: &Table, column: usize) -> Option<(String, Option<String>)> {
    let length = table.cells(column).next()?.len();
    let format = match length {
        8 => "%Y%m%d",
        12 => "%Y%m%d%H%M",
        14 => "%Y%m%d%H%M%S",
        _ => return None,
    };
    let is_whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let part = |text: &str, from: usize, to: usize| -> u32 {
        let digits = text.get(from..to).and_then(|digits| digits.parse().ok());
        digits.unwrap_or_default()
    };
    let is_date = |text: &str| {
        text.len() == length
            && is_whole(text)
            && (1800..3000).contains(&part(text, 0, 4))
            && (1..=12).contains(&part(text, 4, 6))
            && (1..=31).contains(&part(text, 6, 8))
            && part(text, 8, 10) < 24
            && part(text, 10, 12) < 60
            && part(text, 12, 14) < 60
    };
    if !table.cells(column).all(is_date) {
        return None;
    }
    let why = format!("its {length} digits are dates in every row");
    Some((with_format(format), Some(why)))
}

/// Whether the day or the month comes first: a number above 12 tells, and so do points.
fn slash_date(table: &Table, column: usize) -> (String, Option<String>) {
    let part = |text: &str, at: usize| -> u32 {
        let part = text.split('/').nth(at);
        part.and_then(|part| part.parse().ok()).unwrap_or_default()
    };
    let first = table.cells(column).next().unwrap_or_default();
    let above = |at: usize| table.cells(column).any(|text| part(text, at) > 12);
    let (date, why) = match (above(0), above(1)) {
        _ if !first.contains('/') => ("%d.%m.%Y", None),
        (true, _) => ("%d/%m/%Y", None),
        (_, true) => ("%m/%d/%Y", None),
        _ => (
            "%m/%d/%Y",
            Some("no number above 12 tells whether the month or the day comes first".to_string()),
        ),
    };
    let time = match (twelve_hours(first), first.matches(':').count()) {
        (Some(time), _) => format!(" {time}"),
        (None, 0) => String::new(),
        (None, 1) => " %H:%M".into(),
        (None, _) => " %H:%M:%S".into(),
    };
    (with_format(&format!("{date}{time}")), why)
}

fn with_format(format: &str) -> String {
    format!("as = \"timestamp\", format = {}", toml_string(format))
}

/// The format of a time of day with AM or PM behind it.
fn twelve_hours(text: &str) -> Option<String> {
    let half = text.get(text.len().checked_sub(2)?..)?;
    if !half.eq_ignore_ascii_case("am") && !half.eq_ignore_ascii_case("pm") {
        return None;
    }
    let clock = &text[..text.len() - 2];
    let seconds = match clock.matches(':').count() {
        0 | 1 => "",
        _ if clock.contains('.') => ":%S%.f",
        _ => ":%S",
    };
    let blank = if clock.ends_with(' ') { " " } else { "" };
    Some(format!("%I:%M{seconds}{blank}%p"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of a file of these rows.
    pub fn table(text: &str) -> Table {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), text).unwrap();
        Folder::open(folder.path()).unwrap().tables.remove(0)
    }

    #[test]
    fn a_date_with_points_has_the_day_first() {
        let table = table("stay_id;time\n1;03.01.2150 18:11\n1;04.01.2150 18:11\n");
        let clock = of(&table, 1).unwrap();
        assert!(clock.is_dates && clock.why.is_none());
        assert!(
            clock.value.contains("format = \"%d.%m.%Y %H:%M\""),
            "{}",
            clock.value
        );
    }

    #[test]
    fn a_time_of_day_is_half_of_a_time_beside_days() {
        for (text, is_half) in [
            (
                "id,date,time\n1,2150-01-01,08:00\n1,2150-01-02,08:00\n",
                true,
            ),
            ("id,day,hour\n1,0,23\n1,1,0\n", true),
            ("id,hour,minute\n1,0,59\n1,1,0\n", true),
            ("id,day,hour\n1,0,23\n1,1,24\n", false),
            ("id,day,hour\n1,1,22\n1,1,23\n2,2,5\n2,2,6\n", false),
            (
                "id,date,time\n1,2150-01-01,08:00\n1,2150-01-02,32:00\n",
                false,
            ),
            (
                "id,date,time\n1,2150-01-01 08:00,08:00\n1,2150-01-02 08:00,08:00\n",
                false,
            ),
        ] {
            let table = table(text);
            for (column, other) in [(1, 2), (2, 1)] {
                let found = other_part(&table, column);
                assert_eq!(found, is_half.then_some(other), "{text}");
            }
        }
    }

    #[test]
    fn formats_are_those_of_the_texts() {
        for (cell, settings) in [
            ("01/13/2150 04:00 AM", "%m/%d/%Y %I:%M %p"),
            ("13/01/2150 4:00:10pm", "%d/%m/%Y %I:%M:%S%p"),
            ("2150-01-13 04:00 PM", "%Y-%m-%d %I:%M %p"),
            ("20500113", "%Y%m%d"),
            ("20500113235959", "%Y%m%d%H%M%S"),
        ] {
            let table = table(&format!("id,time,x\n1,{cell},2\n1,{cell},3\n"));
            let clock = of(&table, 1).unwrap();
            let wanted = format!("as = \"timestamp\", format = \"{settings}\"");
            assert!(
                clock.is_dates && clock.settings == wanted,
                "{}",
                clock.value
            );
        }
        let of_cell = |cell: &str| of(&table(&format!("id,time\n1,{cell}\n1,{cell}\n")), 1);
        assert!(of_cell("20501301").is_none() && of_cell("20500132").is_none());
        assert!(of_cell("2050").is_some_and(|clock| !clock.is_dates));
        let plain = of(&table("id,time\n1,2150-01-13 04:00\n"), 1).unwrap();
        assert_eq!(plain.settings, "as = \"timestamp\"");
    }

    #[test]
    fn times_with_a_zone_are_told_from_those_without() {
        for (time, is_zoned) in [
            ("2150-01-31T08:00:00Z", true),
            ("2150-01-31 08:00+01:00", true),
            ("2150-01-31 08:00:00-05:00", true),
            ("2150-01-31 08:00:00", false),
            ("2150-01-31", false),
        ] {
            let clock = of(&table(&format!("id,time\n1,{time}\n")), 1).unwrap();
            assert_eq!(clock.is_zoned, is_zoned, "{time}");
        }
    }
}
