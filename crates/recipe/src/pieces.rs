//! A string's parts: plain text, and the references between it.

use std::ops::Range;

/// A part of a string.
pub struct Piece<'t> {
    /// Where in the string.
    pub span: Range<usize>,
    /// What it is.
    pub content: Content<'t>,
}

/// What a part of a string is.
pub enum Content<'t> {
    /// Itself.
    Text(&'t str),
    /// A variable's dotted name.
    Var(&'t str),
    /// An environment variable.
    Env {
        /// Its name.
        name: &'t str,
        /// What stands in for one that is not set.
        default: Option<&'t str>,
    },
    /// No reference, and why.
    Malformed(&'static str),
}

/// The parts of a string, in order.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        if text[at..start].ends_with('$') {
            // `$${`: the text before, and a plain `${`.
            push_text(&mut pieces, text, at..start - 1);
            push_text(&mut pieces, text, start..start + 2);
            at = start + 2;
            continue;
        }
        push_text(&mut pieces, text, at..start);
        let Some(length) = text[start..].find('}') else {
            pieces.push(Piece {
                span: start..text.len(),
                content: Content::Malformed("this `${` is never closed"),
            });
            return pieces;
        };
        let inside = &text[start + 2..start + length];
        at = start + length + 1;
        pieces.push(Piece {
            span: start..at,
            content: reference(inside),
        });
    }
    push_text(&mut pieces, text, at..text.len());
    pieces
}

fn push_text<'t>(pieces: &mut Vec<Piece<'t>>, text: &'t str, span: Range<usize>) {
    if !span.is_empty() {
        pieces.push(Piece {
            content: Content::Text(&text[span.clone()]),
            span,
        });
    }
}

fn reference(inside: &str) -> Content<'_> {
    if inside.contains("${") {
        return Content::Malformed("a reference cannot hold another one");
    }
    if let Some(path) = inside.strip_prefix("vars.") {
        return Content::Var(path);
    }
    match inside.strip_prefix("env:") {
        Some("") => Content::Malformed("an environment variable without a name"),
        Some(variable) => match variable.split_once(":-") {
            Some((name, default)) => Content::Env {
                name,
                default: Some(default),
            },
            None => Content::Env {
                name: variable,
                default: None,
            },
        },
        None => Content::Malformed("this is no reference"),
    }
}
