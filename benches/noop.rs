//! How long the runner itself takes: `cargo bench --bench noop`.
//!
//! Recipes of 100 and 1,000 `command` stages whose programs do next to nothing, as a chain, a
//! fan-out and a diamond. The first run is set beside the time that the bare programs take.

#[path = "../tests/many_recipe.rs"]
mod many_recipe;

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use many_recipe::Shape;

const ROUNDS: usize = 20;

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("milliseconds, median (min–max) of {ROUNDS} rounds; a first run once, a stage");
    println!(
        "{:8} {:>6}  {:>9} {:>9} {:>9}  {:>20} {:>20} {:>20}",
        "shape", "stages", "first run", "programs", "ours", "run, no-op", "plan", "check"
    );
    for stages in [100, 1000] {
        for shape in [Shape::Chain, Shape::FanOut, Shape::Diamond] {
            row(shape, stages);
        }
    }
}

fn row(shape: Shape, stages: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let recipe = folder.join("recipe.toml");
    std::fs::write(&recipe, many_recipe::recipe(shape, stages)).expect("a recipe can be written");
    let a_stage = |time: Duration| milliseconds(time) / stages as f64;
    let first = a_stage(pipeline(folder, "run"));
    let programs = a_stage(bare_programs(folder, stages));
    let ours = first - programs;
    print!(
        "{:8} {stages:>6}  {first:>9.2} {programs:>9.2} {ours:>9.2} ",
        shape.name()
    );
    for command in ["run", "plan", "check"] {
        let mut times: Vec<f64> = (0..ROUNDS)
            .map(|_| milliseconds(pipeline(folder, command)))
            .collect();
        times.sort_by(f64::total_cmp);
        let (min, max) = (times[0], times[ROUNDS - 1]);
        let text = format!("{:.1} ({min:.1}–{max:.1})", times[ROUNDS / 2]);
        print!(" {text:>20}");
    }
    println!();
}

/// The wall time of the whole process.
fn pipeline(folder: &Path, command: &str) -> Duration {
    let file = |name: &str| File::create(folder.join(name)).expect("a file can be made");
    let mut process = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    process
        .args([command, "recipe.toml"])
        .current_dir(folder)
        .env_remove("PIPELINE_STORE")
        .stdin(Stdio::null())
        .stdout(file("stdout"))
        .stderr(file("stderr"));
    let start = Instant::now();
    let status = process.status().expect("pipeline starts");
    let elapsed = start.elapsed();
    assert!(status.success(), "{command} failed in {}", folder.display());
    elapsed
}

/// What the stages run, without the runner.
fn bare_programs(folder: &Path, stages: usize) -> Duration {
    let start = Instant::now();
    for stage in 0..stages {
        let status = Command::new("sh")
            .args(["-c", &format!("echo s{stage} > out.txt")])
            .current_dir(folder)
            .stdin(Stdio::null())
            .status()
            .expect("sh starts");
        assert!(status.success());
    }
    start.elapsed()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
