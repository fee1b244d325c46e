//! Issue 19: whatever call of a run fails, and whenever: no wrong result, no panic, and the next run completes.

use std::sync::LazyLock;

use crate::document::digests;
use crate::harness::{Test, campaign};
use crate::recipes::PRETRAIN;
use crate::tracing::{self, Traced};

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

fn traced(test: &Test, nth: u64, errno: i32) -> Option<Traced> {
    tracing::run(test.command(), nth, errno)
}

/// The call fails in a store that is empty, or in one that a run has filled.
fn holds(nth: u64, errno: i32, filled: bool) -> String {
    let mut test = test();
    if filled {
        results(&mut test);
        test = test
            .recipe(&PRETRAIN.replace("epochs = 1", "epochs = 2"))
            .args(RUN);
    }
    let failed = traced(&test, nth, errno).expect("it was traced before");
    let what = format!("call {nth}, {:?}, errno {errno}: {failed:?}", failed.failed);
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
        names.insert(holds(nth, errno, number % 2 == 1));
    }
    eprintln!(
        "{} of {} calls failed, each once: {names:?}",
        tries, whole.calls
    );
}
