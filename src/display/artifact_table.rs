//! Artifacts and where they lie, for people.

use crate::display::table::{Align, Cell, Table};
use crate::terminal::style::{Style, Tone};
use pipeline_runner::record::OutputRecord;

/// One row an artifact (stage, name, where); none without artifacts.
pub fn render<'a>(
    artifacts: impl IntoIterator<Item = (&'a str, &'a str, &'a OutputRecord)>,
    style: Style,
) -> Option<String> {
    // A path that is cut is none.
    let mut table = Table::new(&[("artifact", Align::Left), ("path", Align::Left)]);
    for (stage, name, output) in artifacts {
        let path = output.path.display().to_string();
        table.push(vec![
            format!("{stage} {name}").into(),
            Cell::new(path, Tone::Faint),
        ]);
    }
    (!table.is_empty()).then(|| table.render(style))
}
