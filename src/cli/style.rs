//! Colour, only where somebody can see it.

use std::io::IsTerminal;

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
    /// It went wrong.
    Bad,
}

/// Whether a stream takes colour.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    colour: bool,
}

impl Style {
    /// No colour at all.
    #[cfg(test)]
    pub const PLAIN: Style = Style { colour: false };

    /// The style of standard output.
    pub fn stdout() -> Self {
        Style {
            colour: std::io::stdout().is_terminal() && colour_is_welcome(),
        }
    }

    /// The style of standard error.
    pub fn stderr() -> Self {
        Style {
            colour: std::io::stderr().is_terminal() && colour_is_welcome(),
        }
    }

    /// Whether escape sequences may be written.
    pub fn has_colour(self) -> bool {
        self.colour
    }

    /// `text` in the colour of `tone`.
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
            Tone::Bad => "1;31",
        };
        for part in ["\x1b[", code, "m", text, "\x1b[0m"] {
            canvas.push_str(part);
        }
    }
}

/// <https://no-color.org>: any value but the empty one means no.
fn colour_is_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !terminal_is_dumb()
}

/// Whether the terminal cannot move its cursor.
pub fn terminal_is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_style_adds_nothing() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "error"), "error");
    }

    #[test]
    fn a_colourful_style_resets_after_itself_and_never_paints_nothing() {
        let style = Style { colour: true };
        assert_eq!(style.paint(Tone::Good, "ok"), "\x1b[32mok\x1b[0m");
        assert_eq!(style.paint(Tone::Good, ""), "");
        assert_eq!(style.paint(Tone::Plain, "x"), "x");
    }
}
