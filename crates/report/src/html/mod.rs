//! A recipe's results as one HTML page that needs nothing else: no network, no script, no fonts.
//!
//! The same store gives the same bytes: the only times on it are those that runs recorded. All
//! text is escaped by the template language (maud).

mod comparison;
mod provenance;
mod recipe;
mod stages;
mod summary;
mod sweep;

pub use comparison::comparison_page;
pub use sweep::sweep_page;

use maud::{Markup, html};

use super::gathered::Gathered;
use pipeline_error::Error;
use pipeline_kinds::{self as kinds, ReportSection};
use pipeline_page::document::{self, Section};
use pipeline_page::together;

/// The page.
pub fn page(gathered: &Gathered) -> Result<String, Error> {
    let mut sections = vec![summary::section(gathered), stages::section(gathered)];
    sections.extend(of_kinds(gathered)?);
    sections.extend([recipe::section(gathered), provenance::section(gathered)]);
    Ok(document::document(&gathered.recipe, &sections).into_string())
}

/// The sections that the kinds of the stages write.
fn of_kinds(gathered: &Gathered) -> Result<Vec<Section>, Error> {
    let mut parts = Vec::new();
    for (position, stage, result) in gathered.results() {
        parts.extend(kinds::report(
            &stage.kind,
            &stage.name,
            position,
            &result.read,
        )?);
    }
    let section = |section: ReportSection| {
        let own = parts.iter().filter(|(of, _)| *of == section);
        let own: Vec<_> = own.map(|(_, part)| part.clone()).collect();
        let (id, title) = section.id_and_title();
        (!own.is_empty()).then(|| Section {
            id,
            title,
            body: together(own),
        })
    };
    Ok(ReportSection::ALL.into_iter().filter_map(section).collect())
}

/// Text whose names stand between backticks.
pub(crate) fn with_code(text: &str) -> Markup {
    html! {
        @for (position, part) in text.split('`').enumerate() {
            @if position % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
