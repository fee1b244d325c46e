use maud::{Markup, PreEscaped, html};

use super::super::chart::{self, Chart, Ink};
use crate::error::Error;

/// A line of a chart's key.
pub struct KeyEntry {
    /// The line's colour.
    pub ink: Ink,
    /// What it is, with its number.
    pub text: String,
}

/// A chart with its title above and its key below, where the numbers are for all to read.
pub fn figure(chart: &Chart, id: &str, key: &[KeyEntry]) -> Result<Markup, Error> {
    let drawn = chart::svg(chart, id)?;
    Ok(html! {
        figure {
            p class="figure-title" { (chart.title) }
            (PreEscaped(drawn))
            figcaption {
                ul class="key" {
                    @for entry in key {
                        li { span class={ "swatch " (entry.ink.name()) } {} (entry.text) }
                    }
                }
            }
        }
    })
}
