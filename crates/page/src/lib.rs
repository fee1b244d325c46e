//! Parts of an HTML page that needs nothing else: no network, no script, no fonts. All text is escaped by the
//! template language (maud).
//!
//! ```
//! use pipeline_page::table::{Table, text};
//!
//! let mut table = Table::new("Splits", &["split", "stays"], &["stays"]);
//! table.push(vec![text("train & test"), text("80")]);
//! assert!(table.render().into_string().contains("train &amp; test"));
//! ```

pub mod chart;
pub mod document;
pub mod figure;
pub mod number;
pub mod table;
pub mod tensor;

use maud::Markup;

/// Markup of the parts that are there, one after the other.
pub fn together(parts: impl IntoIterator<Item = Markup>) -> Markup {
    let parts = parts.into_iter().map(Markup::into_string);
    maud::PreEscaped(parts.collect())
}
