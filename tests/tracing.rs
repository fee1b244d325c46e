//! Runs the program under a tracer that is told of each of its system calls.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use libc::{c_int, pid_t, user_regs_struct};

/// Who is told of calls.
pub trait Watcher {
    /// A thread is about to make a call, and may be made to make another one.
    fn begins(&mut self, thread: pid_t, registers: &mut user_regs_struct) -> Turn;

    /// A thread has made a call that had its [`Turn`]; what it returned may be changed.
    fn ends(&mut self, thread: pid_t, registers: &mut user_regs_struct);
}

/// How a call stands to those of other threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is of no interest.
    Passes,
    /// Its end is told.
    Told,
    /// Its end is told, and until then no other call begins that must be alone.
    Alone,
}

/// How a traced run ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to its standard error.
    pub stderr: String,
}

/// Runs `command` to its end. `None` where this machine traces no programs.
pub fn run(mut command: Command, watcher: &mut impl Watcher) -> Option<Ended> {
    let stderr = tempfile::NamedTempFile::new().expect("a temporary file");
    command
        .stdout(Stdio::null())
        .stderr(stderr.reopen().expect("the file"));
    // SAFETY: the call allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    // Not waited for by its handle: the tracer does.
    let child = command.spawn().ok()?;
    let pid = pid_t::try_from(child.id()).expect("a process id");
    let mut tracer = Tracer {
        pid,
        watcher,
        inside: BTreeMap::new(),
        alone: None,
        queue: VecDeque::new(),
    };
    let code = tracer.follow()?;
    let stderr = std::fs::read_to_string(stderr.path()).expect("text");
    Some(Ended { code, stderr })
}

struct Tracer<'a, W> {
    pid: pid_t,
    watcher: &'a mut W,
    /// In what call each thread is, if it is in one.
    inside: BTreeMap<pid_t, Option<Turn>>,
    /// The thread that has a call to itself.
    alone: Option<pid_t>,
    /// Threads that wait for it.
    queue: VecDeque<pid_t>,
}

impl<W: Watcher> Tracer<'_, W> {
    /// Until the program has ended: its exit code.
    fn follow(&mut self) -> Option<Option<i32>> {
        let options = libc::PTRACE_O_TRACESYSGOOD
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_EXITKILL;
        let (first, _) = wait(self.pid)?;
        // SAFETY: the thread is stopped and traced by this one.
        if unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, first, 0, options) } != 0 {
            return None;
        }
        resume(first, 0);
        loop {
            let (thread, status) = wait(-1)?;
            if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
                if thread == self.pid {
                    return Some(libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)));
                }
                self.inside.remove(&thread);
                self.queue.retain(|waiting| *waiting != thread);
                self.release(thread);
                continue;
            }
            let signal = libc::WSTOPSIG(status);
            let passed_on = match signal {
                _ if signal == libc::SIGTRAP | 0x80 => {
                    if self.at_call(thread) {
                        resume(thread, 0);
                    }
                    continue;
                }
                libc::SIGTRAP | libc::SIGSTOP => 0,
                other => other,
            };
            resume(thread, passed_on);
        }
    }

    /// A thread begins or ends a call; whether it goes on now.
    fn at_call(&mut self, thread: pid_t) -> bool {
        let Some(mut registers) = registers(thread) else {
            return true;
        };
        let turn = self.inside.entry(thread).or_default();
        if let Some(turn) = turn.take() {
            if turn != Turn::Passes {
                self.watcher.ends(thread, &mut registers);
                set_registers(thread, &registers);
            }
            self.release(thread);
            return true;
        }
        let began = self.watcher.begins(thread, &mut registers);
        *turn = Some(began);
        if began != Turn::Passes {
            set_registers(thread, &registers);
        }
        if began == Turn::Alone && self.alone.is_some() {
            self.queue.push_back(thread);
            return false;
        }
        if began == Turn::Alone {
            self.alone = Some(thread);
        }
        true
    }

    /// The next one may begin, if it was this thread that the others wait for.
    fn release(&mut self, thread: pid_t) {
        if self.alone == Some(thread) {
            self.alone = self.queue.pop_front();
            if let Some(next) = self.alone {
                resume(next, 0);
            }
        }
    }
}

fn wait(pid: pid_t) -> Option<(pid_t, c_int)> {
    // Children of other threads are other tests'.
    let options = libc::__WALL | libc::__WNOTHREAD;
    let mut status = 0;
    // SAFETY: the status is written before the call returns.
    let found = unsafe { libc::waitpid(pid, &raw mut status, options) };
    (found > 0).then_some((found, status))
}

fn resume(thread: pid_t, signal: c_int) {
    // SAFETY: the thread is stopped and traced by this one; one that is gone by now is an error that means nothing.
    unsafe { libc::ptrace(libc::PTRACE_SYSCALL, thread, 0, signal) };
}

fn registers(thread: pid_t) -> Option<user_regs_struct> {
    let mut registers = std::mem::MaybeUninit::<user_regs_struct>::uninit();
    // SAFETY: the thread is stopped and traced by this one, and the registers are written where the call says so.
    unsafe {
        let done = libc::ptrace(libc::PTRACE_GETREGS, thread, 0, registers.as_mut_ptr()) == 0;
        done.then(|| registers.assume_init())
    }
}

fn set_registers(thread: pid_t, registers: &user_regs_struct) {
    // SAFETY: the thread is stopped and traced by this one.
    unsafe {
        libc::ptrace(
            libc::PTRACE_SETREGS,
            thread,
            0,
            std::ptr::from_ref(registers),
        )
    };
}
