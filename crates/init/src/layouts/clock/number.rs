//! Times that are numbers: spans from the begin of a stay, in a unit that their name may tell.

use crate::names::{START, plain, rank};
use crate::table::Table;

/// Numbers from here on are no minutes, hours or days of a stay: seconds would be half a year.
const LARGEST_SPAN: f64 = 1e7;

/// Days from 1899 or 1960 to a date of our time, as of spreadsheets and SAS. As minutes two weeks, before the first event
/// of any stay.
const LEAST_SERIAL: f64 = 20_000.0;

/// Why the numbers of a column are no spans from the begin of a stay.
pub fn why_no_span(table: &Table, column: usize) -> Option<String> {
    let name = plain(&table.columns[column]);
    let names_date = || {
        let is_called = rank(&name, &START).is_some()
            || ["date", "time"].iter().any(|part| name.contains(part));
        is_called && unit_of(&name).is_none()
    };
    let least = table.least(column)?;
    let is_too_large = least >= LARGEST_SPAN || least >= LEAST_SERIAL && names_date();
    is_too_large.then(|| {
        format!(
            "holds numbers from {least} on: no hours or minutes of a stay. They may count from a date (1970, 1960 or 1899), \
             or milliseconds"
        )
    })
}

/// The unit that a name tells, and how it does.
fn unit_of(name: &str) -> Option<(&'static str, String)> {
    let said = [
        ("hours", "hour"),
        ("minutes", "minute"),
        ("days", "day"),
        ("seconds", "second"),
    ];
    let is_said = |(_, part): &&(&str, &str)| name.contains(part);
    if let Some((unit, _)) = said.iter().find(is_said) {
        return Some((*unit, format!("the column's name says {unit}")));
    }
    let usual = [
        (
            "iculos",
            "hours",
            "PhysioNet 2019 counts hours in such a column",
        ),
        ("offset", "minutes", "eICU counts minutes in such a column"),
    ];
    let (_, unit, why) = usual.iter().find(|(part, ..)| name.contains(part))?;
    let others = "the name alone does not say the unit";
    Some((*unit, format!("{why}; {others}")))
}

/// The settings of a column of numbers.
pub fn settings(table: &Table, column: usize) -> (String, Option<String>) {
    let (unit, mut why) = unit_of(&plain(&table.columns[column])).unwrap_or((
        "minutes",
        "hours, days and seconds are the other units".into(),
    ));
    let mut settings = format!("as = \"{unit}\"");
    let is_negative = |text: &str| text.parse::<f64>().is_ok_and(|number| number < 0.0);
    if table.cells(column).any(is_negative) {
        settings += ", negative = \"drop\"";
        why += "; events before 0 are left out and counted";
    }
    (settings, Some(why))
}

#[cfg(test)]
mod tests {
    use super::super::tests::table;
    use super::super::{of, unread};

    #[test]
    fn numbers_that_count_from_a_date_are_no_minutes() {
        for (name, least, is_read) in [
            ("charttime", "5680284120", false),
            ("seconds", "5680284120000", false),
            ("charttime", "91311.5", false),
            ("date", "45000", false),
            ("minutes", "45000", true),
            ("t", "45000", true),
            ("charttime", "19999", true),
        ] {
            let table = table(&format!("id,{name},x\n1,{least},2\n1,9e12,3\n"));
            assert_eq!(of(&table, 1).is_some(), is_read, "{name} {least}");
            assert_eq!(unread(&table).is_none(), is_read, "{name} {least}");
        }
        let early = table("id,charttime\n1,0\n1,91311.5\n");
        assert!(of(&early, 1).is_some());
    }

    #[test]
    fn the_unit_is_said_by_the_name_or_by_use() {
        for (name, unit, why) in [
            (
                "offset_seconds",
                "seconds",
                "the column's name says seconds",
            ),
            ("offset", "minutes", "eICU counts minutes in such a column"),
            ("ICULOS", "hours", "PhysioNet 2019"),
        ] {
            let clock = of(&table(&format!("id,{name}\n1,5\n1,6\n")), 1).unwrap();
            assert_eq!(clock.settings, format!("as = \"{unit}\""));
            assert!(clock.why.unwrap().starts_with(why), "{name}");
        }
    }
}
