//! What a stream can show: colour, a cursor that moves, how many columns.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::fd::AsRawFd;

/// One of the two streams that are written to.
pub trait Stream: IsTerminal + AsRawFd {}

impl Stream for std::io::Stdout {}
impl Stream for std::io::Stderr {}

/// Whether escape sequences for colour may be written to `stream`.
pub fn takes_colour(stream: &impl Stream) -> bool {
    colour(stream.is_terminal(), |name| std::env::var_os(name))
}

/// Whether `stream` is a terminal that can move its cursor.
pub fn takes_bars(stream: &impl Stream) -> bool {
    stream.is_terminal() && !is_dumb(&|name: &str| std::env::var_os(name))
}

/// The width of the terminal; none for a stream that is none, where lines stay whole.
pub fn columns(stream: &impl Stream) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let stated = std::env::var("COLUMNS").ok();
    let stated = stated.and_then(|text| text.trim().parse().ok());
    stated
        .or_else(|| measured(stream))
        .filter(|columns| *columns > 0)
}

fn measured(stream: &impl Stream) -> Option<usize> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the stream is open, and `size` is what this request writes.
    let answer = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (answer == 0).then(|| usize::from(size.ws_col))
}

/// <https://no-color.org> goes before <https://bixense.com/clicolors>.
fn colour(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let is_on = |name| variable(name).is_some_and(|value| !value.is_empty() && value != "0");
    // Any value but the empty one means no: also 0.
    if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return false;
    }
    if is_on("CLICOLOR_FORCE") || is_on("FORCE_COLOR") {
        return true;
    }
    let unwanted = variable("CLICOLOR").is_some_and(|value| value == "0");
    is_terminal && !unwanted && !is_dumb(&variable)
}

fn is_dumb(variable: &impl Fn(&str) -> Option<OsString>) -> bool {
    variable("TERM").is_some_and(|term| term == "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(is_terminal: bool, variables: &[(&str, &str)]) -> bool {
        colour(is_terminal, |wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn a_terminal_takes_colour_unless_somebody_says_no() {
        assert!(with(true, &[]));
        assert!(with(true, &[("NO_COLOR", ""), ("TERM", "xterm")]));
        assert!(!with(true, &[("NO_COLOR", "0")]));
        assert!(!with(true, &[("CLICOLOR", "0")]));
        assert!(!with(true, &[("TERM", "dumb")]));
    }

    #[test]
    fn what_is_no_terminal_takes_colour_only_if_it_is_forced() {
        assert!(!with(false, &[]));
        for name in ["CLICOLOR_FORCE", "FORCE_COLOR"] {
            assert!(with(false, &[(name, "1")]));
            assert!(with(true, &[(name, "1"), ("TERM", "dumb")]));
            assert!(!with(false, &[(name, "0")]));
            assert!(!with(true, &[(name, "1"), ("NO_COLOR", "1")]));
        }
    }
}
