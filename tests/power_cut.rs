//! Issue 19: whenever the power goes, and whatever of the unsynced the disk has lost by then: the store is sound or
//! says what is damaged, the next run completes, and its results are those of a run that nothing disturbed.

mod crash;
mod log;
mod recorder;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use pipeline_random::Stream;

use crate::document::{digests, statuses};
use crate::harness::{Test, campaign};
use crate::recipes::PRETRAIN;
use crate::tracing;
use log::{Log, Tree};
use recorder::Recorder;

const RUN: [&str; 6] = ["run", "recipe.toml", "--threads", "2", "--format", "json"];

type Digests = std::collections::BTreeMap<(String, String), String>;

/// A training that keeps where it stands, after its data and before a program; `slow` is there while it is recorded.
fn recipe(epochs: usize) -> String {
    let training = PRETRAIN.replace(
        "epochs = 1",
        &format!("epochs = {epochs}\ncheckpoint_seconds = 0.0"),
    );
    format!(
        r#"{training}
[stages.program]
kind = "command"
run = "cat {{inputs.history}} > a; echo one > b; echo two >> b; seq 400 >> a; if test -e ../../../../slow; then sleep 1.1; fi"
inputs = {{ history = {{ stage = "pretrain", artifact = "history" }} }}
outputs = {{ a = "a", b = "b" }}
"#
    )
}

/// What happened before the power went.
struct Scenario {
    name: &'static str,
    log: Log,
    root: PathBuf,
    /// What the next run must come to.
    expected: Digests,
}

/// An empty store beside a remote cache with all results, from which a run pulls.
fn pulling() -> Test {
    let test = Test::new();
    let shared = test.folder().join("shared");
    std::fs::create_dir(&shared).expect("a folder");
    let remote = format!(
        "{}\n[remote]\nurl = \"file://{}\"\npull = true\nkinds = [\"data\", \"pretrain\", \"command\"]\n",
        recipe(2),
        shared.display()
    );
    let mut test = test.recipe(&remote);
    results(&mut test);
    test.run_with(["cache", "push", "recipe.toml"]).success();
    std::fs::remove_dir_all(test.folder().join(".pipeline")).expect("a store");
    test
}

fn results(test: &mut Test) -> Digests {
    digests(&test.run_with(RUN).success().json())
}

/// Records the command; none where this machine traces no programs.
fn record(name: &'static str, test: Test, command: &[&str]) -> Option<Scenario> {
    let test = test.args(command);
    let mut recorder = Recorder::new(test.folder());
    let ended = tracing::run(test.command(), &mut recorder)?;
    assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
    assert_eq!(recorder.unknown, [""; 0], "{name}");
    let (found, noted) = (log::read(test.folder()), recorder.tree());
    let same = found.keys().eq(noted.keys())
        && found
            .iter()
            .all(|(path, found)| match (found, &noted[path]) {
                (log::Found::File(found, _), log::Found::File(noted, _)) => found == noted,
                (found, noted) => found == noted,
            });
    assert!(same, "{name}: the log is not what happened");
    let mut again = Test::new().recipe(&recipe(2));
    Some(Scenario {
        name,
        log: recorder.log,
        root: test.folder().to_path_buf(),
        expected: results(&mut again),
    })
}

/// None, with a notice, where this machine traces no programs.
static SCENARIOS: LazyLock<Option<Vec<Scenario>>> = LazyLock::new(|| {
    let scenarios = scenarios();
    if scenarios.is_none() {
        eprintln!("this machine traces no programs: no power is cut");
    }
    scenarios
});

fn scenarios() -> Option<Vec<Scenario>> {
    let filled = |lengths: &[usize]| {
        let filled = lengths.iter().fold(Test::new(), |test, epochs| {
            let mut test = test.recipe(&recipe(*epochs));
            results(&mut test);
            test
        });
        filled.recipe(&recipe(2))
    };
    let slow = Test::new().recipe(&recipe(2)).file("slow", "");
    let first = record("first run", slow, &RUN)?;
    let middle = (first.log.before + first.log.steps.len()) / 2;
    let mut draws = Stream::new(19, "middle").at(&[]);
    let after_a_cut = first.put(&crash::cut(&first.log, middle, true, &mut draws));
    Some(vec![
        record("another recipe", filled(&[1]), &RUN)?,
        record(
            "again",
            filled(&[2]),
            &[&RUN[..], &["--refresh", "pretrain"]].concat(),
        )?,
        record("after a cut", after_a_cut, &RUN)?,
        record("pulling", pulling(), &RUN)?,
        record(
            "cleaning",
            filled(&[1, 2]),
            &["cache", "gc", "--keep-recipe", "recipe.toml"],
        )?,
        first,
    ])
}

impl Scenario {
    /// A state that the power may leave.
    fn state(&self, number: u64) -> Tree {
        let mut draws = Stream::new(19, self.name).at(&[number]);
        let moments = match draws.below(2) {
            0 => (self.log.before..=self.log.steps.len()).collect(),
            // Most steps are writes of a few bytes each.
            _ => self.moments_between_names(),
        };
        let after = moments[draws.below(moments.len() as u64) as usize];
        let journal = draws.below(2) == 0;
        crash::cut(&self.log, after, journal, &mut draws)
    }

    /// Just before and behind each change of names and each sync.
    fn moments_between_names(&self) -> Vec<usize> {
        let steps = self.log.steps.iter().enumerate().skip(self.log.before);
        let named = steps.filter(|(_, step)| step.file().is_none());
        named.flat_map(|(at, _)| [at, at + 1]).collect()
    }

    /// What a cut may leave once the run has ended.
    fn end(&self, journal: bool, number: u64) -> Tree {
        let mut draws = Stream::new(19, "end").at(&[number]);
        crash::cut(&self.log, self.log.steps.len(), journal, &mut draws)
    }

    fn put(&self, state: &Tree) -> Test {
        let test = Test::new();
        log::write(state, &self.root, test.folder());
        let _ = std::fs::remove_file(test.folder().join("slow"));
        test
    }

    /// What is wrong with such a state, if anything is.
    fn fault(&self, state: &Tree) -> Result<(), String> {
        let mut test = self.put(state);
        let verified = test.run_with(["cache", "verify"]);
        let names_damage = verified.code == Some(6) && verified.stderr.contains("/.pipeline/");
        if verified.code != Some(0) && !names_damage {
            return Err(verified.to_string());
        }
        let run = test.run_with(RUN);
        if run.code != Some(0) {
            return Err(format!("{verified}{run}"));
        }
        let found = digests(&run.json());
        if found != self.expected {
            return Err(format!("{found:?}{verified}{run}"));
        }
        for then in [&["cache", "verify"][..], &["runs"]] {
            let ended = test.run_with(then);
            if ended.code != Some(0) {
                return Err(format!("{then:?}{verified}{ended}"));
            }
        }
        Ok(())
    }
}

/// Cuts the power so many times, by turns in each scenario: how many different states came of it, and every fault.
fn search(scenarios: &[Scenario], schedules: usize) -> (usize, Vec<String>) {
    let seen = Mutex::new(BTreeSet::new());
    let faults = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let schedule = next.fetch_add(1, Ordering::Relaxed);
            if schedule >= schedules {
                return;
            }
            let scenario = &scenarios[schedule % scenarios.len()];
            let state = scenario.state((schedule / scenarios.len()) as u64);
            let digest = blake3::hash(format!("{} {state:?}", scenario.name).as_bytes());
            let new = seen.lock().expect("no panic").insert(*digest.as_bytes());
            if new && let Err(fault) = scenario.fault(&state) {
                let fault = format!("{}, schedule {schedule}: {fault}", scenario.name);
                faults.lock().expect("no panic").push(fault);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
    let faults = faults.into_inner().expect("no panic");
    (seen.into_inner().expect("no panic").len(), faults)
}

#[test]
fn a_power_cut_at_any_moment_loses_time_and_nothing_else() {
    let Some(scenarios) = &*SCENARIOS else { return };
    let schedules = campaign(20, 10_000);
    let (states, faults) = search(scenarios, schedules);
    let steps = scenarios
        .iter()
        .map(|it| it.log.steps.len() - it.log.before);
    let steps: Vec<usize> = steps.collect();
    eprintln!("{schedules} schedules after runs of {steps:?} steps: {states} different states");
    let shown: Vec<&String> = faults.iter().take(5).collect();
    assert!(faults.is_empty(), "{} faults: {shown:#?}", faults.len());
}

#[test]
fn results_that_were_told_outlive_a_power_cut() {
    let Some(first) = SCENARIOS.as_ref().and_then(|all| all.last()) else {
        return;
    };
    for number in 0..3 {
        // Quick stages wait for others to be synced, and may run again where there is no journal; the slow one does not.
        for (journal, kept) in [
            (true, &["events", "pretrain", "program"][..]),
            (false, &["program"]),
        ] {
            let mut test = first.put(&first.end(journal, number));
            let document = test.run_with(RUN).success().json();
            for stage in statuses(&document) {
                let cached = stage.1 == "cached";
                assert!(
                    cached || !kept.contains(&stage.0),
                    "journal {journal}, {number}: {stage:?}"
                );
            }
        }
    }
}
