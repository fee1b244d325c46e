//! How a column tells when.

use crate::names::{DATE, PATIENT, STAY, TIME, plain};
use crate::table::{Look, Table};
use pipeline_error::pasted::toml_string;

/// What a recipe says of times.
pub struct Clock {
    /// The value of `time`.
    pub value: String,
    /// Whether times are dates.
    pub is_dates: bool,
    /// Why, if it was guessed.
    pub why: Option<String>,
}

/// None if the column holds no times.
pub fn of(table: &Table, column: usize) -> Option<Clock> {
    let name = &table.columns[column];
    let look = table.look(column);
    let (settings, why) = match look {
        Look::Timestamp => ("as = \"timestamp\"".to_string(), None),
        Look::Duration => ("as = \"duration\"".into(), None),
        Look::SlashDate => slash_date(table, column),
        Look::Number => number(table, column),
        Look::Empty | Look::Text => return None,
    };
    let why = match other_part(table, column) {
        Some(other) => {
            let warning = format!(
                "`{}` is the other part of this time, and one column only is read: write both into one",
                table.columns[other]
            );
            Some(why.map_or(warning.clone(), |why| format!("{warning}; {why}")))
        }
        None => why,
    };
    Some(Clock {
        value: format!("{{ column = {}, {settings} }}", toml_string(name)),
        is_dates: matches!(look, Look::Timestamp | Look::SlashDate),
        why,
    })
}

/// The column without which this one does not tell the time: the date beside a time of day, the day beside an hour.
pub fn other_part(table: &Table, column: usize) -> Option<usize> {
    let mut others = table.called(&TIME);
    others.extend(table.called(&DATE));
    others.into_iter().find(|other| {
        *other != column && (is_part(table, column, *other) || is_part(table, *other, column))
    })
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
        Look::Duration => {
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

fn number(table: &Table, column: usize) -> (String, Option<String>) {
    let name = plain(&table.columns[column]);
    let said = [
        ("hours", &["hour", "iculos"][..]),
        ("minutes", &["minute", "offset"]),
        ("days", &["day"]),
        ("seconds", &["second"]),
    ];
    let of_name = said
        .iter()
        .find(|(_, parts)| parts.iter().any(|part| name.contains(part)));
    let (unit, why) = match of_name {
        Some((unit, _)) => (*unit, format!("the column's name says {unit}")),
        None => (
            "minutes",
            "hours, days and seconds are the other units".to_string(),
        ),
    };
    let mut settings = format!("as = \"{unit}\"");
    let is_negative = |text: &str| text.parse::<f64>().is_ok_and(|number| number < 0.0);
    let mut why = why;
    if table.cells(column).any(is_negative) {
        settings += ", negative = \"drop\"";
        why += "; events before 0 are left out and counted";
    }
    (settings, Some(why))
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
    let time = match first.matches(':').count() {
        0 => "",
        1 => " %H:%M",
        _ => " %H:%M:%S",
    };
    (
        format!(
            "as = \"timestamp\", format = {}",
            toml_string(&format!("{date}{time}"))
        ),
        why,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    /// A table of a file of these rows.
    fn table(text: &str) -> Table {
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
                let warned = of(&table, column).unwrap().why;
                let warned = warned.is_some_and(|why| why.contains("the other part"));
                assert_eq!(warned, is_half, "{text}");
            }
        }
    }
}
