//! Progress as plain lines: for log files, and for what scrolls by above the bars.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::display::pace::Pace;
use crate::display::run_summary::was_interrupted;
use crate::terminal::shown::{of_program, shown};
use crate::terminal::style::{Style, Tone};
use crate::terminal::verbosity::Verbosity;
use pipeline_error::listed::counted;
use pipeline_page::number;
use pipeline_runner::event::Event;
use pipeline_runner::record::{OutputRecord, RunStatus, StageRecord, StageStatus};

/// A stage's progress is told at most this often.
const EVERY: Duration = Duration::from_secs(5);

/// Writes one line an event; progress only now and then.
pub struct Lines<W> {
    sink: W,
    style: Style,
    verbosity: Verbosity,
    /// By stage: when progress was last told, and how far it was.
    told: BTreeMap<String, Pace>,
}

impl<W: Write> Lines<W> {
    /// Lines into `sink`.
    pub fn new(sink: W, style: Style, verbosity: Verbosity) -> Self {
        Lines {
            sink,
            style,
            verbosity,
            told: BTreeMap::new(),
        }
    }

    /// Writes what is worth a line at the time `now`, all at once.
    pub fn show(&mut self, events: &[Event], now: Instant) {
        let mut text = String::new();
        for event in events {
            let lines = match event {
                Event::StageProgress { .. } => self.progress(event, now).into_iter().collect(),
                _ => lines(event, self.style, self.verbosity),
            };
            for line in lines {
                text += &line;
                text.push('\n');
            }
        }
        // Nobody is left to tell when standard error is closed.
        let _ = self.sink.write_all(shown(&text).as_bytes());
    }

    fn progress(&mut self, event: &Event, now: Instant) -> Option<String> {
        let Event::StageProgress {
            name,
            done,
            total,
            unit,
            message,
        } = event
        else {
            return None;
        };
        let Some(pace) = self.told.get_mut(name) else {
            // The first event only starts the clock: a quick stage tells nothing in between.
            self.told.insert(name.clone(), Pace::new(*done, now));
            return None;
        };
        if pace.elapsed(now) < EVERY {
            return None;
        }
        let text = pace.describe(*done, *total, unit, message, now);
        *pace = Pace::new(*done, now);
        Some(format!("{name}: {}", text.all()))
    }
}

/// The lines of an event; progress has none.
pub fn lines(event: &Event, style: Style, verbosity: Verbosity) -> Vec<String> {
    let mut lines: Vec<String> = line(event, style).into_iter().collect();
    if verbosity == Verbosity::Verbose {
        lines.extend(details(event, style));
    }
    lines
}

/// What only those are told who ask for more.
fn details(event: &Event, style: Style) -> Vec<String> {
    match event {
        Event::StageStarted {
            name,
            key,
            reasons,
            threads,
            ..
        } => {
            let because = reasons
                .iter()
                .map(|reason| format!("{name}: why: {reason}"));
            let with = [
                format!("{name}: key {}", style.paint(Tone::Faint, key)),
                format!("{name}: threads {threads}"),
            ];
            because.chain(with).collect()
        }
        Event::StageOutput { name, line } => vec![format!("{name}: | {}", of_program(line))],
        Event::StageFinished { record } => {
            let cached = record.status == StageStatus::Cached;
            let key = record.key.as_deref().filter(|_| cached);
            result(&record.name, key, &record.outputs, style)
        }
        _ => vec![],
    }
}

/// The key of a stage, and where its artifacts lie.
pub fn result(
    name: &str,
    key: Option<&str>,
    outputs: &BTreeMap<String, OutputRecord>,
    style: Style,
) -> Vec<String> {
    let key = key.map(|key| format!("{name}: key {}", style.paint(Tone::Faint, key)));
    let outputs = outputs.iter().map(|(artifact, output)| {
        let path = output.path.display().to_string();
        format!("{name}: {artifact} {}", style.paint(Tone::Faint, &path))
    });
    key.into_iter().chain(outputs).collect()
}

/// What is told where the store cannot be used yet.
pub(super) const STORE_WAITING: &str = "waiting for another process, which cleans the store";

/// The line of an event, for all but the quiet.
fn line(event: &Event, style: Style) -> Option<String> {
    let line = match event {
        Event::RunStarted {
            run,
            recipe,
            stages,
        } => format!("{recipe}: run {run}, {}", counted(stages.len(), "stage")),
        Event::StoreWaiting => STORE_WAITING.into(),
        Event::StageStarted { name, .. } => format!("{name}: started"),
        Event::StageWaiting { name, holder } => {
            format!("{name}: waiting for {holder}, which runs the same stage")
        }
        Event::StageProgress { .. } | Event::StageOutput { .. } => return None,
        Event::StageNote { name, line } => match line.strip_prefix("warning: ") {
            Some(warning) => format!(
                "{name}: {} {warning}",
                style.paint(Tone::Warning, "warning:")
            ),
            None => format!("{name}: {} {line}", style.paint(Tone::Faint, "note:")),
        },
        Event::StageFinished { record } => finished(record, style),
        Event::RunFinished { status, seconds } => {
            let time = number::duration(*seconds);
            match status {
                RunStatus::Done => format!("done in {time}"),
                RunStatus::Failed => format!("failed after {time}"),
                RunStatus::Interrupted => format!("interrupted after {time}"),
            }
        }
    };
    Some(line)
}

fn finished(record: &StageRecord, style: Style) -> String {
    let (name, time) = (&record.name, number::duration(record.seconds));
    match record.status {
        StageStatus::Executed => {
            format!("{name}: {} in {time}", style.paint(Tone::Good, "executed"))
        }
        StageStatus::Cached => format!("{name}: {}", style.paint(Tone::Faint, "cached")),
        StageStatus::Failed if was_interrupted(record) => {
            let status = style.paint(Tone::Notice, "interrupted");
            format!("{name}: {status} after {time}")
        }
        // The whole error follows at the end of the run.
        StageStatus::Failed => format!("{name}: {} after {time}", style.paint(Tone::Bad, "failed")),
        StageStatus::Skipped => {
            let status = style.paint(Tone::Notice, "skipped");
            match &record.error {
                Some(why) => format!("{name}: {status}: {why}"),
                None => format!("{name}: {status}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn progress(done: u64) -> Event {
        Event::StageProgress {
            name: "pretrain".into(),
            done,
            total: 100,
            unit: "stays".into(),
            message: "epoch 1/2".into(),
        }
    }

    fn finished(status: StageStatus, error: Option<&str>) -> Event {
        Event::StageFinished {
            record: StageRecord {
                name: "pretrain".into(),
                kind: "pretrain".into(),
                status,
                key: None,
                seconds: 12.34,
                outputs: BTreeMap::new(),
                metrics: BTreeMap::new(),
                error: error.map(str::to_string),
                error_name: None,
            }
            .into(),
        }
    }

    fn lines(events: &[(Event, u64)]) -> String {
        said(events, Verbosity::Normal)
    }

    fn said(events: &[(Event, u64)], verbosity: Verbosity) -> String {
        let start = Instant::now();
        let mut lines = Lines::new(vec![], Style::PLAIN, verbosity);
        for (event, seconds) in events {
            lines.show(
                std::slice::from_ref(event),
                start + Duration::from_secs(*seconds),
            );
        }
        String::from_utf8(lines.sink).expect("lines are text")
    }

    #[test]
    fn progress_is_told_every_few_seconds_with_its_rate() {
        let text = lines(&[
            (progress(0), 0),
            (progress(10), 1),
            (progress(50), 5),
            (progress(60), 6),
            (progress(100), 15),
        ]);
        let expected = "\
pretrain: 50/100 stays · 10.0 stays/s · 5.00 s left · epoch 1/2
pretrain: 100/100 stays · 5.0 stays/s · epoch 1/2
";
        assert_eq!(text, expected);
    }

    #[test]
    fn progress_that_starts_over_has_no_rate() {
        let text = lines(&[(progress(90), 0), (progress(10), 6)]);
        assert_eq!(text, "pretrain: 10/100 stays · epoch 1/2\n");
    }

    #[test]
    fn starts_ends_and_notes_have_a_line_each() {
        let events = [
            Event::RunStarted {
                run: "7".into(),
                recipe: "demo".into(),
                stages: vec!["pretrain".into()],
            },
            Event::StageStarted {
                name: "pretrain".into(),
                kind: "pretrain".into(),
                key: "ab".into(),
                reasons: vec!["never run".into()],
                threads: 2,
            },
            Event::StageOutput {
                name: "pretrain".into(),
                line: "told only to those who ask".into(),
            },
            Event::StageNote {
                name: "pretrain".into(),
                line: "resumed at epoch 2".into(),
            },
            Event::StageNote {
                name: "pretrain".into(),
                line: "warning: few units are active".into(),
            },
            finished(StageStatus::Executed, None),
            finished(StageStatus::Cached, None),
            finished(StageStatus::Failed, Some("told at the end")),
            finished(StageStatus::Failed, Some("interrupted")),
            finished(StageStatus::Skipped, Some("needs events, which failed")),
            Event::RunFinished {
                status: RunStatus::Failed,
                seconds: 13.0,
            },
        ];
        let expected = "\
demo: run 7, 1 stage
pretrain: started
pretrain: note: resumed at epoch 2
pretrain: warning: few units are active
pretrain: executed in 12.3 s
pretrain: cached
pretrain: failed after 12.3 s
pretrain: interrupted after 12.3 s
pretrain: skipped: needs events, which failed
failed after 13.0 s
";
        assert_eq!(lines(&events.map(|event| (event, 0))), expected);
    }

    #[test]
    fn the_verbose_are_told_reasons_keys_threads_outputs_and_paths() {
        let output = OutputRecord {
            digest: "cd34".into(),
            bytes: 3,
            path: ".pipeline/blobs/v1/cd/cd34".into(),
        };
        let ended = |status| {
            let mut event = finished(status, None);
            if let Event::StageFinished { record } = &mut event {
                let record = Arc::make_mut(record);
                record.key = Some("ab12".into());
                record.outputs.insert("history".into(), output.clone());
            }
            event
        };
        let events = [
            Event::StageStarted {
                name: "pretrain".into(),
                kind: "pretrain".into(),
                key: "ab12".into(),
                reasons: vec!["seed 1 → 2".into(), "code version 1 → 2".into()],
                threads: 2,
            },
            Event::StageOutput {
                name: "pretrain".into(),
                line: "\x1b[1mhello\x1b[0m".into(),
            },
            ended(StageStatus::Executed),
            ended(StageStatus::Cached),
        ];
        let expected = "\
pretrain: started
pretrain: why: seed 1 → 2
pretrain: why: code version 1 → 2
pretrain: key ab12
pretrain: threads 2
pretrain: | hello
pretrain: executed in 12.3 s
pretrain: history .pipeline/blobs/v1/cd/cd34
pretrain: cached
pretrain: key ab12
pretrain: history .pipeline/blobs/v1/cd/cd34
";
        let events = events.map(|event| (event, 0));
        assert_eq!(said(&events, Verbosity::Verbose), expected);
    }
}
