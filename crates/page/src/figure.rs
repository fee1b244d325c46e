//! Pictures with their titles and keys.

use maud::{Markup, PreEscaped, html};

use crate::chart::{self, Chart, Ink};
use pipeline_error::Error;

/// A line of a chart's key.
pub struct KeyEntry {
    /// The line's colour.
    pub ink: Ink,
    /// What it is, with its number.
    pub text: String,
}

/// A picture with its title above and its key below.
pub fn with_key(title: &str, drawn: &str, key: &[KeyEntry]) -> Markup {
    html! {
        figure {
            p class="figure-title" { (title) }
            (PreEscaped(drawn))
            figcaption {
                ul class="key" {
                    @for entry in key {
                        li { span class={ "swatch " (entry.ink.name()) } {} (entry.text) }
                    }
                }
            }
        }
    }
}

/// A chart with its title above and its key below, where the numbers are for all to read.
pub fn figure(chart: &Chart, id: &str, key: &[KeyEntry]) -> Result<Markup, Error> {
    Ok(with_key(&chart.title, &chart::svg(chart, id)?, key))
}
