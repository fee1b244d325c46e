//! The checks of `selftest`, for people.

use crate::display::table::{Align, Cell, Table};
use crate::terminal::style::{Style, Tone};
use pipeline_selftest::Check;

/// One row a check.
pub fn render(checks: &[Check], style: Style) -> String {
    let mut table = Table::new(&[
        ("check", Align::Left),
        ("form", Align::Left),
        ("difference", Align::Right),
        ("tolerance", Align::Right),
        ("", Align::Left),
    ]);
    for check in checks {
        let (word, tone) = match check.passed() {
            true => ("ok", Tone::Good),
            false => ("FAILED", Tone::Bad),
        };
        table.push(vec![
            check.name.as_str().into(),
            Cell::new(check.form, Tone::Faint),
            number(check.worst).into(),
            number(check.tolerance).into(),
            Cell::new(word, tone),
        ]);
    }
    table.render(style)
}

fn number(value: f64) -> String {
    match value {
        0.0 => "0".into(),
        _ => format!("{value:.1e}"),
    }
}
