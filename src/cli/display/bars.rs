//! Progress as bars on a terminal: one for every stage that runs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::super::style::Style;
use super::lines;
use super::pace::Pace;
use crate::exec::event::Event;

/// How often a bar moves while its stage tells nothing.
const TICK: Duration = Duration::from_millis(200);

/// The bars, and the lines that scroll by above them.
pub struct Bars {
    area: MultiProgress,
    running: BTreeMap<String, Running>,
    style: Style,
}

/// A stage that runs.
struct Running {
    bar: ProgressBar,
    /// None until the stage first tells how far it is.
    pace: Option<Pace>,
}

impl Bars {
    /// No bar yet, on standard error.
    pub fn new(style: Style) -> Self {
        Bars {
            area: MultiProgress::new(),
            running: BTreeMap::new(),
            style,
        }
    }

    /// Moves a bar, or writes a line.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::StageStarted { name, .. } => self.start(name),
            Event::StageProgress {
                name,
                done,
                total,
                unit,
                message,
            } => {
                let now = Instant::now();
                if let Some(running) = self.running.get_mut(name) {
                    let pace = *running.pace.get_or_insert_with(|| {
                        running.bar.set_style(counting(self.style));
                        Pace::new(*done, now)
                    });
                    running.bar.set_length(*total);
                    running.bar.set_position(*done);
                    let message = pace.describe(*done, *total, unit, message, now);
                    running.bar.set_message(message);
                }
            }
            Event::StageFinished { record } => {
                if let Some(running) = self.running.remove(&record.name) {
                    running.bar.finish_and_clear();
                }
                self.line(event);
            }
            _ => self.line(event),
        }
    }

    fn line(&self, event: &Event) {
        if let Some(line) = lines::line(event, self.style) {
            // Nobody is left to tell when the terminal is gone.
            let _ = self.area.println(line);
        }
    }

    fn start(&mut self, name: &str) {
        let bar = self.area.add(ProgressBar::no_length());
        bar.set_style(look("{spinner} {prefix} {elapsed}"));
        bar.set_prefix(name.to_string());
        bar.enable_steady_tick(TICK);
        let running = Running { bar, pace: None };
        self.running.insert(name.to_string(), running);
    }
}

fn counting(style: Style) -> ProgressStyle {
    match style.has_colour() {
        true => look("{spinner} {prefix} {bar:24.green} {wide_msg}"),
        false => look("{spinner} {prefix} {bar:24} {wide_msg}"),
    }
}

/// A style; the template is ours, so a bad one is only unsightly.
fn look(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
