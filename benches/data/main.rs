//! How long a MEDS dataset takes to become an artifact, and how much memory:
//! `cargo bench --bench data -- [EVENTS]` (default 10 million).
//!
//! A process of its own reads shards of as many events and writes the four artifacts. Beside it a
//! program in Polars (streaming engine) does the same job, if `PEER_PYTHON` names a Python that has it.
//! Everything lies in `TMPDIR`.

#[path = "../measured.rs"]
mod measured;
mod meds_shards;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use measured::{Measured, measured, median, peer};
use pipeline_data::{self as data, config::DataConfig};

const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` only wants to know that it starts.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    pipeline_train::memory::keep_what_is_freed();
    if let [_, ingest, root, work] = &arguments[..]
        && ingest == "ingest"
    {
        return self::ingest(Path::new(root), Path::new(work));
    }
    let events = arguments.get(1).and_then(|text| text.parse().ok());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let events = meds_shards::write(&folder.join("meds"), events.unwrap_or(10_000_000));
    println!("{events} events; {ROUNDS} rounds, one after the other");
    let python = std::env::var("PEER_PYTHON").ok();
    let mut rows = [("pipeline", Vec::new()), ("polars", Vec::new())];
    let root = folder.join("meds");
    for round in 0..ROUNDS {
        let work = folder.join(format!("work{round}"));
        std::fs::create_dir(&work).expect("a folder can be made");
        let mut this = Command::new(std::env::current_exe().expect("this program"));
        this.arg("ingest").arg(&root).arg(&work);
        rows[0].1.push(measured(this));
        if let Some(python) = &python {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/data/peer_polars.py");
            rows[1].1.push(peer(python, script, &[&root, &work]));
        }
        std::fs::remove_dir_all(&work).expect("the folder is ours");
    }
    println!(
        "{:10} {:>24} {:>24} {:>12} {:>12}",
        "", "seconds, median (range)", "processor seconds", "events/s", "memory, MB"
    );
    for (name, measured) in rows.iter().filter(|(_, measured)| !measured.is_empty()) {
        row(name, measured, events);
    }
}

fn row(name: &str, measured: &[Measured], events: usize) {
    let mut seconds: Vec<f64> = measured.iter().map(|one| one.wall.as_secs_f64()).collect();
    seconds.sort_by(f64::total_cmp);
    let memory = measured.iter().map(|one| one.memory).max().unwrap_or(0);
    println!(
        "{name:10} {:>24} {:>24} {:>12.0} {:>12.0}",
        median(measured.iter().map(|one| one.wall)),
        median(measured.iter().map(|one| one.processor)),
        events as f64 / seconds[seconds.len() / 2],
        memory as f64 / 1e6
    );
}

fn ingest(root: &Path, work: &Path) {
    let text = format!(
        "source = {{ format = \"meds\", path = {root:?}, labels = {:?} }}\nsplit = {{ column = \"split\" }}\nembeddings = {{ orthonormal = 64 }}",
        root.join("labels")
    );
    let config: DataConfig = toml::from_str(&text).expect("the settings of the bench");
    let report = data::build(&config, 1, work, &AtomicBool::new(false), &mut |_| ());
    let report = report.expect("the shards are sound");
    assert!(report.train.events > 0);
}
