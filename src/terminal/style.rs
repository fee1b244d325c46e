//! Colour, only where somebody can see it, and the width to keep to.

use super::shown::begin_sequence;
use super::stream::{self, Stream};

/// What a piece of text means; the colour follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// Headings and the numbers that matter.
    Strong,
    /// What can be read last.
    Faint,
    /// It went well.
    Good,
    /// Something will happen or was left out.
    Notice,
    /// Somebody should read it.
    Warning,
    /// It went wrong.
    Bad,
}

/// What a stream can show.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    colour: bool,
    /// The width of the terminal; none where lines stay whole.
    columns: Option<usize>,
}

impl Style {
    /// No colour at all, and lines of any length.
    #[cfg(test)]
    pub const PLAIN: Style = Style {
        colour: false,
        columns: None,
    };

    /// The style of standard output.
    pub fn stdout() -> Self {
        Self::of(&std::io::stdout())
    }

    /// The style of standard error.
    pub fn stderr() -> Self {
        Self::of(&std::io::stderr())
    }

    fn of(stream: &impl Stream) -> Self {
        Style {
            colour: stream::takes_colour(stream),
            columns: stream::columns(stream),
        }
    }

    /// No colour, on a terminal of this width.
    #[cfg(test)]
    pub fn narrow(columns: usize) -> Self {
        Style {
            columns: Some(columns),
            ..Style::PLAIN
        }
    }

    /// The width to keep to; none where lines stay whole.
    pub fn columns(self) -> Option<usize> {
        self.columns
    }

    /// `text` in the colour of `tone`, which acts where it is [shown](super::shown::shown).
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let mut painted = String::with_capacity(text.len());
        self.paint_onto(&mut painted, tone, text);
        painted
    }

    /// Appends `text` in the colour of `tone`.
    pub fn paint_onto(self, canvas: &mut String, tone: Tone, text: &str) {
        let code = match tone {
            Tone::Plain => return canvas.push_str(text),
            _ if !self.colour || text.is_empty() => return canvas.push_str(text),
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Notice => "33",
            Tone::Warning => "1;33",
            Tone::Bad => "1;31",
        };
        begin_sequence(canvas);
        for part in [code, "m", text] {
            canvas.push_str(part);
        }
        begin_sequence(canvas);
        canvas.push_str("0m");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::shown::shown;

    #[test]
    fn a_plain_style_adds_nothing() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "error"), "error");
    }

    #[test]
    fn a_colourful_style_resets_after_itself_and_never_paints_nothing() {
        let style = Style {
            colour: true,
            columns: None,
        };
        let painted = style.paint(Tone::Good, "ok");
        assert_eq!(shown(&painted), "\x1b[32mok\x1b[0m");
        assert_eq!(style.paint(Tone::Good, ""), "");
        assert_eq!(style.paint(Tone::Plain, "x"), "x");
    }
}
