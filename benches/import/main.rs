//! How long a checkpoint of about 1 GB takes to import, and how much memory: `cargo bench --bench import`.
//!
//! `pipeline run` with one import stage and a fresh store as a whole process; and what of it is done in
//! memory: the reading alone, and the reading with the audit of every number. Beside them `torch.load(mmap=False)` and
//! `load_state_dict`, if `PEER_PYTHON` names a Python that has torch. The file and the store lie in
//! `TMPDIR`: put it where no disk is waited for (`/dev/shm`) to compare the work, not the disk.

mod checkpoint_file;
#[path = "../measured.rs"]
mod measured;

use std::path::Path;
use std::process::{Command, Stdio};

use measured::{Measured, measured, median, peer};
use pipeline_checkpoint::{self as checkpoint, ImportRules, TargetTensor};
use pipeline_model::config::{ModelConfig, ModelMode};
use pipeline_model::parameter::ParameterSpec;
use pipeline_model::seqsetvae::parameter_specs;

const ROUNDS: usize = 5;

/// 15 layers of 12.6 million parameters.
const MODEL: &str = "input_dim = 768
reduced_dim = 256
latent_dim = 1024
levels = 2
heads = 2
inducing_points = 16
ff_dim = 4096
transformer_heads = 8
transformer_layers = 14
";

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    pipeline_train::memory::keep_what_is_freed();
    let specs = parameter_specs(&config(), ModelMode::Pretrain).expect("a model");
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, part, file] = &arguments[..] {
        return in_memory(part, Path::new(file), specs);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let file = folder.join("model.pth");
    checkpoint_file::write(&file, &specs).expect("the temporary folder can be written");
    let recipe = format!(
        "format = 1\n[model]\n{MODEL}\n[stages.weights]\nkind = \"import\"\nfrom = {{ path = \"model.pth\" }}\ninto = \"pretrain\"\nassume = [\"heads\", \"transformer_heads\"]\ninputs = \"unknown\"\n"
    );
    std::fs::write(folder.join("recipe.toml"), recipe)
        .expect("the temporary folder can be written");
    let bytes = std::fs::metadata(&file)
        .expect("the file just written")
        .len();
    println!(
        "{:.2} GB in {} tensors; {ROUNDS} rounds, one after the other",
        bytes as f64 / 1e9,
        specs.len()
    );

    let run = || pipeline(folder, &["run", "recipe.toml", "--store", "store"]);
    let peer = std::env::var("PEER_PYTHON").ok();
    let mut rows = [
        ("pipeline run", Vec::new()),
        ("reading", Vec::new()),
        ("reading and audit", Vec::new()),
        ("torch.load + load_state_dict", Vec::new()),
    ];
    for _ in 0..ROUNDS {
        rows[0].1.push(measured(run()));
        let _ = std::fs::remove_dir_all(folder.join("store"));
        rows[1].1.push(measured(this("read", &file)));
        rows[2].1.push(measured(this("audit", &file)));
        if let Some(python) = &peer {
            rows[3].1.push(torch(python, &file));
        }
    }
    println!(
        "{:30} {:>20} {:>20} {:>18}",
        "median (range)", "seconds", "processor seconds", "peak memory / file"
    );
    for (name, measured) in rows.iter().filter(|(_, measured)| !measured.is_empty()) {
        row(name, measured, bytes);
    }
}

fn row(name: &str, measured: &[Measured], file: u64) {
    let memory = measured.iter().map(|one| one.memory).max().unwrap_or(0);
    println!(
        "{name:30} {:>20} {:>20} {:>18.2}",
        median(measured.iter().map(|one| one.wall)),
        median(measured.iter().map(|one| one.processor)),
        memory as f64 / file as f64
    );
}

fn config() -> ModelConfig {
    toml::from_str(MODEL).expect("a model")
}

/// This program with a part of the work.
fn this(part: &str, file: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(part).arg(file);
    command
}

fn in_memory(part: &str, file: &Path, specs: Vec<ParameterSpec>) {
    let checkpoint = checkpoint::read(file).expect("the file of the bench");
    if part == "audit" {
        let targets: Vec<TargetTensor> = specs
            .into_iter()
            .map(|spec| TargetTensor {
                name: spec.name,
                shape: spec.shape,
            })
            .collect();
        let import = checkpoint::import(checkpoint, &targets, &ImportRules::default());
        let import = import.expect("the model of the bench");
        assert_eq!(import.tensors.len(), targets.len());
    }
}

fn pipeline(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("PIPELINE_STORE")
        .arg("--quiet")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// The peer measures itself: starting Python and importing torch are not its work.
fn torch(python: &str, file: &Path) -> Measured {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/benches/import/peer_torch_load.py"
    );
    peer(python, script, &[file])
}
