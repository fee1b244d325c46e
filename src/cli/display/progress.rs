//! A run while it runs, on standard error.

use std::io::{IsTerminal, Stderr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::super::style::{self, Style};
use super::bars::Bars;
use super::lines::Lines;
use crate::exec::event::Event;

/// Bars on a terminal, plain lines elsewhere.
pub struct Progress {
    display: Mutex<Display>,
}

enum Display {
    Bars(Bars),
    Lines(Lines<Stderr>),
}

impl Progress {
    /// What standard error can show.
    pub fn stderr() -> Self {
        let style = Style::stderr();
        let display = match std::io::stderr().is_terminal() && !style::terminal_is_dumb() {
            true => Display::Bars(Bars::new(style)),
            false => Display::Lines(Lines::new(std::io::stderr(), style)),
        };
        Progress {
            display: Mutex::new(display),
        }
    }

    /// Shows what happened.
    pub fn show(&self, events: &[Event]) {
        // A display that panicked half-way is still good enough for the next line.
        let mut display = self.display.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *display {
            Display::Bars(bars) => events.iter().for_each(|event| bars.show(event)),
            Display::Lines(lines) => lines.show(events, Instant::now()),
        }
    }
}
