//! Runs the program under a tracer that lets one of its system calls fail.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use libc::{c_int, pid_t, user_regs_struct};

/// Calls that make, fill, name, keep or remove files.
const CHANGING: [(i64, &str); 17] = [
    (libc::SYS_write, "write"),
    (libc::SYS_pwrite64, "pwrite64"),
    (libc::SYS_writev, "writev"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_ftruncate, "ftruncate"),
    (libc::SYS_rename, "rename"),
    (libc::SYS_renameat, "renameat"),
    (libc::SYS_renameat2, "renameat2"),
    (libc::SYS_link, "link"),
    (libc::SYS_linkat, "linkat"),
    (libc::SYS_mkdir, "mkdir"),
    (libc::SYS_mkdirat, "mkdirat"),
    (libc::SYS_unlink, "unlink"),
    (libc::SYS_unlinkat, "unlinkat"),
    (libc::SYS_fchmod, "fchmod"),
    (libc::SYS_copy_file_range, "copy_file_range"),
];

/// What came of a traced run.
#[derive(Debug)]
pub struct Traced {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Calls that could have failed.
    pub calls: u64,
    /// The one that did.
    pub failed: Option<String>,
    /// What it wrote to its standard error.
    pub stderr: String,
}

/// Runs `command` to its end. The `nth` of its calls that change or open files fails with `errno`, counted from 1 from the
/// first that changes any; none for 0. `None` where this machine traces no programs.
pub fn run(mut command: Command, nth: u64, errno: c_int) -> Option<Traced> {
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
        nth,
        errno,
        calls: 0,
        failed: None,
        failing: None,
        inside: BTreeMap::new(),
    };
    let code = tracer.follow()?;
    let stderr = std::fs::read_to_string(stderr.path()).expect("text");
    Some(Traced {
        code,
        calls: tracer.calls,
        failed: tracer.failed,
        stderr,
    })
}

struct Tracer {
    pid: pid_t,
    nth: u64,
    errno: c_int,
    calls: u64,
    failed: Option<String>,
    /// The thread whose call is about to fail.
    failing: Option<pid_t>,
    /// Whether a thread is in a call.
    inside: BTreeMap<pid_t, bool>,
}

impl Tracer {
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
                continue;
            }
            let signal = libc::WSTOPSIG(status);
            let passed_on = match signal {
                _ if signal == libc::SIGTRAP | 0x80 => {
                    self.at_call(thread);
                    0
                }
                libc::SIGTRAP | libc::SIGSTOP => 0,
                other => other,
            };
            resume(thread, passed_on);
        }
    }

    /// A thread begins or ends a call.
    fn at_call(&mut self, thread: pid_t) {
        let inside = self.inside.entry(thread).or_default();
        *inside = !*inside;
        let begins = *inside;
        let Some(mut registers) = registers(thread) else {
            return;
        };
        if begins {
            if let Some(name) = self.counted(&registers) {
                self.calls += 1;
                if self.calls == self.nth {
                    registers.orig_rax = u64::MAX;
                    set_registers(thread, &registers);
                    self.failing = Some(thread);
                    self.failed = Some(name.into());
                }
            }
        } else if self.failing == Some(thread) {
            registers.rax = i64::from(-self.errno).cast_unsigned();
            set_registers(thread, &registers);
            self.failing = None;
        }
    }

    /// The name of a call that may fail.
    fn counted(&self, registers: &user_regs_struct) -> Option<&'static str> {
        let number = registers.orig_rax.cast_signed();
        // What people read, and the threads' own signals.
        if number == libc::SYS_write && registers.rdi <= 2 {
            return None;
        }
        if number == libc::SYS_openat {
            let makes = registers.rdx & u64::from(libc::O_CREAT.cast_unsigned()) != 0;
            return (makes || self.calls > 0).then_some("openat");
        }
        let found = CHANGING.iter().find(|(known, _)| *known == number);
        found.map(|(_, name)| *name)
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
