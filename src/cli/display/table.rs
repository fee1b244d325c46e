//! Text in columns.

use super::super::style::{Style, Tone};

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
        let text = text.into();
        let width = text.chars().count();
        Cell { text, tone, width }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell::new(text, Tone::Plain)
    }
}

/// Rows below a heading.
#[derive(Debug)]
pub struct Table {
    heading: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(heading: &[(&'static str, Align)]) -> Self {
        Table {
            heading: heading.to_vec(),
            rows: vec![],
        }
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
        let heading: Vec<Cell> = self
            .heading
            .iter()
            .map(|(text, _)| Cell::new(*text, Tone::Strong))
            .collect();
        let rows = || std::iter::once(&heading).chain(&self.rows);
        let width = |column: usize| rows().map(|row| row[column].width).max().unwrap_or(0);
        let widths: Vec<usize> = (0..heading.len()).map(width).collect();
        let mut text = String::new();
        for row in rows() {
            self.line(row, &widths, style, &mut text);
            text.push('\n');
        }
        text
    }

    fn line(&self, row: &[Cell], widths: &[usize], style: Style, text: &mut String) {
        let mut pending = 0;
        for ((cell, width), (_, align)) in row.iter().zip(widths).zip(&self.heading) {
            let blank = width - cell.width;
            let (before, after) = match align {
                Align::Left => (0, blank),
                Align::Right => (blank, 0),
            };
            if !cell.text.is_empty() {
                text.extend(std::iter::repeat_n(' ', pending + before));
                style.paint_onto(text, cell.tone, &cell.text);
                pending = after + 2;
            } else {
                pending += width + 2;
            }
        }
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
}
