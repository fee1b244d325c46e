//! How a column tells when.

use crate::names::plain;
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
    Some(Clock {
        value: format!("{{ column = {}, {settings} }}", toml_string(name)),
        is_dates: matches!(look, Look::Timestamp | Look::SlashDate),
        why,
    })
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

/// Whether the day or the month comes first: a number above 12 tells.
fn slash_date(table: &Table, column: usize) -> (String, Option<String>) {
    let part = |text: &str, at: usize| -> u32 {
        let part = text.split('/').nth(at);
        part.and_then(|part| part.parse().ok()).unwrap_or_default()
    };
    let above = |at: usize| table.cells(column).any(|text| part(text, at) > 12);
    let (date, why) = match (above(0), above(1)) {
        (true, _) => ("%d/%m/%Y", None),
        (_, true) => ("%m/%d/%Y", None),
        _ => (
            "%m/%d/%Y",
            Some("no number above 12 tells whether the month or the day comes first".to_string()),
        ),
    };
    let first = table.cells(column).next().unwrap_or_default();
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
