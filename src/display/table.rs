//! Text in columns.

use std::borrow::Cow;

use crate::terminal::style::{Style, Tone};
use pipeline_error::plain;

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// One cell.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    tone: Tone,
    /// Characters of the text.
    width: usize,
}

impl Cell {
    /// A cell in the given tone.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        let text = plain::line(&text.into()).into_owned();
        let width = text.chars().count();
        Cell { text, tone, width }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell::new(text, Tone::Plain)
    }
}

/// A column narrower than this says nothing.
const NARROWEST: usize = 6;
/// Between two columns.
const GAP: usize = 2;

/// Rows below a heading.
#[derive(Debug)]
pub struct Table {
    heading: Vec<(Cow<'static, str>, Align)>,
    /// Columns by their headings, the least important first.
    yielding: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(heading: &[(&'static str, Align)]) -> Self {
        let heading = heading.iter();
        Self::with_heading(
            heading
                .map(|(name, align)| (Cow::Borrowed(*name), *align))
                .collect(),
        )
    }

    /// An empty table with columns that are known only now.
    pub fn with_heading(heading: Vec<(Cow<'static, str>, Align)>) -> Self {
        Table {
            heading,
            yielding: vec![],
            rows: vec![],
        }
    }

    /// On a terminal that is too narrow, these columns (the least important first) are shortened
    /// or left out. Numbers are never shortened.
    #[must_use]
    pub fn yielding(mut self, columns: &[&'static str]) -> Self {
        self.yielding = columns.to_vec();
        self
    }

    /// Adds a row, a cell a column.
    pub fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.heading.len());
        self.rows.push(row);
    }

    /// Whether there is nothing but the heading.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines; none ends in a blank.
    pub fn render(&self, style: Style) -> String {
        let widths = self.widths(style.columns());
        let heading: Vec<Cell> = self
            .heading
            .iter()
            .map(|(text, _)| Cell::new(text.as_ref(), Tone::Strong))
            .collect();
        let rows = || std::iter::once(&heading).chain(&self.rows);
        let mut text = String::new();
        for row in rows() {
            self.line(row, &widths, style, &mut text);
            text.push('\n');
        }
        text
    }

    /// The width of every column, none for one that is left out, so that all fit into `columns`
    /// if those that may yield allow it.
    fn widths(&self, columns: Option<usize>) -> Vec<Option<usize>> {
        let count = self.heading.len();
        let mut widths: Vec<Option<usize>> = (0..count).map(|i| Some(self.width(i))).collect();
        for yielding in &self.yielding {
            let taken = |widths: &[Option<usize>]| {
                let taken = widths.iter().flatten().map(|width| width + GAP);
                taken.sum::<usize>().saturating_sub(GAP)
            };
            let excess = taken(&widths).saturating_sub(columns.unwrap_or(usize::MAX));
            let place = self.heading.iter().position(|(name, _)| name == yielding);
            let (Some(place), 1..) = (place, excess) else {
                continue;
            };
            let left = widths[place].unwrap_or(0).saturating_sub(excess);
            let can_be_short = self.heading[place].1 == Align::Left && left >= NARROWEST;
            widths[place] = can_be_short.then_some(left);
        }
        widths
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].width);
        let heading = self.heading[column].0.chars().count();
        cells.chain([heading]).max().unwrap_or(0)
    }

    fn line(&self, row: &[Cell], widths: &[Option<usize>], style: Style, line: &mut String) {
        let mut pending = 0;
        for ((cell, width), (_, align)) in row.iter().zip(widths).zip(&self.heading) {
            let Some(width) = *width else {
                continue;
            };
            let (text, shown) = match cell.width <= width {
                true => (Cow::Borrowed(cell.text.as_str()), cell.width),
                false => (shortened(&cell.text, width), width),
            };
            let blank = width - shown;
            let (before, after) = match align {
                Align::Left => (0, blank),
                Align::Right => (blank, 0),
            };
            if !text.is_empty() {
                line.extend(std::iter::repeat_n(' ', pending + before));
                style.paint_onto(line, cell.tone, &text);
                pending = after + GAP;
            } else {
                pending += width + GAP;
            }
        }
    }
}

/// The text, or as much of it as fits into `width`, with `…` for the rest.
pub fn shortened(text: &str, width: usize) -> Cow<'_, str> {
    match text.chars().count() <= width {
        true => text.into(),
        false => text
            .chars()
            .take(width.saturating_sub(1))
            .chain(['…'].into_iter().take(width))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_line_ends_in_a_blank() {
        let mut table = Table::new(&[
            ("stage", Align::Left),
            ("n", Align::Right),
            ("why", Align::Left),
        ]);
        table.push(vec!["a".into(), "1234".into(), "".into()]);
        table.push(vec!["".into(), "".into(), "new".into()]);
        table.push(vec!["klassifikation".into(), "5".into(), "é".into()]);
        let expected = "\
stage              n  why
a               1234
                      new
klassifikation     5  é
";
        assert_eq!(table.render(Style::PLAIN), expected);
    }

    fn metrics() -> Table {
        let heading = [
            ("stage", Align::Left),
            ("status", Align::Left),
            ("seconds", Align::Right),
            ("metrics", Align::Left),
        ];
        let mut table = Table::new(&heading).yielding(&["metrics", "seconds", "nothing"]);
        table.push(vec![
            "pretrain".into(),
            "executed".into(),
            "12.34".into(),
            "best_epoch 2".into(),
        ]);
        table.push(vec!["test".into(), "cached".into(), "".into(), "".into()]);
        table
    }

    #[test]
    fn a_terminal_that_is_wide_enough_shows_all() {
        let whole = metrics().render(Style::PLAIN);
        let widest = whole.lines().map(|line| line.chars().count()).max();
        assert_eq!(metrics().render(Style::narrow(41)), whole);
        assert_eq!(widest, Some(41));
    }

    #[test]
    fn a_column_that_yields_is_shortened_before_it_is_left_out() {
        let shortened = "\
stage     status    seconds  metrics
pretrain  executed    12.34  best_ep…
test      cached
";
        assert_eq!(metrics().render(Style::narrow(37)), shortened);
        let without = "\
stage     status    seconds
pretrain  executed    12.34
test      cached
";
        for columns in [27, 34] {
            assert_eq!(metrics().render(Style::narrow(columns)), without);
        }
    }

    #[test]
    fn a_number_is_left_out_whole_and_what_must_be_read_never() {
        let rest = "\
stage     status
pretrain  executed
test      cached
";
        for columns in [26, 18, 5, 1] {
            assert_eq!(metrics().render(Style::narrow(columns)), rest);
        }
    }

    #[test]
    fn a_text_is_shortened_to_any_width() {
        let texts = [9, 8, 7, 1, 0].map(|width| shortened("pretrain", width));
        assert_eq!(texts, ["pretrain", "pretrain", "pretra…", "…", ""]);
    }
}
