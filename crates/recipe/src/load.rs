//! From files to a recipe, or to everything that is wrong with it.

use std::path::Path;
use std::thread;

use serde::de::DeserializeOwned;

use super::experiment::Experiment;
use super::exposure::Exposure;
use super::interpolate::{self, Environment};
use super::layers::Layers;
use super::mistake::{Mistake, RecipeErrors};
use super::overrides::{self, Override};
use super::recipe::Recipe;
use super::recipe_file::hint_for_missing;
use super::resolved::Resolved;
use super::settled::Settled;
use super::shape::Shape;
use super::source::{Origin, Sources};
use super::tree::{Node, Value};
use super::validate::{Verdict, validate};
use pipeline_error::Error;

/// Reads a recipe and what it extends, applies `overrides`, and validates the result. The error
/// is an [`Error::Recipe`] with all mistakes, or an [`Error::Usage`] if `path` cannot be read.
pub fn load<E: Experiment>(path: &Path, overrides: &[Override]) -> Result<Recipe<E>, Error> {
    let read = read_whole::<E>(path, overrides, &|name| std::env::var(name).ok())?;
    Ok(read.recipe)
}

/// As [`load`]; also every value of the recipe, with its origin.
pub fn resolve<E: Experiment>(
    path: &Path,
    overrides: &[Override],
) -> Result<(Recipe<E>, Resolved), Error> {
    let read = read_whole::<E>(path, overrides, &|name| std::env::var(name).ok())?;
    let resolved = Resolved::new(&read.recipe, &read.settled, &read.sources);
    Ok((read.recipe, resolved))
}

/// A recipe and what it was made of.
struct Read<E> {
    recipe: Recipe<E>,
    settled: Settled,
    sources: Sources,
}

/// [`load`] in an environment of one's own.
pub fn load_in<E: Experiment>(
    path: &Path,
    overrides: &[Override],
    env: Environment,
) -> Result<Recipe<E>, Error> {
    read_whole(path, overrides, env).map(|read| read.recipe)
}

fn read_whole<E: Experiment>(
    path: &Path,
    overrides: &[Override],
    env: Environment,
) -> Result<Read<E>, Error> {
    let mut sources = Sources::default();
    let mut mistakes = Vec::new();
    let tree = read_tree::<E>(path, overrides, env, &mut sources, &mut mistakes)?;
    let recipe = tree.and_then(|tree| settle(path, tree, &sources, env, &mut mistakes));
    match recipe {
        Some((recipe, settled)) if mistakes.is_empty() => Ok(Read {
            recipe: Recipe {
                files: sources.files().to_vec(),
                ..recipe
            },
            settled,
            sources,
        }),
        _ => Err(refused(path, mistakes, &sources)),
    }
}

/// The files as one tree with the overrides in it; `None`: there are mistakes in a file.
pub(super) fn read_tree<E: Experiment>(
    path: &Path,
    overrides: &[Override],
    env: Environment,
    sources: &mut Sources,
    mistakes: &mut Vec<Mistake>,
) -> Result<Option<Node>, Error> {
    let shape = || Shape::new(E::schema());
    // The schema is made meanwhile; reading a file needs none. Nobody waits for the thread: without a processor to
    // spare for it, whoever needs the schema first makes it.
    let schema: fn() -> &'static serde_json::Value = E::schema;
    thread::spawn(schema);
    let read = Layers::new(sources, mistakes, shape, env).read(path);
    let tree = read.map_err(|reason| Error::Usage {
        message: format!("{}: {reason}", path.display()),
        hint: match path.exists() || E::DOCUMENT != "recipe" {
            true => None,
            false => hint_for_missing(path),
        },
    })?;
    Ok(tree.map(|mut tree| {
        overrides::apply(&mut tree, overrides, sources, mistakes);
        tree
    }))
}

/// Replaces the references in a tree and gives it types, as far as it is sound.
pub(super) fn settle<E: Experiment>(
    path: &Path,
    mut tree: Node,
    sources: &Sources,
    env: Environment,
    mistakes: &mut Vec<Mistake>,
) -> Option<(Recipe<E>, Settled)> {
    let references = Exposure::of_references(&tree);
    interpolate::interpolate(&mut tree, sources, env, mistakes);
    let exposure = references.and_values(&tree);
    let (recipe, settled) = typed_tree(path, tree, mistakes)?;
    Some((Recipe { exposure, ..recipe }, settled))
}

/// Gives a tree without references types, as far as it is sound.
pub(super) fn typed_tree<E: Experiment>(
    path: &Path,
    mut tree: Node,
    mistakes: &mut Vec<Mistake>,
) -> Option<(Recipe<E>, Settled)> {
    E::complete(&mut tree);
    let verdict = validate(&mut tree, E::DOCUMENT, Shape::new(E::schema()), mistakes);
    let recipe = typed(path, &tree, &verdict, mistakes)?;
    let paths = verdict.paths;
    Some((recipe, Settled { tree, paths }))
}

pub(super) fn refused(path: &Path, mistakes: Vec<Mistake>, sources: &Sources) -> Error {
    let name = path.display().to_string();
    Error::Recipe(Box::new(RecipeErrors::new(name, mistakes, sources)))
}

/// Reads the sound parts of the tree and checks what joins them.
fn typed<E: Experiment>(
    path: &Path,
    tree: &Node,
    verdict: &Verdict,
    mistakes: &mut Vec<Mistake>,
) -> Option<Recipe<E>> {
    let experiment = E::read(tree, &verdict.broken, mistakes);
    let stem = || Some(path.file_stem()?.to_string_lossy().into_owned());
    let name = tree.child("name").and_then(Node::as_str);
    Some(Recipe {
        path: path.to_path_buf(),
        files: Vec::new(),
        name: name.map(str::to_string).or_else(stem)?,
        description: tree
            .child("description")
            .and_then(Node::as_str)
            .map(str::to_string),
        authors: texts(tree.child("authors")),
        seed: match tree.child("seed").map(|node| &node.value) {
            Some(Value::Integer(seed)) => u64::try_from(*seed).ok()?,
            _ => 0,
        },
        has_sweep: tree.child("sweep").is_some(),
        exposure: Exposure::default(),
        experiment: experiment?,
    })
}

/// The texts of a list.
fn texts(list: Option<&Node>) -> Vec<String> {
    match list.map(|list| &list.value) {
        Some(Value::Array(items)) => {
            let texts = items.iter().filter_map(Node::as_str);
            texts.map(str::to_string).collect()
        }
        _ => Vec::new(),
    }
}

/// Where a text stands, if it stands there once.
fn place_of_text(node: &Node, text: &str) -> Option<Origin> {
    let mut found = Vec::new();
    let mut left = vec![node];
    while let Some(node) = left.pop() {
        match &node.value {
            Value::String(own, _) if own == text => found.push(node.origin),
            Value::Array(items) => left.extend(items),
            Value::Table(table) => left.extend(table.iter().map(|entry| &entry.node)),
            _ => {}
        }
    }
    match found[..] {
        [one] => Some(one),
        _ => None,
    }
}

/// A part of the tree as a value of its Rust type, whose schema has found nothing wrong with it.
pub fn read<T: DeserializeOwned>(
    name: &str,
    node: &Node,
    mistakes: &mut Vec<Mistake>,
) -> Option<T> {
    match serde_json::from_value(node.to_json()) {
        Ok(read) => Some(read),
        Err(error) => {
            let error = error.to_string();
            let text = error.split('`').nth(1);
            let place = text.and_then(|text| place_of_text(node, text));
            let place = place.unwrap_or(node.origin);
            let message = format!("{name} cannot be read: {error}");
            mistakes.push(Mistake::new(message, place, "in here"));
            None
        }
    }
}
