//! The live lines of a run, as text: one for every stage that runs or waits, one for all.

use crate::display::pace::Words;
use crate::display::table::shortened;
use crate::terminal::shown::of_program;
use crate::terminal::style::{Style, Tone};
use pipeline_page::number;

/// From this width on a line has a bar, and how long it is.
const BARS: [(usize, usize); 2] = [(90, 24), (60, 10)];
/// On a narrower terminal a name takes no more than its share.
const ROOMY: usize = 40;

/// A stage that runs or waits.
#[derive(Clone, Debug)]
pub struct LiveStage {
    /// Its name.
    pub name: String,
    /// What it does now.
    pub doing: Doing,
    /// The last line that its program printed.
    pub said: Option<String>,
}

/// What a stage does.
#[derive(Clone, Debug)]
pub enum Doing {
    /// It waits for this process, which runs the same stage.
    Waiting(String),
    /// It has not told how far it is.
    Starting,
    /// It told.
    Counting {
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
        /// The same in words, with pace and message.
        words: Words,
    },
}

impl LiveStage {
    /// The line `seconds` after it began, no longer than `columns`.
    pub fn line(&self, seconds: u64, columns: usize, style: Style) -> String {
        let most = match columns < ROOMY {
            true => columns / 2,
            false => columns,
        };
        let name = shortened(&self.name, most);
        let bar = match &self.doing {
            Doing::Counting { done, total, .. } => {
                let cells = BARS.iter().find(|(from, _)| columns >= *from);
                cells.map(|(_, cells)| filled(*done, *total, *cells))
            }
            Doing::Waiting(_) | Doing::Starting => None,
        };
        let taken = name.chars().count() + 1;
        let taken = taken + bar.as_ref().map_or(0, |bar| bar.chars().count() + 1);
        let room = columns.saturating_sub(taken);
        let mut words = match &self.doing {
            Doing::Waiting(holder) => format!("waiting for {holder}"),
            Doing::Starting => number::elapsed(seconds),
            Doing::Counting { words, .. } => words.fitting(room),
        };
        if let Some(said) = &self.said {
            words += &format!(" · {}", of_program(said));
        }
        let words = shortened(&words, room).into_owned();
        match bar {
            Some(bar) => format!("{name} {} {words}", style.paint(Tone::Good, &bar)),
            None => format!("{name} {words}"),
        }
    }
}

/// A bar of this many cells.
fn filled(done: u64, total: u64, cells: usize) -> String {
    let share = done.min(total) as f64 / total.max(1) as f64;
    let full = (share * cells as f64).floor() as usize;
    "█".repeat(full) + &"░".repeat(cells - full)
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Stages of the run.
    pub stages: usize,
    /// Stages that ended, however.
    pub ended: usize,
    /// Stages that run.
    pub running: usize,
    /// Stages that wait for another process.
    pub waiting: usize,
    /// Stages that failed.
    pub failed: usize,
}

impl Tally {
    /// `3 of 7 stages · 2 running · 12 s`; what has no room is left out, the last first.
    pub fn line(self, seconds: u64, columns: usize) -> String {
        let some = |count: usize, what| (count > 0).then(|| format!("{count} {what}"));
        let parts = [
            some(self.failed, "failed"),
            some(self.running, "running"),
            some(self.waiting, "waiting"),
            Some(number::elapsed(seconds)),
        ];
        let mut line = format!("{} of {} stages", self.ended, self.stages);
        for part in parts.into_iter().flatten() {
            let longer = format!("{line} · {part}");
            if longer.chars().count() > columns {
                break;
            }
            line = longer;
        }
        shortened(&line, columns).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::display::pace::Pace;

    fn half_way() -> Words {
        let start = Instant::now();
        let now = start + Duration::from_secs(5);
        Pace::new(0, start).describe(50, 100, "stays", "epoch 1/2", now)
    }

    fn counting(name: &str) -> LiveStage {
        LiveStage {
            name: name.into(),
            doing: Doing::Counting {
                done: 50,
                total: 100,
                words: half_way(),
            },
            said: None,
        }
    }

    fn lines(stage: &LiveStage, columns: [usize; 4]) -> [String; 4] {
        columns.map(|columns| {
            let line = stage.line(12, columns, Style::PLAIN);
            assert!(line.chars().count() <= columns, "{line}");
            line
        })
    }

    #[test]
    fn a_stage_that_counts_has_a_bar_where_there_is_room() {
        let expected = [
            "pretrain ████████████░░░░░░░░░░░░ 50/100 stays · 10.0 stays/s · 5.00 s left · epoch 1/2",
            "pretrain █████░░░░░ 50/100 stays · 5.00 s left · epoch 1/2",
            "pretrain 50 % · 5.00 s left · epoch 1/2",
            "pretrain 50 % · epo…",
        ];
        assert_eq!(lines(&counting("pretrain"), [98, 60, 40, 20]), expected);
    }

    #[test]
    fn a_long_name_leaves_room_for_how_far_it_is() {
        let expected = [
            "classifier:features █████░░░░░ 50 % · 5.00 s left · epoch 1/2",
            "classifier:features 50 % · epoch 1/2",
            "classifier:fea… 50 % · epoch …",
            "classifie… 50 % · e…",
        ];
        let lines = lines(&counting("classifier:features"), [61, 40, 30, 20]);
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_stage_waits_starts_and_says_what_its_program_says() {
        let mut stage = counting("fetch");
        stage.doing = Doing::Waiting("pid 4711 on ward".into());
        assert_eq!(
            stage.line(3, 80, Style::PLAIN),
            "fetch waiting for pid 4711 on ward"
        );
        stage.doing = Doing::Starting;
        assert_eq!(stage.line(75, 80, Style::PLAIN), "fetch 1 min 15 s");
        stage.said = Some("\x1b[31m40\t%\x1b[0m\r".into());
        assert_eq!(stage.line(3, 80, Style::PLAIN), "fetch 3 s · 40 %");
    }

    #[test]
    fn a_bar_is_full_only_at_the_end() {
        let bars = [(0, 4), (3, 4), (399, 400), (4, 4), (9, 4), (0, 0)];
        let bars = bars.map(|(done, total)| filled(done, total, 4));
        assert_eq!(bars, ["░░░░", "███░", "███░", "████", "████", "░░░░"]);
    }

    #[test]
    fn the_last_line_counts_and_leaves_out_what_has_no_room() {
        let tally = Tally {
            stages: 7,
            ended: 3,
            running: 2,
            ..Tally::default()
        };
        assert_eq!(tally.line(12, 80), "3 of 7 stages · 2 running · 12 s");
        assert_eq!(tally.line(12, 30), "3 of 7 stages · 2 running");
        assert_eq!(tally.line(12, 20), "3 of 7 stages");
        assert_eq!(tally.line(12, 10), "3 of 7 st…");
        let all = Tally {
            waiting: 1,
            failed: 1,
            ..tally
        };
        assert_eq!(
            all.line(3661, 80),
            "3 of 7 stages · 1 failed · 2 running · 1 waiting · 1 h 01 min"
        );
    }
}
