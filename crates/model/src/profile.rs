//! Which operations of the model took the time, in the whole process.
//!
//! ```
//! use pipeline_model::profile;
//!
//! profile::start();
//! assert!(profile::rows().is_empty());
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static ON: AtomicBool = AtomicBool::new(false);
static TOTALS: Mutex<BTreeMap<(&str, Pass), Total>> = Mutex::new(BTreeMap::new());

/// Which pass of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// From arguments to the result.
    Forward,
    /// From the result's gradient to the arguments'.
    Backward,
}

#[derive(Clone, Copy, Debug, Default)]
struct Total {
    calls: u64,
    time: Duration,
    bytes: u64,
}

/// All calls of one operation in one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileRow {
    /// The operation.
    pub op: &'static str,
    /// Its pass.
    pub pass: Pass,
    /// How often it was called.
    pub calls: u64,
    /// Processor time of all calls together; an operation runs on one thread.
    pub time: Duration,
    /// Bytes of all tensors that the calls took and gave.
    pub bytes: u64,
}

/// From now on operations on the CPU are timed.
pub fn start() {
    ON.store(true, Ordering::Relaxed);
}

/// What was timed since [`start`], the longest first.
pub fn rows() -> Vec<ProfileRow> {
    let totals = totals();
    let row = |(&(op, pass), &Total { calls, time, bytes }): (&(&'static str, Pass), &Total)| {
        ProfileRow {
            op,
            pass,
            calls,
            time,
            bytes,
        }
    };
    let mut rows: Vec<ProfileRow> = totals.iter().map(row).collect();
    rows.sort_by(|a, b| b.time.cmp(&a.time).then(a.op.cmp(b.op)));
    rows
}

/// Calls an operation, and notes its time if it is asked for; `bytes` tells how much the call took and gave.
pub(crate) fn timed<T>(
    op: &'static str,
    pass: Pass,
    call: impl FnOnce() -> T,
    bytes: impl FnOnce(&T) -> usize,
) -> T {
    if !ON.load(Ordering::Relaxed) {
        return call();
    }
    let start = processor_time();
    let result = call();
    let time = processor_time().saturating_sub(start);
    let bytes = bytes(&result) as u64;
    let mut totals = totals();
    let total = totals.entry((op, pass)).or_default();
    total.calls += 1;
    total.time += time;
    total.bytes += bytes;
    result
}

/// What this thread has computed so far: it does not grow while other processes have its processor.
fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes the structure it is given; where there is no such clock, zero is read.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    let seconds = Duration::from_secs(time.tv_sec.unsigned_abs());
    seconds + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}

fn totals() -> MutexGuard<'static, BTreeMap<(&'static str, Pass), Total>> {
    TOTALS.lock().unwrap_or_else(PoisonError::into_inner)
}
