//! What is tried again, and with how much more.

use crate::config::Retry;
use crate::state::End;

/// What became of a stage's earlier tries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tries {
    /// Whether it is worth another one by itself.
    pub again: bool,
    /// So many times the memory.
    pub mem: f64,
    /// So many times the time.
    pub time: f64,
}

/// Of how a stage's earlier tries ended, in order. What was cancelled before it had its turn counts for
/// nothing; a task that had begun was killed.
pub fn tries(ends: &[End], retry: &Retry) -> Tries {
    let count = |wanted: &[End]| {
        let count = ends.iter().filter(|end| wanted.contains(end)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let spent = count(&[
        End::OutOfMemory,
        End::TimeOut,
        End::NodeFailed,
        End::Killed,
        End::Lost,
    ]);
    let power = |factor: f64, of: End| {
        let times = i32::try_from(count(&[of]).min(retry.times)).unwrap_or(i32::MAX);
        factor.powi(times)
    };
    let last_failed = matches!(ends.last(), Some(End::Failed | End::Completed));
    Tries {
        again: !last_failed && spent <= retry.times,
        mem: power(retry.mem_factor, End::OutOfMemory),
        time: power(retry.time_factor, End::TimeOut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_out_of_something_gets_more_of_it_so_many_times() {
        let retry = Retry {
            mem_factor: 2.0,
            time_factor: 1.5,
            times: 2,
        };
        let of = |ends: &[End]| tries(ends, &retry);
        let plain = Tries {
            again: true,
            mem: 1.0,
            time: 1.0,
        };
        assert_eq!(of(&[]), plain);
        assert_eq!(of(&[End::Cancelled; 5]), plain);
        assert_eq!(of(&[End::Killed, End::Lost]), plain);
        assert_eq!(of(&[End::OutOfMemory]), Tries { mem: 2.0, ..plain });
        let both = [End::OutOfMemory, End::TimeOut];
        assert_eq!(
            of(&both),
            Tries {
                mem: 2.0,
                time: 1.5,
                again: true
            }
        );
        let spent = [End::OutOfMemory; 3];
        assert_eq!(
            of(&spent),
            Tries {
                mem: 4.0,
                again: false,
                ..plain
            }
        );
        assert!(!of(&[End::Failed]).again);
    }

    #[test]
    fn nothing_is_tried_again_unless_somebody_says_so() {
        let retry = Retry::default();
        assert!(!tries(&[End::OutOfMemory], &retry).again);
        assert_eq!(tries(&[End::OutOfMemory], &retry).mem, 1.0);
        assert!(tries(&[], &retry).again);
    }
}
