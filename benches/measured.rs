//! What a whole process takes: time, processor time, memory.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What a piece of work took.
pub struct Measured {
    pub wall: Duration,
    /// Of all threads, the kernel's part with it: says more than wall time on a busy machine.
    pub processor: Duration,
    /// Most memory, in bytes.
    pub memory: u64,
}

/// The median and range of times, in seconds.
pub fn median(times: impl Iterator<Item = Duration>) -> String {
    let mut seconds: Vec<f64> = times.map(|time| time.as_secs_f64()).collect();
    seconds.sort_by(f64::total_cmp);
    let (least, most) = (seconds[0], seconds[seconds.len() - 1]);
    format!("{:.2} ({least:.2}–{most:.2})", seconds[seconds.len() / 2])
}

/// Runs a program to its end.
#[expect(clippy::zombie_processes, reason = "wait4 waits for it")]
pub fn measured(mut command: Command) -> Measured {
    let start = Instant::now();
    let child = command.spawn().expect("the program starts");
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::uninit());
    // SAFETY: the child is ours and nobody else waits for it; both places can be written.
    let waited = unsafe { libc::wait4(child.id() as i32, &mut status, 0, usage.as_mut_ptr()) };
    let wall = start.elapsed();
    assert!(waited > 0 && status == 0, "{command:?} failed");
    // SAFETY: wait4 succeeded and has written it.
    let usage = unsafe { usage.assume_init() };
    let seconds =
        |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    Measured {
        wall,
        processor: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        memory: usage.ru_maxrss as u64 * 1024,
    }
}

/// Runs a Python program that measures itself, and prints seconds, processor seconds and bytes of
/// peak memory: starting Python and importing libraries are not its work.
pub fn peer(python: &str, script: &str, arguments: &[&Path]) -> Measured {
    let output = Command::new(python).arg(script).args(arguments).output();
    let output = output.expect("PEER_PYTHON is a Python");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace();
    let mut number = || -> f64 {
        let number = numbers.next().and_then(|text| text.parse().ok());
        number.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    };
    Measured {
        wall: Duration::from_secs_f64(number()),
        processor: Duration::from_secs_f64(number()),
        memory: number() as u64,
    }
}
