//! A run while it runs, on standard error.

use std::io::Stderr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::display::bars::Bars;
use crate::display::lines::Lines;
use crate::terminal::stream;
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use pipeline_runner::event::Event;

/// Live lines on a terminal, plain ones elsewhere.
pub struct Progress {
    display: Mutex<Display>,
}

enum Display {
    Bars(Bars),
    Lines(Lines<Stderr>),
    Nothing,
}

impl Progress {
    /// What standard error can show and is wanted.
    pub fn stderr(verbosity: Verbosity) -> Self {
        let (stream, style) = (std::io::stderr(), Style::stderr());
        let display = match verbosity {
            Verbosity::Quiet => Display::Nothing,
            _ if stream::takes_bars(&stream) => Display::Bars(Bars::new(style, verbosity)),
            _ => Display::Lines(Lines::new(stream, style, verbosity)),
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
            Display::Nothing => {}
        }
    }
}
