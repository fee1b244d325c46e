//! A program that is still running: to be stopped, signalled and killed.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Outcome, Test};

/// Longest wait for something that a running program does within seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running program; it is killed if the test gives up on it.
pub struct Running {
    child: Option<Child>,
    stderr: BufReader<ChildStderr>,
    heard: String,
}

impl Running {
    /// Starts the test's command.
    pub fn start(test: &Test) -> Self {
        let mut child = test
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        Running {
            child: Some(child),
            stderr: BufReader::new(stderr),
            heard: String::new(),
        }
    }

    /// Reads standard error up to the first line that contains this.
    pub fn until_stderr_has(&mut self, fragment: &str) {
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).expect("stderr is text");
            self.heard.push_str(&line);
            assert!(read > 0, "no {fragment:?} on stderr: {}", self.heard);
            if line.contains(fragment) {
                return;
            }
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: libc::c_int) {
        let child = self.child.as_ref().expect("it is running");
        // SAFETY: the child has not been waited for, so its id is its own.
        let sent = unsafe { libc::kill(child.id() as libc::pid_t, signal) };
        assert_eq!(sent, 0, "the signal is delivered");
    }

    /// Waits for the end.
    pub fn finish(mut self) -> Outcome {
        let mut child = self.child.take().expect("it is running");
        let mut stdout = String::new();
        let mut pipe = child.stdout.take().expect("stdout is a pipe");
        self.stderr
            .read_to_string(&mut self.heard)
            .and_then(|_| pipe.read_to_string(&mut stdout))
            .expect("the program writes UTF-8");
        let status = child.wait().expect("the program ends");
        Outcome {
            code: status.code(),
            stdout,
            stderr: std::mem::take(&mut self.heard),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until the journal of a run in the test's store says that `stage` is under way: it has
/// reported progress, and more is to come.
pub fn wait_until_under_way(test: &Test, stage: &str) {
    let runs = test.folder().join(".pipeline/runs");
    let name = format!("\"name\":\"{stage}\"");
    let is_progress = |line: &str| line.contains("\"stage-progress\":{") && line.contains(&name);
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let folders = std::fs::read_dir(&runs).into_iter().flatten().flatten();
        let journals = folders.map(|run| std::fs::read_to_string(run.path().join("events.jsonl")));
        if journals.flatten().any(|text| text.lines().any(is_progress)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{stage} reported no progress");
}
