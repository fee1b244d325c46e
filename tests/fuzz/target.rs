//! What is fuzzed: seeds, mutations and the check of each.

use std::path::Path;

use pipeline_random::Draws;

use crate::recipe_target::Recipes;
use crate::store_target::Documents;
use crate::tables::Tables;
use crate::{
    answer_target, archive, bytes, checkpoint_target, compressed, csv, legacy, lock_target,
    parquet, pattern_target, pickle, recipe_target, safetensors, store_target,
};

/// A reader under test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// The pickle in a PyTorch zip, whose checksums are made to fit.
    Pickle,
    /// The zip itself.
    Zip,
    /// The stream of pickles of before PyTorch 1.6.
    Legacy,
    Safetensors,
    Recipe,
    /// Tables of text: events, stays, labels, splits, statistics, embeddings.
    Csv,
    /// The same in gzip and Zstandard.
    Compressed,
    /// The same in Parquet, and artifacts of a data stage.
    Parquet,
    /// Patterns of parameter names and paths.
    Pattern,
    Lock,
    /// Actions, records of runs, the cache of digests.
    Store,
    /// Answers of an MLflow server.
    Answer,
}

impl Target {
    pub const ALL: [Target; 12] = [
        Target::Pickle,
        Target::Zip,
        Target::Legacy,
        Target::Safetensors,
        Target::Recipe,
        Target::Csv,
        Target::Compressed,
        Target::Parquet,
        Target::Pattern,
        Target::Lock,
        Target::Store,
        Target::Answer,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Target::Pickle => "pickle",
            Target::Zip => "zip",
            Target::Legacy => "legacy",
            Target::Safetensors => "safetensors",
            Target::Recipe => "recipe",
            Target::Csv => "csv",
            Target::Compressed => "compressed",
            Target::Parquet => "parquet",
            Target::Pattern => "pattern",
            Target::Lock => "lock",
            Target::Store => "store",
            Target::Answer => "answer",
        }
    }

    /// Inputs in an ordinary test run: fewer where each makes a whole artifact.
    pub fn usual_inputs(self) -> u64 {
        match self {
            Target::Csv | Target::Compressed | Target::Parquet => 600,
            _ => 4000,
        }
    }

    /// Inputs to begin with, by name.
    pub fn seeds(self) -> Vec<(String, Vec<u8>)> {
        match self {
            Target::Pickle | Target::Zip => checkpoint_target::zoo(b"PK\x03\x04"),
            Target::Legacy => checkpoint_target::zoo(b"\x80\x02\x8a\x0a"),
            Target::Safetensors => safetensors::seeds(),
            Target::Recipe => recipe_target::seeds(),
            Target::Csv => csv::seeds(),
            Target::Compressed => compressed::seeds(),
            Target::Parquet => parquet::seeds(),
            Target::Pattern => pattern_target::seeds(),
            Target::Lock => lock_target::seeds(),
            Target::Store => store_target::seeds(),
            Target::Answer => answer_target::seeds(),
        }
    }

    /// `input` with one change, most often one that leaves its structure readable.
    pub fn mutate(self, input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
        if draws.below(8) == 0 {
            return bytes::mutate(input, other, draws);
        }
        match self {
            Target::Pickle => pickle::mutate_archive(input, other, draws),
            Target::Zip => archive::mutate(input, other, draws),
            Target::Legacy => legacy::mutate(input, other, draws),
            Target::Safetensors => safetensors::mutate(input, other, draws),
            Target::Recipe => recipe_target::mutate(input, other, draws),
            Target::Csv => csv::mutate(input, other, draws),
            Target::Compressed => compressed::mutate(input, other, draws),
            Target::Parquet => parquet::mutate(input, other, draws),
            Target::Pattern => pattern_target::mutate(input, other, draws),
            Target::Lock => lock_target::mutate(input, other, draws),
            Target::Store => store_target::mutate(input, other, draws),
            Target::Answer => answer_target::mutate(input, other, draws),
        }
    }
}

/// The reader of a target and what must hold of its result.
pub enum Checked {
    Checkpoint,
    Recipe(Recipes),
    Table(Tables),
    Store(Documents),
    /// What needs no files.
    Text(fn(&[u8]) -> Result<bool, String>),
}

impl Checked {
    pub fn new(target: Target) -> Self {
        match target {
            Target::Recipe => Checked::Recipe(Recipes::new()),
            Target::Pickle | Target::Zip | Target::Legacy | Target::Safetensors => {
                Checked::Checkpoint
            }
            Target::Csv | Target::Compressed | Target::Parquet => Checked::Table(Tables::new()),
            Target::Store => Checked::Store(Documents::new()),
            Target::Pattern => Checked::Text(pattern_target::check),
            Target::Lock => Checked::Text(lock_target::check),
            Target::Answer => Checked::Text(answer_target::check),
        }
    }

    /// Whether the reader accepts `input`; `Err`: the result is not what it must be.
    pub fn check(&mut self, input: &[u8]) -> Result<bool, String> {
        match self {
            Checked::Checkpoint => checkpoint_target::check(input),
            Checked::Recipe(recipes) => recipes.check(input),
            Checked::Table(tables) => tables.check(input),
            Checked::Store(documents) => documents.check(input),
            Checked::Text(check) => check(input),
        }
    }
}

/// The files of a folder of this repository, by name, sorted.
pub fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).expect("a folder of the repository");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (
                name.into_owned(),
                std::fs::read(&path).expect("a readable file"),
            )
        })
        .collect();
    files.sort();
    files
}
