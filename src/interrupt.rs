//! Ctrl-C and a scheduler's warning: the first asks running stages to stop at their next step, the second ends the process.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether a batch system has said that the time is nearly over.
static WARNED: AtomicBool = AtomicBool::new(false);

/// When the first signal came, in milliseconds of the monotonic clock; 0: none came.
static FIRST: AtomicI64 = AtomicI64::new(0);

/// A signal this soon after the first is the same one: `timeout` and job schedulers send theirs
/// to the process and to its group.
const ECHO_MILLISECONDS: i64 = 300;

const NOTICE: &[u8] =
    b"\ninterrupting: running stages stop at their next step; once more ends at once\n";

/// Those that ask to stop: batch systems send SIGUSR1 or SIGUSR2 some time before a job's end (`--signal` of Slurm), and
/// SIGTERM at it; a terminal that is closed, or a connection that is lost, sends SIGHUP.
const SIGNALS: [libc::c_int; 5] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGHUP,
];

/// Listens for the signals that ask to stop from now on; the flag is set by the first of them.
pub fn listen() -> &'static AtomicBool {
    let handler = on_signal as extern "C" fn(libc::c_int);
    for signal in SIGNALS {
        // SAFETY: `on_signal` calls nothing but async-signal-safe functions and lock-free
        // atomics. `signal` restarts interrupted system calls, so files never see EINTR.
        let before = unsafe { libc::signal(signal, handler as libc::sighandler_t) };
        // `nohup` starts the program so: it is to outlive its terminal.
        if signal == libc::SIGHUP && before == libc::SIG_IGN {
            // SAFETY: as above; ignoring a signal calls nothing.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
    }
    &INTERRUPTED
}

/// Whether the first signal was SIGUSR1: the job of a batch system is to write down where it stands.
pub fn warned() -> bool {
    WARNED.load(Ordering::SeqCst)
}

extern "C" fn on_signal(signal: libc::c_int) {
    let now = milliseconds().max(1);
    if let Err(first) = FIRST.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst) {
        if now - first >= ECHO_MILLISECONDS {
            // SAFETY: `_exit` is async-signal-safe. Artifacts are published by rename, so
            // nothing is left half done.
            unsafe { libc::_exit(130) };
        }
        return;
    }
    WARNED.store(signal == libc::SIGUSR1, Ordering::SeqCst);
    INTERRUPTED.store(true, Ordering::SeqCst);
    // SAFETY: `write` is async-signal-safe; the buffer is static. Its result is of no use here.
    unsafe { libc::write(libc::STDERR_FILENO, NOTICE.as_ptr().cast(), NOTICE.len()) };
}

fn milliseconds() -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `clock_gettime` is async-signal-safe and writes to `time` only.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_and_its_echo_only_set_the_flag() {
        let interrupted = listen();
        assert!(!interrupted.load(Ordering::SeqCst));
        for _ in 0..2 {
            // SAFETY: the handler is installed, so the signal does not end the test.
            unsafe { libc::raise(libc::SIGINT) };
        }
        assert!(interrupted.load(Ordering::SeqCst));
    }
}
