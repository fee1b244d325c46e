//! A recipe and the nodes it expands to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::arguments::Selection;
use crate::terminal::verbosity::Verbosity;
use pipeline_error::Error;
use pipeline_files::files_meant;
use pipeline_kinds::{self as kinds, Recipe, StageConfig};
use pipeline_model::config::ModelConfig;
use pipeline_recipe::{Exposure, Override, recipe_bytes};
use pipeline_runner::{Documents, Revision, RunOptions};
use pipeline_stage::Node;
use pipeline_store::{Store, rows};

/// A recipe that was read and understood.
pub struct Experiment {
    /// The recipe.
    pub recipe: Recipe,
    /// Its stages, derived ones included.
    pub nodes: Vec<Node>,
}

impl Experiment {
    /// Reads the recipe at `path`, changed by `overrides`.
    pub fn load(path: &Path, overrides: &[Override]) -> Result<Self, Error> {
        let recipe = kinds::load(path, overrides)?;
        let nodes = kinds::nodes_of(&recipe);
        Ok(Experiment { recipe, nodes })
    }

    /// As [`files_read`].
    pub fn files_read(&self) -> Vec<PathBuf> {
        files_read(&self.recipe.files, &self.nodes)
    }

    /// A table `[sweep]` says nothing about the recipe itself, which may be run before its variants.
    pub fn tell_of_sweep(&self, selection: &Selection, verbosity: Verbosity) {
        if self.recipe.has_sweep {
            verbosity.note(&format!(
                "this is the recipe without its variants; `{}` runs those",
                selection.command("sweep")
            ));
        }
    }

    /// What a run keeps of the recipe: `recipe.toml`, the file as it was given, and
    /// `resolved.json`, what it came to with everything it extends, `--set` and the defaults.
    pub fn documents(&self, selection: &Selection) -> Result<Documents, Error> {
        let given = recipe_bytes(&selection.recipe);
        let given = given.map_err(|error| Error::file(&selection.recipe, error))?;
        let stages = self.recipe.stages.iter();
        let resolved = ResolvedRecipe {
            path: self.recipe.path.display().to_string(),
            set: selection.overrides.iter().map(Override::text).collect(),
            name: &self.recipe.name,
            seed: self.recipe.seed,
            model: &self.recipe.model,
            stages: stages
                .map(|(name, stage)| NamedStage { name, stage })
                .collect(),
        };
        let mut rows = Vec::new();
        rows::write(&mut rows, &resolved)
            .map_err(|error| Error::stage(format!("the recipe cannot be recorded: {error}")))?;
        let mut documents = vec![("recipe.toml", given), ("resolved.json", rows)];
        documents.extend(revision_document(&selection.recipe));
        Ok(documents)
    }
}

/// The files of a recipe, and those that its stages read from outside the store: no command replaces any of them.
pub fn files_read(recipe: &[PathBuf], nodes: &[Node]) -> Vec<PathBuf> {
    let external = nodes.iter().flat_map(|node| node.stage.external_inputs());
    // Stages may share a large folder.
    let external: BTreeSet<(PathBuf, bool)> =
        external.map(|input| (input.path, input.of_data)).collect();
    let files = external
        .iter()
        .flat_map(|(path, of_data)| files_meant(path, *of_data));
    recipe.iter().cloned().chain(files).collect()
}

/// A line that says how much memory a recipe's largest model takes; empty if it has none.
pub fn memory_line(recipe: &Recipe) -> String {
    let line = recipe.memory();
    line.map_or_else(String::new, |line| format!("{line}\n"))
}

/// Passwords and tokens in a recipe are in every record of it.
pub fn tell_of_exposure(exposure: &Exposure, verbosity: Verbosity) {
    for (field, why) in &exposure.credentials {
        verbosity.note(&format!(
            "{field} looks like a password or a token ({why}), and it is recorded with results and runs; \
             a command stage's `secret_env = [\"NAME\"]` passes a variable and writes it nowhere"
        ));
    }
}

/// The revision of the sources that a recipe lies in; none outside of a repository.
pub fn revision_document(recipe: &Path) -> Option<(&'static str, Vec<u8>)> {
    let revision = Revision::around(recipe)?;
    let text = serde_json::to_vec(&revision).ok()?;
    Some((Revision::FILE, text))
}

/// The document `runs/ID/resolved.json`.
#[derive(Serialize)]
struct ResolvedRecipe<'a> {
    path: String,
    set: Vec<&'a str>,
    name: &'a str,
    seed: u64,
    model: &'a ModelConfig,
    stages: Vec<NamedStage<'a>>,
}

#[derive(Serialize)]
struct NamedStage<'a> {
    name: &'a str,
    #[serde(flatten)]
    stage: &'a StageConfig,
}

impl Selection {
    /// The selected experiment and the store its results are in.
    pub fn open(&self) -> Result<(Experiment, Store), Error> {
        let experiment = Experiment::load(&self.recipe, &self.overrides)?;
        Ok((experiment, Store::open(&self.store)?))
    }

    /// Options of a command that only looks at `targets`.
    pub fn looking_at(&self, targets: Vec<String>) -> RunOptions {
        RunOptions {
            device: self.device.clone(),
            targets,
            ..RunOptions::default()
        }
    }
}
