//! A recipe's results as one HTML page that needs nothing else: no network, no script, no fonts.
//!
//! The same store gives the same bytes: the only times on it are those that runs recorded. All
//! text is escaped by the template language (maud).

mod baseline;
mod comparison;
mod curves;
mod data;
mod diagnosis;
mod document;
mod evaluation;
mod figure;
mod operating_points;
mod provenance;
mod recipe;
mod stages;
mod subgroups;
mod summary;
mod sweep;
mod table;
mod training;
mod weights;

use maud::Markup;

pub use comparison::comparison_page;
pub use sweep::sweep_page;

use super::gathered::Gathered;
use crate::error::Error;
use document::Section;

/// The page.
pub fn page(gathered: &Gathered) -> Result<String, Error> {
    let sections: Vec<Section> = [
        Some(summary::section(gathered)),
        Some(stages::section(gathered)),
        evaluation::section(gathered)?,
        diagnosis::section(gathered),
        training::section(gathered)?,
        weights::section(gathered),
        data::section(gathered),
        Some(recipe::section(gathered)),
        Some(provenance::section(gathered)),
    ]
    .into_iter()
    .flatten()
    .collect();
    Ok(document::document(&gathered.recipe, &sections).into_string())
}

/// Markup of the parts that are there, one after the other.
fn together(parts: impl IntoIterator<Item = Markup>) -> Markup {
    let parts = parts.into_iter().map(Markup::into_string);
    maud::PreEscaped(parts.collect())
}
