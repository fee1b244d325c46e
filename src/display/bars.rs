//! Progress on a terminal: a live line for every stage that runs or waits, and one for all below.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::display::lines;
use crate::display::live::{Doing, LiveStage, Tally};
use crate::display::pace::Pace;
use crate::terminal::shown::shown;
use crate::terminal::stream;
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use pipeline_runner::event::Event;
use pipeline_runner::record::StageStatus;

/// How often a live line is drawn anew while nothing happens: its time goes on, and the terminal
/// may have another width.
const TICK: Duration = Duration::from_millis(200);
/// The spinner before a stage's line, with its blank.
const SPINNER: usize = 2;
/// The width of a terminal that does not tell it.
const USUAL_COLUMNS: usize = 80;

/// The live lines, and the lines that scroll by above them.
pub struct Bars {
    area: MultiProgress,
    overall: Option<(ProgressBar, Shared<Tally>)>,
    stages: BTreeMap<String, Running>,
    style: Style,
    verbosity: Verbosity,
}

/// What a live line shows, read whenever it is drawn.
type Shared<T> = Arc<Mutex<T>>;

/// A stage that runs or waits.
struct Running {
    bar: ProgressBar,
    live: Shared<LiveStage>,
    /// None until the stage first tells how far it is.
    pace: Option<Pace>,
}

impl Bars {
    /// No line yet, on standard error.
    pub fn new(style: Style, verbosity: Verbosity) -> Self {
        Bars {
            area: MultiProgress::new(),
            overall: None,
            stages: BTreeMap::new(),
            style,
            verbosity,
        }
    }

    /// Changes a live line, or writes a line above them.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::StoreWaiting => {
                let _ = self.area.println(lines::STORE_WAITING);
            }
            Event::RunStarted { stages, .. } => self.begin(stages.len()),
            Event::StageWaiting { name, holder } => {
                self.enter(name, Doing::Waiting(holder.clone()));
            }
            Event::StageStarted { name, .. } => self.enter(name, Doing::Starting),
            Event::StageProgress { .. } => self.progress(event),
            Event::StageOutput { name, line } => {
                if let Some(running) = self.stages.get(name) {
                    lock(&running.live).said = Some(line.clone());
                }
            }
            Event::StageFinished { record } => self.leave(&record.name, record.status),
            Event::RunFinished { .. } => {
                if let Some((bar, _)) = self.overall.take() {
                    bar.finish_and_clear();
                }
            }
            Event::StageNote { .. } => {}
        }
        for line in lines::lines(event, self.style, self.verbosity) {
            // Nobody is left to tell when the terminal is gone.
            let _ = self.area.println(shown(&line));
        }
    }

    fn begin(&mut self, stages: usize) {
        let tally = Arc::new(Mutex::new(Tally {
            stages,
            ..Tally::default()
        }));
        let bar = self.area.add(ProgressBar::no_length());
        let shown = Arc::clone(&tally);
        bar.set_style(look("{line}", move |seconds| {
            lock(&shown).line(seconds, columns())
        }));
        bar.enable_steady_tick(TICK);
        self.overall = Some((bar, tally));
    }

    fn enter(&mut self, name: &str, doing: Doing) {
        if let Some(running) = self.stages.get(name) {
            lock(&running.live).doing = doing;
            running.bar.reset_elapsed();
        } else {
            let running = self.added(LiveStage {
                name: name.to_string(),
                doing,
                said: None,
            });
            self.stages.insert(name.to_string(), running);
        }
        self.count();
    }

    fn added(&self, stage: LiveStage) -> Running {
        let live = Arc::new(Mutex::new(stage));
        let bar = ProgressBar::no_length();
        let bar = match &self.overall {
            Some((overall, _)) => self.area.insert_before(overall, bar),
            None => self.area.add(bar),
        };
        let (shown, style) = (Arc::clone(&live), self.style);
        bar.set_style(look("{spinner} {line}", move |seconds| {
            lock(&shown).line(seconds, columns().saturating_sub(SPINNER), style)
        }));
        bar.enable_steady_tick(TICK);
        Running {
            bar,
            live,
            pace: None,
        }
    }

    fn progress(&mut self, event: &Event) {
        let Event::StageProgress {
            name,
            done,
            total,
            unit,
            message,
        } = event
        else {
            return;
        };
        let Some(running) = self.stages.get_mut(name) else {
            return;
        };
        let now = Instant::now();
        let pace = *running.pace.get_or_insert_with(|| Pace::new(*done, now));
        lock(&running.live).doing = Doing::Counting {
            done: *done,
            total: *total,
            words: pace.describe(*done, *total, unit, message, now),
        };
    }

    fn leave(&mut self, name: &str, status: StageStatus) {
        if let Some(running) = self.stages.remove(name) {
            running.bar.finish_and_clear();
            self.area.remove(&running.bar);
        }
        if let Some((_, tally)) = &self.overall {
            let mut tally = lock(tally);
            tally.ended += 1;
            tally.failed += usize::from(status == StageStatus::Failed);
        }
        self.count();
    }

    fn count(&self) {
        let Some((_, tally)) = &self.overall else {
            return;
        };
        let is_waiting =
            |running: &&Running| matches!(lock(&running.live).doing, Doing::Waiting(_));
        let waiting = self.stages.values().filter(is_waiting).count();
        let mut tally = lock(tally);
        tally.waiting = waiting;
        tally.running = self.stages.len() - waiting;
    }
}

/// A display that panicked half-way is still good enough for the next line.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn columns() -> usize {
    stream::columns(&std::io::stderr()).unwrap_or(USUAL_COLUMNS)
}

/// A style whose `{line}` is made at every drawing, from the seconds since the beginning. The
/// template is ours, so a bad one is only unsightly.
fn look(
    template: &str,
    line: impl Fn(u64) -> String + Clone + Send + Sync + 'static,
) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key(
        "line",
        move |state: &ProgressState, text: &mut dyn fmt::Write| {
            let _ = text.write_str(&shown(&line(state.elapsed().as_secs())));
        },
    )
}
