//! How fast a stage is.

use std::time::{Duration, Instant};

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

    /// `50/100 stays · 10.0 stays/s · 5.00 s left · epoch 1/2`, what is known of it.
    pub fn describe(
        self,
        done: u64,
        total: u64,
        unit: &str,
        message: &str,
        now: Instant,
    ) -> String {
        let mut text = format!("{done}/{total} {unit}");
        if let Some(rate) = self.rate(done, now) {
            text += &format!(" · {rate:.1} {unit}/s");
            if done < total {
                let left = (total - done) as f64 / rate;
                text += &format!(" · {} left", number::duration(left));
            }
        }
        if !message.is_empty() {
            text += &format!(" · {message}");
        }
        text
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
            text,
            "700/1000 stays · 100.0 stays/s · 3.00 s left · epoch 1/2"
        );
    }

    #[test]
    fn what_does_not_move_forward_has_no_pace() {
        let start = Instant::now();
        let pace = Pace::new(500, start);
        let now = start + Duration::from_secs(2);
        assert_eq!(pace.describe(500, 1000, "stays", "", now), "500/1000 stays");
        assert_eq!(pace.describe(10, 1000, "stays", "", now), "10/1000 stays");
        assert_eq!(
            pace.describe(600, 1000, "stays", "", start),
            "600/1000 stays"
        );
    }
}
