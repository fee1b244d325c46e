//! Mutation fuzzing of everything that reads what others wrote: checkpoints, recipes, tables in every
//! container, patterns, locks, what is in a store, answers of servers.
//!
//! `cargo test` runs some thousand inputs a target, the same ones every time. More, and longer:
//!
//! ```sh
//! FUZZ_TARGET=pickle FUZZ_MINUTES=20 FUZZ_SEED=7 cargo test --release --test fuzz
//! FUZZ_TARGET=pickle FUZZ_INPUT=target/tmp/fuzz/pickle/current cargo test --release --test fuzz
//! ```
//!
//! The first line looks for failures, the second repeats one. Before every input is tried it is
//! written to the file `current` of its target, so that one that kills the process is not lost.
//! With `RUSTC_WORKSPACE_WRAPPER=tests/fuzz/coverage.sh` (an absolute path) in front, inputs that
//! reach new code are kept and mutated further.

mod answer_target;
mod archive;
mod bytes;
mod checkpoint_target;
mod compressed;
mod coverage;
mod csv;
mod json;
mod legacy;
mod lines;
mod lock_target;
mod memory;
mod parquet;
mod pattern_target;
mod pickle;
mod pickle_program;
mod recipe_target;
mod safetensors;
mod search;
mod store_target;
mod tables;
mod target;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use coverage::Coverage;
use search::{Budget, search};
use target::Target;
use trial::Trial;

#[global_allocator]
static ALLOCATOR: memory::Metered = memory::Metered;

fn main() -> ExitCode {
    let wanted = setting("FUZZ_TARGET");
    let filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let mut coverage = Coverage::new();
    let (mut passed, mut failed) = (0, 0);
    for target in Target::ALL {
        let name = format!("fuzz::{}", target.name());
        let is_wanted = match &wanted {
            Some(wanted) => wanted == target.name(),
            None => filters.is_empty() || filters.iter().any(|filter| name.contains(filter)),
        };
        if !is_wanted {
            continue;
        }
        match run(target, &mut coverage) {
            Ok(report) => {
                println!("{name} ... ok ({report})");
                passed += 1;
            }
            Err(failure) => {
                println!("{name} ... FAILED\n{failure}");
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

fn run(target: Target, coverage: &mut Coverage) -> Result<String, String> {
    let mut trial = Trial::new(target);
    if let Some(path) = setting("FUZZ_INPUT") {
        let input = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
        let accepted = trial.run(&input)?;
        return Ok(format!("one input, accepted: {accepted}"));
    }
    let seed = number("FUZZ_SEED").unwrap_or(0);
    let budget = match number("FUZZ_MINUTES") {
        Some(minutes) => Budget::Time(Duration::from_secs(minutes * 60)),
        None => Budget::Inputs(number("FUZZ_INPUTS").unwrap_or(target.usual_inputs())),
    };
    search(target, &mut trial, coverage, seed, budget)
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str) -> Option<u64> {
    let text = setting(name)?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{name} is {text}, not a natural number"),
    }
}

/// Where inputs of a target are left.
fn folder(target: Target) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("fuzz")
        .join(target.name())
}
