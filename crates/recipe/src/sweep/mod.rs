//! Variants of a recipe: the space that `[sweep]` spans, and the recipe at each of its points.

mod asked;
mod axes;
mod draws;
mod names;
mod paths;
mod point;
mod rungs;
mod space;
mod variant;

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

pub use names::short_paths;
pub use point::Point;
pub use variant::SweepVariant;

use super::experiment::Experiment;
use super::exposure::Exposure;
use super::interpolate;
use super::load::{read, read_tree, refused, typed_tree};
use super::mistake::Mistake;
use super::overrides::Override;
use super::remote_config::RemoteConfig;
use super::shape::Shape;
use super::source::Sources;
use super::sweep_config::SweepConfig;
use super::tree::{Node, Value};
use super::validate::validate_part;
use pipeline_error::Error;

/// A recipe with a table `[sweep]`.
#[derive(Debug)]
pub struct SweepRecipe<E> {
    /// The file it was read from.
    pub path: PathBuf,
    /// The recipe's name.
    pub name: String,
    /// What of it others should not see.
    pub exposure: Exposure,
    /// The table.
    pub config: SweepConfig,
    /// Results that machines share.
    pub remote: Option<RemoteConfig>,
    /// The table as it is written, its references replaced.
    sweep: Node,
    /// The rest as it is written.
    raw: Node,
    /// The rest, its references replaced.
    base: Node,
    sources: Sources,
    /// The paths that `--set` sets, as they are written, and their keys.
    set: Vec<(String, Vec<String>)>,
    experiment: PhantomData<E>,
}

impl<E: Experiment> SweepRecipe<E> {
    /// Reads a recipe and what it extends, applies `overrides`, and validates its table `[sweep]`.
    /// The error is an [`Error::Recipe`] with all mistakes, or an [`Error::Usage`] if `path` cannot
    /// be read or has no such table.
    pub fn open(path: &Path, overrides: &[Override]) -> Result<Self, Error> {
        let mut sources = Sources::default();
        let mut mistakes = Vec::new();
        let tree = read_tree::<E>(path, overrides, &environment, &mut sources, &mut mistakes)?;
        let Some(mut raw) = tree else {
            return Err(refused(path, mistakes, &sources));
        };
        let mut base = raw.clone();
        interpolate::interpolate(&mut base, &sources, &environment, &mut mistakes);
        let exposure = Exposure::of(&raw, &base);
        without_sweep(&mut raw);
        let Some(mut sweep) = without_sweep(&mut base) else {
            return Err(Error::Usage {
                message: format!("{} has no [sweep]", path.display()),
                hint: Some(
                    "say under [sweep] what to vary, and by what to compare: docs/sweeps.md".into(),
                ),
            });
        };
        validate_part("sweep", &mut sweep, Shape::new(E::schema()), &mut mistakes);
        let config = match mistakes.is_empty() {
            true => read::<SweepConfig>("sweep", &sweep, &mut mistakes),
            false => None,
        };
        let remote = remote_of::<E>(&base, &mut mistakes);
        let Some(config) = config.filter(|_| mistakes.is_empty()) else {
            // What is wrong with the rest is told along with it.
            typed_tree::<E>(path, base, &mut mistakes);
            return Err(refused(path, mistakes, &sources));
        };
        Ok(Self {
            path: path.to_path_buf(),
            name: name(path, &base),
            exposure,
            config,
            remote,
            sweep,
            raw,
            base,
            sources,
            set: overrides.iter().filter_map(Override::path).collect(),
            experiment: PhantomData,
        })
    }

    /// All files that it was read from, those that it extends among them.
    pub fn files(&self) -> &[PathBuf] {
        self.sources.files()
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn remote_of<E: Experiment>(base: &Node, mistakes: &mut Vec<Mistake>) -> Option<RemoteConfig> {
    let mut remote = base.child("remote")?.clone();
    let before = mistakes.len();
    validate_part("remote", &mut remote, Shape::new(E::schema()), mistakes);
    mistakes.extend(E::remote_mistakes(&remote));
    match mistakes.len() == before {
        true => read("remote", &remote, mistakes),
        false => None,
    }
}

fn without_sweep(tree: &mut Node) -> Option<Node> {
    match &mut tree.value {
        Value::Table(table) => table.remove("sweep").map(|entry| entry.node),
        _ => None,
    }
}

fn name(path: &Path, tree: &Node) -> String {
    let stated = tree.child("name").and_then(Node::as_str);
    let stem = || path.file_stem().unwrap_or_default().to_string_lossy();
    stated.map_or_else(|| stem().into_owned(), str::to_string)
}
