//! Trying again what may go well a moment later.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::trouble::{Failure, Trouble};
use pipeline_error::Error;

/// Pauses before the second and the third attempt; there is no fourth.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// A wait ends so soon when the user asks to stop.
const STEP: Duration = Duration::from_millis(50);

/// The first of three attempts that goes well, or how the last one failed.
pub(crate) fn retried<T>(
    interrupted: &AtomicBool,
    mut attempt: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Trouble> {
    let mut pauses = PAUSES.iter();
    loop {
        let failure = match attempt() {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        match pauses.next().filter(|_| failure.is_transient) {
            Some(pause) => wait(*pause, interrupted)?,
            None => return Err(failure.into()),
        }
    }
}

fn wait(pause: Duration, interrupted: &AtomicBool) -> Result<(), Trouble> {
    let mut left = pause;
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return Err(Trouble::Here(Error::Interrupted));
        }
        if left.is_zero() {
            return Ok(());
        }
        let step = left.min(STEP);
        std::thread::sleep(step);
        left -= step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(is_transient: bool) -> Failure {
        Failure {
            is_transient,
            ..Failure::new("no".into())
        }
    }

    #[test]
    fn three_attempts_are_made_at_what_may_go_well_and_one_at_the_rest() {
        let never = AtomicBool::new(false);
        for (is_transient, expected) in [(true, 3), (false, 1)] {
            let mut attempts = 0;
            let ended: Result<(), _> = retried(&never, || {
                attempts += 1;
                Err(failure(is_transient))
            });
            assert!(matches!(ended, Err(Trouble::Away(_))));
            assert_eq!(attempts, expected);
        }
        let mut attempts = 0;
        let ended = retried(&never, || {
            attempts += 1;
            match attempts {
                1 => Err(failure(true)),
                _ => Ok("done"),
            }
        });
        assert_eq!(ended.unwrap(), "done");
    }

    #[test]
    fn nothing_is_tried_again_when_the_user_asks_to_stop() {
        let stop = AtomicBool::new(true);
        let ended: Result<(), _> = retried(&stop, || Err(failure(true)));
        assert!(matches!(ended, Err(Trouble::Here(Error::Interrupted))));
    }
}
