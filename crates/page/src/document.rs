//! A whole page, and a section of it.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// A section of a page.
pub struct Section {
    /// What links to it name.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What follows the heading; its own headings begin at the third level.
    pub body: Markup,
}

/// The whole page: head, a list of the sections, and these.
pub fn document(title: &str, sections: &[Section]) -> Markup {
    document_with(title, &html! {}, sections)
}

/// The same with more in its head.
pub fn document_with(title: &str, head: &Markup, sections: &[Section]) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // An empty icon: a browser would ask the server for one.
                link rel="icon" href="data:,";
                title { (title) " · pipeline" }
                style { (PreEscaped(STYLE)) }
                (head)
            }
            body class="page" {
                a class="skip" href="#main" { "To the content" }
                header {
                    h1 { (title) }
                    nav aria-label="Sections" {
                        ul {
                            @for section in sections {
                                li { a href={ "#" (section.id) } { (section.title) } }
                            }
                        }
                    }
                }
                main id="main" {
                    @for section in sections {
                        section id=(section.id) aria-labelledby={ (section.id) "-heading" } {
                            h2 id={ (section.id) "-heading" } { (section.title) }
                            (section.body)
                        }
                    }
                }
                footer { p { "Written by pipeline " (env!("CARGO_PKG_VERSION")) "." } }
            }
        }
    }
}
