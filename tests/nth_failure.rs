//! Issue 19: whatever call of a run fails, and whenever: no wrong result, no panic, and the next run completes.

use std::sync::LazyLock;

use libc::{c_int, pid_t, user_regs_struct};

use crate::document::digests;
use crate::harness::{Test, campaign};
use crate::recipes::PRETRAIN;
use crate::tracing::{self, Turn, Watcher};

const RUN: [&str; 5] = ["run", "recipe.toml", "--threads", "2", "--quiet"];

/// Two stages, of which the second goes on from what the first left.
fn test() -> Test {
    Test::new().recipe(PRETRAIN).args(RUN)
}

type Digests = std::collections::BTreeMap<(String, String), String>;

static UNDISTURBED: LazyLock<Digests> = LazyLock::new(|| results(&mut test()));

/// The artifacts of a run that nothing disturbs.
fn results(test: &mut Test) -> Digests {
    let run = test.run_with(["run", "recipe.toml", "--threads", "2", "--format", "json"]);
    digests(&run.success().json())
}

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
struct Traced {
    /// The exit code; none if a signal ended it.
    code: Option<i32>,
    /// Calls that could have failed.
    calls: u64,
    /// The one that did.
    failed: Option<String>,
    /// What it wrote to its standard error.
    stderr: String,
}

/// Lets one call fail.
struct Failing {
    /// Which of the calls that change or open files, counted from 1 from the first that changes any; none for 0.
    nth: u64,
    errno: c_int,
    calls: u64,
    failed: Option<String>,
}

impl Watcher for Failing {
    fn begins(&mut self, _thread: pid_t, registers: &mut user_regs_struct) -> Turn {
        let Some(name) = self.counted(registers) else {
            return Turn::Passes;
        };
        self.calls += 1;
        if self.calls != self.nth {
            return Turn::Passes;
        }
        registers.orig_rax = u64::MAX;
        self.failed = Some(name.into());
        Turn::Told
    }

    fn ends(&mut self, _thread: pid_t, registers: &mut user_regs_struct) {
        registers.rax = i64::from(-self.errno).cast_unsigned();
    }
}

impl Failing {
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

fn traced(test: &Test, nth: u64, errno: c_int) -> Option<Traced> {
    let mut failing = Failing {
        nth,
        errno,
        calls: 0,
        failed: None,
    };
    let ended = tracing::run(test.command(), &mut failing)?;
    Some(Traced {
        code: ended.code,
        calls: failing.calls,
        failed: failing.failed,
        stderr: ended.stderr,
    })
}

/// What a run finds.
#[derive(Clone, Copy, Debug)]
enum Found {
    /// An empty store.
    Nothing,
    /// A store that a shorter training has filled.
    Others,
    /// An empty store, and a remote cache with all results.
    Shared,
}

/// A folder with all results.
static SHARED: LazyLock<Test> = LazyLock::new(|| {
    let shared = Test::new();
    std::fs::create_dir(shared.folder().join("cache")).expect("a folder");
    let recipe = with_cache(&shared_folder(&shared));
    let mut shared = shared.recipe(&recipe);
    results(&mut shared);
    shared.run_with(["cache", "push", "recipe.toml"]).success();
    shared
});

fn shared_folder(test: &Test) -> String {
    test.folder().join("cache").display().to_string()
}

fn with_cache(folder: &str) -> String {
    format!("{PRETRAIN}\n[remote]\nurl = \"file://{folder}\"\nkinds = [\"data\", \"pretrain\"]\n")
}

/// A test that pulls all it needs.
fn pulling() -> Test {
    let recipe = with_cache(&shared_folder(&SHARED));
    let pull = [&RUN[..], &["--pull"]].concat();
    Test::new().recipe(&recipe).args(pull)
}

/// The call fails, whatever the run has found.
fn holds(nth: u64, errno: i32, found: Found) -> String {
    let mut test = match found {
        Found::Shared => pulling(),
        _ => test(),
    };
    if let Found::Others = found {
        results(&mut test);
        test = test
            .recipe(&PRETRAIN.replace("epochs = 1", "epochs = 2"))
            .args(RUN);
    }
    let failed = traced(&test, nth, errno).expect("it was traced before");
    let what = format!(
        "{found:?}, call {nth}, {:?}, errno {errno}: {failed:?}",
        failed.failed
    );
    assert!(matches!(failed.code, Some(0..=6)), "{what}");
    if failed.code != Some(0) {
        assert!(failed.stderr.contains("error"), "it says nothing: {what}");
    }
    let mut test = test.recipe(PRETRAIN);
    assert_eq!(results(&mut test), *UNDISTURBED, "{what}");
    let verified = test.run_with(["cache", "verify"]);
    assert_eq!(verified.code, Some(0), "{what}\n{verified}");
    failed.failed.unwrap_or_default()
}

#[test]
fn any_call_may_fail_once_and_the_next_run_completes() {
    let Some(whole) = traced(&test(), 0, 0) else {
        eprintln!("this machine traces no programs: no call is made to fail");
        return;
    };
    assert_eq!(whole.code, Some(0), "{whole:?}");
    assert!(whole.calls > 50, "{whole:?}");
    let tries = campaign(16, usize::try_from(whole.calls).expect("a number")) as u64;
    let mut names = std::collections::BTreeSet::new();
    for number in 0..tries {
        let nth = 1 + number * whole.calls / tries;
        let errno = [libc::EIO, libc::ENOSPC, libc::EACCES][(number % 3) as usize];
        let found = [Found::Nothing, Found::Others][(number % 2) as usize];
        names.insert(holds(nth, errno, found));
    }
    eprintln!(
        "{} of {} calls failed, each once: {names:?}",
        tries, whole.calls
    );
}

#[test]
fn any_call_of_a_pull_may_fail_once_and_the_next_run_completes() {
    let Some(whole) = traced(&pulling(), 0, 0) else {
        eprintln!("this machine traces no programs: no call is made to fail");
        return;
    };
    assert_eq!(whole.code, Some(0), "{whole:?}");
    assert!(whole.calls > 50, "{whole:?}");
    let tries = campaign(8, usize::try_from(whole.calls).expect("a number")) as u64;
    for number in 0..tries {
        let nth = 1 + number * whole.calls / tries;
        let errno = [libc::EIO, libc::ENOSPC, libc::EACCES][(number % 3) as usize];
        holds(nth, errno, Found::Shared);
    }
    eprintln!(
        "{tries} of {} calls of a pull failed, each once",
        whole.calls
    );
}
