//! A program from its start to its end: its output, its time, and how it is stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::log::Log;
use crate::command::table::CommandLine;
use pipeline_error::{Code, Error};
use pipeline_stage::StageContext;
use pipeline_store::leftover;

/// How often timeouts and interrupts are looked at while the program is silent.
const LOOK: Duration = Duration::from_millis(100);
/// The first wait for a program whose output has ended.
const SHORTEST_PAUSE: Duration = Duration::from_micros(20);

/// A program, and how it is to be run.
pub(super) struct Program<'a> {
    pub(super) line: CommandLine,
    /// The whole of it.
    pub(super) environment: BTreeMap<String, OsString>,
    /// Where it runs.
    pub(super) folder: &'a Path,
    pub(super) timeout: Option<Duration>,
    /// Time between asking it to end and making it.
    pub(super) grace: Duration,
}

/// How long after a program was ended by a signal the same one may reach us.
const SAME_SIGNAL: Duration = Duration::from_millis(200);

const EMPTY_FOLDER: &str = "it runs in an empty folder with an environment of its own: \
    declare what it reads under `inputs`, `env` and `pass_env`";

/// How a program failed that could be started.
#[derive(Debug)]
pub(super) enum Failure {
    Exit(i32),
    Signal(i32),
    Timeout(Duration),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Exit(code) => write!(formatter, "ended with exit code {code}"),
            Failure::Signal(signal) => write!(formatter, "was killed by signal {signal}"),
            Failure::Timeout(limit) => {
                write!(formatter, "did not end within {} s", limit.as_secs_f64())
            }
        }
    }
}

impl Failure {
    /// The stage's failure after its last attempt.
    pub(super) fn into_error(self, program: &Program, attempts: u32, log: &Log) -> Error {
        let times = match attempts {
            1 => String::new(),
            several => format!(" (attempt {several} of {several})"),
        };
        let hint = match self {
            Failure::Exit(127) => "127 says that a command was not found",
            Failure::Signal(libc::SIGKILL) => {
                "the kernel kills programs that need more memory than there is"
            }
            Failure::Signal(libc::SIGXFSZ) => "it wrote a file larger than the limit: ulimit -f",
            Failure::Timeout(_) => "raise `timeout_seconds` if it needs longer",
            Failure::Exit(_) if matches!(program.line, CommandLine::Shell(_)) => &format!(
                "a line ends at the first command that fails: `|| true` behind one lets it go on; {EMPTY_FOLDER}"
            ),
            _ => EMPTY_FOLDER,
        };
        Error::stage(format!("`{program}` {self}{times}{}", log.tail()))
            .with_hint(hint)
            .coded(Code::ProgramFailed)
    }
}

impl fmt::Display for Program<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.line.texts().join(" "))
    }
}

/// Why a running program is stopped.
enum Stop {
    Interrupted,
    Timeout(Duration),
}

impl Program<'_> {
    /// Runs it once. An error is a failure of ours, or the user's wish to stop.
    pub(super) fn run(
        &self,
        context: &StageContext,
        log: &mut Log,
    ) -> Result<Result<(), Failure>, Error> {
        let start = Instant::now();
        let (mut output, mut child) = self.start()?;
        let followed = self.follow(&child, &mut output, context, log);
        // Whatever it has left running must not go on writing. Until `wait` its number is its own.
        signal_group(&child, libc::SIGKILL);
        let status = child.wait().map_err(|error| self.not_started(error))?;
        let left = leftover::end_after(self.folder, child.id(), start.elapsed());
        let stopped = match followed? {
            None if was_cut_short(status, context) => Some(Stop::Interrupted),
            stopped => stopped,
        };
        drain(&mut output, context, log)?;
        log.end(&|line| context.reporter.output(line))?;
        match stopped {
            Some(Stop::Interrupted) => Err(Error::Interrupted),
            Some(Stop::Timeout(limit)) => Ok(Err(Failure::Timeout(limit))),
            None => Ok(match (status.code(), status.signal()) {
                (Some(0), _) => {
                    self.tell_of_leftovers(left, context)?;
                    Ok(())
                }
                (Some(code), _) => Err(Failure::Exit(code)),
                (None, signal) => Err(Failure::Signal(signal.unwrap_or_default())),
            }),
        }
    }

    /// Fails where something goes on, which may write into the outputs.
    fn tell_of_leftovers(
        &self,
        left: io::Result<BTreeSet<String>>,
        context: &StageContext,
    ) -> Result<(), Error> {
        let left = left.map_err(|error| Error::file(self.folder, error))?;
        if !left.is_empty() {
            // A process calls itself as it likes.
            let names: Vec<String> = left
                .iter()
                .map(|name| name.escape_debug().to_string())
                .collect();
            context.reporter.note(&format!(
                "ended what the program left running: {} (a service that is to go on needs a HOME and a TMPDIR of its own)",
                names.join(", ")
            ));
        }
        Ok(())
    }

    fn start(&self) -> Result<(PipeReader, Child), Error> {
        let mut command = match &self.line {
            CommandLine::Words(words) => {
                let (program, arguments) = words.split_first().ok_or_else(nothing_to_run)?;
                let mut command = Command::new(program);
                command.args(arguments);
                command
            }
            CommandLine::Shell(line) => {
                let mut command = Command::new("sh");
                command.arg("-ec").arg(line);
                command
            }
        };
        let trouble = |error: io::Error| self.not_started(error);
        let (output, input) = io::pipe().map_err(trouble)?;
        set_nonblocking(&output).map_err(trouble)?;
        command
            .current_dir(self.folder)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stderr(input.try_clone().map_err(trouble)?)
            .stdout(input)
            // Of its own, so that all it starts can be stopped together, and so that Ctrl-C
            // reaches it through us.
            .process_group(0);
        let us = std::process::id();
        // SAFETY: signal, prctl and getppid are async-signal-safe and touch no memory of ours.
        unsafe {
            command.pre_exec(move || {
                // Ignored by us, and a program must not inherit that.
                libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
                // If we are killed the program must not go on writing into a folder that
                // the next run makes anew.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // Killed before that call: nobody will send the signal any more.
                match u32::try_from(libc::getppid()) {
                    Ok(parent) if parent == us => Ok(()),
                    _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
                }
            });
        }
        Ok((output, command.spawn().map_err(trouble)?))
    }

    fn not_started(&self, error: io::Error) -> Error {
        let name = self.line.texts().first().map_or("", String::as_str);
        let failed =
            |what: &dyn fmt::Display| Error::stage(format!("`{name}` cannot be started: {what}"));
        match error.kind() {
            io::ErrorKind::NotFound => failed(&"there is no such program").with_hint(
                "a name without `/` is looked up in PATH; a program of your own is an input: \
                 run = [\"{inputs.NAME}\", …]",
            ),
            io::ErrorKind::PermissionDenied => {
                failed(&error).with_hint("make it executable: chmod +x")
            }
            _ => failed(&error),
        }
    }

    /// Keeps its output until it has ended; tells why, if it had to be stopped.
    fn follow(
        &self,
        child: &Child,
        output: &mut PipeReader,
        context: &StageContext,
        log: &mut Log,
    ) -> Result<Option<Stop>, Error> {
        let start = Instant::now();
        let mut stopping: Option<(Stop, Instant)> = None;
        let mut open = true;
        let mut pause = SHORTEST_PAUSE;
        loop {
            if open {
                wait_for_output(output, LOOK);
                open = drain(output, context, log)?;
            } else {
                // It is about to end, or has closed its output and goes on.
                std::thread::sleep(pause);
                pause = (2 * pause).min(LOOK);
            }
            if has_ended(child) {
                return Ok(stopping.map(|(why, _)| why));
            }
            match &stopping {
                None => {
                    if let Some(why) = self.stop(start, context) {
                        signal_group(child, libc::SIGTERM);
                        stopping = Some((why, Instant::now()));
                    }
                }
                Some((_, since)) if since.elapsed() > self.grace => {
                    signal_group(child, libc::SIGKILL);
                }
                Some(_) => {}
            }
        }
    }

    fn stop(&self, start: Instant, context: &StageContext) -> Option<Stop> {
        if context.is_interrupted() {
            return Some(Stop::Interrupted);
        }
        let limit = self.timeout.filter(|limit| start.elapsed() > *limit)?;
        Some(Stop::Timeout(limit))
    }
}

/// Whether a program ended since all of its job was asked to, as by `scancel`: it may have had the signal before we
/// looked, and may have taken it for a reason to end with 0, long before its work was done.
fn was_cut_short(status: ExitStatus, context: &StageContext) -> bool {
    const ASKED: [i32; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];
    let by_signal = ASKED
        .iter()
        .any(|signal| status.signal() == Some(*signal) || status.code() == Some(128 + signal));
    let start = Instant::now();
    while by_signal && !context.is_interrupted() && start.elapsed() < SAME_SIGNAL {
        std::thread::sleep(SHORTEST_PAUSE);
    }
    context.is_interrupted()
}

fn nothing_to_run() -> Error {
    Error::stage("`run` names no program")
}

/// Takes what there is to read; false at the end of the output.
fn drain(output: &mut PipeReader, context: &StageContext, log: &mut Log) -> Result<bool, Error> {
    let mut buffer = [0; 1 << 16];
    loop {
        match output.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(read) => log.append(&buffer[..read], &|line| context.reporter.output(line))?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::stage(format!("its output cannot be read: {error}"))),
        }
    }
}

fn set_nonblocking(pipe: &PipeReader) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as `pipe` lives.
    let set = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    match set {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Waits until there is something to read, the output has ended, or this long.
fn wait_for_output(pipe: &PipeReader, longest: Duration) {
    let mut polled = libc::pollfd {
        fd: pipe.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let milliseconds = libc::c_int::try_from(longest.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: one descriptor, open as long as `pipe` lives. A failure only ends the wait early.
    unsafe { libc::poll(&raw mut polled, 1, milliseconds) };
}

/// Whether it has ended; its number stays its own until it is waited for.
fn has_ended(child: &Child) -> bool {
    // SAFETY: all zeros are a valid `siginfo_t`, and the child has not been waited for.
    let (looked, info) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        let looked = libc::waitid(libc::P_PID, child.id(), &raw mut info, flags);
        (looked, info)
    };
    looked != 0 || info.si_signo == libc::SIGCHLD
}

fn signal_group(child: &Child, signal: libc::c_int) {
    let Ok(group) = libc::pid_t::try_from(child.id()) else {
        return;
    };
    // SAFETY: the group is the child's own. That it may be gone already is no matter.
    unsafe { libc::kill(-group, signal) };
}
