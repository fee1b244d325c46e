//! Tables with a caption for those who do not see them.

use maud::{Markup, html};

use crate::number;

/// Rows that a table shows before it is folded.
const LONGEST: usize = 24;

/// A table with a caption for those who do not see it. Cells may hold markup.
pub struct Table {
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Markup>>,
}

struct Column {
    title: String,
    is_number: bool,
}

impl Table {
    /// Without rows. Columns of numbers are named in `numbers`.
    pub fn new(caption: impl Into<String>, titles: &[&str], numbers: &[&str]) -> Self {
        let columns = titles.iter().map(|title| Column {
            title: (*title).to_string(),
            is_number: numbers.contains(title),
        });
        Self {
            caption: caption.into(),
            columns: columns.collect(),
            rows: Vec::new(),
        }
    }

    /// Appends a row; its first cell heads it.
    pub fn push(&mut self, row: Vec<Markup>) {
        self.rows.push(row);
    }

    /// The table; a long one is folded under its caption, and one without rows is nothing.
    pub fn render(&self) -> Markup {
        if self.rows.is_empty() {
            return html! {};
        }
        match self.rows.len() <= LONGEST {
            true => self.unfolded(),
            false => self.folded(),
        }
    }

    /// The table, folded under its caption; one without rows is nothing.
    pub fn folded(&self) -> Markup {
        html! {
            @if !self.rows.is_empty() {
                details {
                    summary { (self.caption) ", " (self.rows.len()) " rows" }
                    (self.unfolded())
                }
            }
        }
    }

    /// The table, however long.
    pub fn unfolded(&self) -> Markup {
        html! {
            // Wider than a phone: the table scrolls, not the page, and the keyboard reaches it.
            div class="scroll" tabindex="0" role="region" aria-label=(self.caption) {
                table {
                    caption { (self.caption) }
                    thead {
                        tr {
                            @for column in &self.columns {
                                th scope="col" class=[column.class()] { (column.title) }
                            }
                        }
                    }
                    tbody {
                        @for row in &self.rows { tr { (self.cells(row)) } }
                    }
                }
            }
        }
    }

    fn cells(&self, row: &[Markup]) -> Markup {
        html! {
            @for (index, (cell, column)) in row.iter().zip(&self.columns).enumerate() {
                @if index == 0 {
                    th scope="row" class=[column.class()] { (cell) }
                } @else {
                    td class=[column.class()] { (cell) }
                }
            }
        }
    }
}

impl Column {
    fn class(&self) -> Option<&'static str> {
        self.is_number.then_some("number")
    }
}

/// A cell of text.
pub fn text(text: impl AsRef<str>) -> Markup {
    html! { (text.as_ref()) }
}

/// A cell of sentences: on a narrow screen it keeps a width that they can be read at.
pub fn prose(sentences: Markup) -> Markup {
    html! { div class="prose" { (sentences) } }
}

/// A cell of program text: names, digests, values.
pub fn code(text: impl AsRef<str>) -> Markup {
    html! { code { (text.as_ref()) } }
}

/// A cell of a number, or why there is none.
pub fn number_or(value: Option<f64>, undefined: Option<&str>) -> Markup {
    match (value, undefined) {
        (Some(value), _) => text(number::float(value)),
        (None, Some(reason)) => html! { span class="muted" { (reason) } },
        (None, None) => html! { span class="muted" { "undefined" } },
    }
}
