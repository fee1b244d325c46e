//! How fast a bundle predicts, and how much memory that takes: `cargo bench --bench predict -- --stays 100000`.
//!
//! A cohort of 400 events a stay at 74 times, 41 variables, written as CSV; a model of the size of
//! `recipes/physionet2012.toml`. `--peer PYTHON FOLDER` also times a batched PyTorch forward of the same model,
//! from `torch_batched.py` in FOLDER, on 2,000 stays of the same shape.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::mem::MaybeUninit;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const VARIABLES: usize = 41;
const TIMES: usize = 74;
const EVENTS: usize = 400;
const STAYS_IN_FILE: usize = 2000;

const RECIPE: &str = r#"
format = 1
[model]
kind = "seqsetvae"
input_dim = 64
reduced_dim = 64
latent_dim = 64
levels = 2
heads = 2
inducing_points = 8
ff_dim = 128
transformer_heads = 4
transformer_layers = 2
[stages.events]
kind = "data"
split = { ratio = [0.6, 0.2, 0.2] }
source = { format = "long", files = ["train/*.csv"], id = "id", time = { column = "minute", as = "minutes" }, variable = "item", value = "value", labels = { path = "labels.csv", id = "id", column = "died" } }
[stages.pretrain]
kind = "pretrain"
data = "events"
epochs = 1
[stages.weights]
kind = "import"
from = "pretrain"
into = "classifier"
new = ["cls_head.*"]
ignore = ["decoder.*"]
[stages.frozen]
kind = "freeze"
model = "weights"
trainable = ["cls_head.*"]
max_trainable_fraction = 0.2
[stages.classifier]
kind = "finetune"
model = "frozen"
data = "events"
epochs = 1
"#;

const SOURCE: &str = r#"
format = 1
source = { format = "long", files = ["new/*.csv"], id = "id", time = { column = "minute", as = "minutes" }, variable = "item", value = "value" }
"#;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` only wants to know that it starts.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let after = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        Some(&arguments[place + 1..])
    };
    let stays = after("--stays").map_or(2000, |rest| rest[0].parse().expect("a number"));
    let folder = tempfile::tempdir_in("target").expect("a temporary folder");
    let folder = folder.path();
    write_cohort(&folder.join("train"), 0, 100);
    write_cohort(&folder.join("new"), 1_000_000, stays);
    let mut labels = "id,died\n".to_string();
    (0..100).for_each(|id| writeln!(labels, "{id},{}", usize::from(id % 3 == 0)).expect("text"));
    for (name, text) in [
        ("labels.csv", labels.as_str()),
        ("recipe.toml", RECIPE),
        ("source.toml", SOURCE),
    ] {
        std::fs::write(folder.join(name), text).expect(name);
    }
    pipeline(folder, &["run", "recipe.toml", "--quiet"]);
    pipeline(folder, &["bundle", "recipe.toml", "classifier", "bundle"]);
    println!("{stays} stays, {} events", stays * EVENTS);
    let before = Instant::now();
    pipeline(
        folder,
        &[
            "predict",
            "bundle",
            "--source",
            "source.toml",
            "--output",
            "out.parquet",
            "--quiet",
        ],
    );
    let seconds = before.elapsed().as_secs_f64();
    println!(
        "pipeline predict: {seconds:.1} s, {:.0} stays/s; at most {} MB of all programs so far",
        stays as f64 / seconds,
        largest_child() / 1000
    );
    if let Some([python, peers, ..]) = after("--peer") {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/benches/predict/peer_torch_forward.py"
        );
        let status = Command::new(python).args([script, peers]).status();
        assert!(status.expect("python starts").success());
    }
}

/// Stays of made-up numbers, so many to a file.
fn write_cohort(folder: &Path, first: usize, stays: usize) {
    std::fs::create_dir_all(folder).expect("a folder");
    for begin in (0..stays).step_by(STAYS_IN_FILE) {
        let file = File::create(folder.join(format!("{begin:09}.csv"))).expect("a file");
        let mut file = BufWriter::new(file);
        file.write_all(b"id,minute,item,value\n").expect("a row");
        for stay in begin..(begin + STAYS_IN_FILE).min(stays) {
            for event in 0..EVENTS {
                let (minute, item) = (event * TIMES / EVENTS * 37, (event * 7 + stay) % VARIABLES);
                let value = (stay * 31 + event * 17 + item * 13) % 1000;
                let id = first + stay;
                writeln!(
                    file,
                    "{id},{minute},V{item:02},{}.{}",
                    value / 10,
                    value % 10
                )
                .expect("a row");
            }
        }
    }
}

fn pipeline(folder: &Path, arguments: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_pipeline"))
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("pipeline starts").success(), "{arguments:?}");
}

/// The most memory that a program which was started here and has ended took at a time, in kB.
fn largest_child() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the structure is written before it is read, and the call cannot fail for its own children.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    usage.ru_maxrss
}
