//! How fast a stage is.

use std::time::{Duration, Instant};

use crate::display::table::shortened;
use pipeline_page::number;

/// Where a stage was at some time. What an earlier process did before that is no speed of this one.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    since: Instant,
    from: u64,
}

impl Pace {
    /// `done` units are done at the time `now`.
    pub fn new(done: u64, now: Instant) -> Self {
        Pace {
            since: now,
            from: done,
        }
    }

    /// The time since then.
    pub fn elapsed(self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// Units a second since then; none where nothing moved forward.
    fn rate(self, done: u64, now: Instant) -> Option<f64> {
        let steps = done.checked_sub(self.from).filter(|steps| *steps > 0)?;
        let seconds = self.elapsed(now).as_secs_f64();
        (seconds > 0.0).then(|| steps as f64 / seconds)
    }

    /// How far it is at the time `now`, what is known of it.
    pub fn describe(self, done: u64, total: u64, unit: &str, message: &str, now: Instant) -> Words {
        let rate = self.rate(done, now);
        let left = rate.filter(|_| done < total);
        let left = left.map(|rate| number::duration((total - done) as f64 / rate));
        Words {
            count: format!("{done}/{total} {unit}"),
            percent: format!("{} %", 100 * done.min(total) / total.max(1)),
            rate: rate.map(|rate| format!("{rate:.1} {unit}/s")),
            left: left.map(|left| format!("{left} left")),
            message: message.into(),
        }
    }
}

/// How far a stage is, in parts that a narrow terminal has room for one by one.
#[derive(Clone, Debug)]
pub struct Words {
    count: String,
    percent: String,
    rate: Option<String>,
    left: Option<String>,
    message: String,
}

impl Words {
    /// `50/100 stays · 10.0 stays/s · 5.00 s left · epoch 1/2`.
    pub fn all(&self) -> String {
        self.joined(&self.count, self.rate.as_deref(), self.left.as_deref())
    }

    /// As much as fits into `columns`. The message has the losses: pace, time and count make room for it.
    pub fn fitting(&self, columns: usize) -> String {
        let left = self.left.as_deref();
        let shorter = [
            self.all(),
            self.joined(&self.count, None, left),
            self.joined(&self.percent, None, left),
        ];
        let fits = |text: &String| text.chars().count() <= columns;
        let shortest = || self.joined(&self.percent, None, None);
        let text = shorter.into_iter().find(fits).unwrap_or_else(shortest);
        shortened(&text, columns).into_owned()
    }

    fn joined(&self, count: &str, rate: Option<&str>, left: Option<&str>) -> String {
        let message = Some(self.message.as_str()).filter(|message| !message.is_empty());
        let parts = [Some(count), rate, left, message].into_iter().flatten();
        parts.collect::<Vec<_>>().join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_of_a_resumed_stage_counts_only_what_this_process_did() {
        let start = Instant::now();
        let pace = Pace::new(500, start);
        let now = start + Duration::from_secs(2);
        let text = pace.describe(700, 1000, "stays", "epoch 1/2", now);
        assert_eq!(
            text.all(),
            "700/1000 stays · 100.0 stays/s · 3.00 s left · epoch 1/2"
        );
    }

    #[test]
    fn what_does_not_move_forward_has_no_pace() {
        let start = Instant::now();
        let pace = Pace::new(500, start);
        let now = start + Duration::from_secs(2);
        let text = |done, now| pace.describe(done, 1000, "stays", "", now).all();
        assert_eq!(text(500, now), "500/1000 stays");
        assert_eq!(text(10, now), "10/1000 stays");
        assert_eq!(text(600, start), "600/1000 stays");
    }

    #[test]
    fn the_message_is_the_last_to_go() {
        let start = Instant::now();
        let words = Pace::new(0, start).describe(
            50,
            100,
            "stays",
            "epoch 1/2 · loss 0.4",
            start + Duration::from_secs(5),
        );
        let fitting = [70, 50, 40, 30, 20].map(|columns| words.fitting(columns));
        assert_eq!(
            fitting,
            [
                "50/100 stays · 10.0 stays/s · 5.00 s left · epoch 1/2 · loss 0.4",
                "50/100 stays · 5.00 s left · epoch 1/2 · loss 0.4",
                "50 % · epoch 1/2 · loss 0.4",
                "50 % · epoch 1/2 · loss 0.4",
                "50 % · epoch 1/2 · …",
            ]
        );
    }
}
