//! From files to a recipe, or to everything that is wrong with it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::document::SCHEMA;
use super::interpolate::{self, Environment};
use super::layers::Layers;
use super::mistake::{Mistake, RecipeErrors};
use super::overrides::{self, Override};
use super::resolved::Resolved;
use super::shape::Shape;
use super::source::Sources;
use super::stage_config::StageConfig;
use super::tree::{Entry, Node, Table, Value};
use super::validate::{Verdict, validate};
use super::{checks, references};
use crate::error::Error;
use crate::model::config::ModelConfig;

/// A validated recipe: everything resolved, all defaults in, all paths as they are to be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The file it was loaded from.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// The seed of every stage that has none of its own.
    pub seed: u64,
    /// The architecture.
    pub model: ModelConfig,
    /// The stages in order of appearance: those of extended recipes first.
    pub stages: Vec<(String, StageConfig)>,
    /// Whether it has a table `[sweep]`, which is no part of it as it stands.
    pub has_sweep: bool,
}

impl Recipe {
    /// The stage of this name.
    pub fn stage(&self, name: &str) -> Option<&StageConfig> {
        let found = self.stages.iter().find(|(stage, _)| stage == name);
        found.map(|(_, stage)| stage)
    }
}

/// Reads a recipe and what it extends, applies `overrides`, and validates the result. The error
/// is an [`Error::Recipe`] with all mistakes, or an [`Error::Usage`] if `path` cannot be read.
pub fn load(path: &Path, overrides: &[Override]) -> Result<Recipe, Error> {
    let read = read_whole(path, overrides, &|name| std::env::var(name).ok())?;
    Ok(read.recipe)
}

/// As [`load`]; also every value of the recipe, with its origin.
pub fn resolve(path: &Path, overrides: &[Override]) -> Result<(Recipe, Resolved), Error> {
    let read = read_whole(path, overrides, &|name| std::env::var(name).ok())?;
    let resolved = Resolved::new(&read.recipe, &read.settled, &read.sources);
    Ok((read.recipe, resolved))
}

/// A recipe and what it was made of.
struct Read {
    recipe: Recipe,
    settled: Settled,
    sources: Sources,
}

/// A tree whose references are replaced and whose paths start from here.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) tree: Node,
    /// Dotted places of the paths to files and folders.
    pub(super) paths: BTreeSet<String>,
}

/// [`load`] in an environment of one's own.
#[cfg(test)]
pub(super) fn load_in(
    path: &Path,
    overrides: &[Override],
    env: Environment,
) -> Result<Recipe, Error> {
    read_whole(path, overrides, env).map(|read| read.recipe)
}

fn read_whole(path: &Path, overrides: &[Override], env: Environment) -> Result<Read, Error> {
    let mut sources = Sources::default();
    let mut mistakes = Vec::new();
    let tree = read_tree(path, overrides, env, &mut sources, &mut mistakes)?;
    let recipe = tree.and_then(|tree| settle(path, tree, &sources, env, &mut mistakes));
    match recipe {
        Some((recipe, settled)) if mistakes.is_empty() => Ok(Read {
            recipe,
            settled,
            sources,
        }),
        _ => Err(refused(path, mistakes, &sources)),
    }
}

/// The files as one tree with the overrides in it; `None`: there are mistakes in a file.
pub(super) fn read_tree(
    path: &Path,
    overrides: &[Override],
    env: Environment,
    sources: &mut Sources,
    mistakes: &mut Vec<Mistake>,
) -> Result<Option<Node>, Error> {
    let shape = Shape::new(&SCHEMA);
    let read = Layers::new(sources, mistakes, shape, env).read(path);
    let tree = read.map_err(|reason| Error::Usage {
        message: format!("{}: {reason}", path.display()),
        hint: None,
    })?;
    Ok(tree.map(|mut tree| {
        overrides::apply(&mut tree, overrides, sources, mistakes);
        tree
    }))
}

/// Replaces the references in a tree and gives it types, as far as it is sound.
pub(super) fn settle(
    path: &Path,
    mut tree: Node,
    sources: &Sources,
    env: Environment,
    mistakes: &mut Vec<Mistake>,
) -> Option<(Recipe, Settled)> {
    interpolate::interpolate(&mut tree, sources, env, mistakes);
    typed_tree(path, tree, mistakes)
}

/// Gives a tree without references types, as far as it is sound.
pub(super) fn typed_tree(
    path: &Path,
    mut tree: Node,
    mistakes: &mut Vec<Mistake>,
) -> Option<(Recipe, Settled)> {
    embeddings_of_the_model(&mut tree);
    let verdict = validate(&mut tree, Shape::new(&SCHEMA), mistakes);
    let recipe = typed(path, &tree, &verdict, mistakes)?;
    let paths = verdict.paths;
    Some((recipe, Settled { tree, paths }))
}

pub(super) fn refused(path: &Path, mistakes: Vec<Mistake>, sources: &Sources) -> Error {
    let name = path.display().to_string();
    Error::Recipe(Box::new(RecipeErrors::new(name, mistakes, sources)))
}

/// A data stage that states no embeddings has those that fit the model.
fn embeddings_of_the_model(tree: &mut Node) {
    let stated = tree.at(&["model", "input_dim"]).cloned();
    let Some(Value::Table(stages)) = tree.child_mut("stages").map(|node| &mut node.value) else {
        return;
    };
    for entry in stages.iter_mut() {
        let is_data = entry.node.child("kind").and_then(Node::as_str) == Some("data");
        let place = entry.node.origin;
        let Value::Table(stage) = &mut entry.node.value else {
            continue;
        };
        if is_data && stage.get("embeddings").is_none() {
            let default = Value::Integer(ModelConfig::default().input_dim as i128);
            let node = stated.clone().unwrap_or_else(|| Node::new(default, place));
            let mut table = Table::default();
            table.set(Entry::at(place, "orthonormal", node));
            let table = Node::new(Value::Table(table), place);
            stage.set(Entry::at(place, "embeddings", table));
        }
    }
}

/// Reads the sound parts of the tree and checks what joins them.
fn typed(
    path: &Path,
    tree: &Node,
    verdict: &Verdict,
    mistakes: &mut Vec<Mistake>,
) -> Option<Recipe> {
    let model = match tree.child("model") {
        Some(_) if verdict.broken.contains("model") => None,
        Some(node) => read::<ModelConfig>("model", node, mistakes),
        None => Some(ModelConfig::default()),
    };
    let mut stages = Vec::new();
    let table = tree.child("stages").and_then(Node::as_table);
    for entry in table.into_iter().flat_map(|table| table.iter()) {
        let name = format!("stages.{}", entry.key);
        if !verdict.broken.contains(&name)
            && let Some(stage) = read::<StageConfig>(&name, &entry.node, mistakes)
        {
            stages.push((entry.key.clone(), stage));
        }
    }
    checks::check(tree, model.as_ref(), &stages, mistakes);
    references::check(tree, &stages, mistakes);
    let stem = || Some(path.file_stem()?.to_string_lossy().into_owned());
    let name = tree.child("name").and_then(Node::as_str);
    Some(Recipe {
        path: path.to_path_buf(),
        name: name.map(str::to_string).or_else(stem)?,
        seed: match tree.child("seed").map(|node| &node.value) {
            Some(Value::Integer(seed)) => u64::try_from(*seed).ok()?,
            _ => 0,
        },
        model: model?,
        stages,
        has_sweep: tree.child("sweep").is_some(),
    })
}

pub(super) fn read<T: DeserializeOwned>(
    name: &str,
    node: &Node,
    mistakes: &mut Vec<Mistake>,
) -> Option<T> {
    match serde_json::from_value(node.to_json()) {
        Ok(read) => Some(read),
        Err(error) => {
            mistakes.push(
                Mistake::new(
                    format!("{name} cannot be read: {error}"),
                    node.origin,
                    "in here",
                )
                .help("this is a mistake of the program's: its schema accepts what it cannot read"),
            );
            None
        }
    }
}
