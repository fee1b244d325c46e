//! A recipe whose tables have types: the model and the stages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value as Json;

use crate::asked::task_of;
use crate::data::drop_taken_settings;
use crate::document::SCHEMA;
use crate::kind::{Around, StageKind};
use crate::list::StageConfig;
use crate::{check, memory, objective, references, remote, resources};
use pipeline_cluster::Resources;
use pipeline_data::config::Task;
use pipeline_error::Error;
use pipeline_model::config::ModelConfig;
use pipeline_recipe::remote_config::RemoteConfig;
use pipeline_recipe::tree::{Entry, Node, Table, Value};
use pipeline_recipe::{self as recipe, Compared, Mistake, Override, Resolved};
use pipeline_stage::Node as StageNode;
use pipeline_train::config::{Loss, SelectionMetric};

/// What a recipe is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// The architecture.
    pub model: ModelConfig,
    /// The stages in order of appearance: those of extended recipes first.
    pub stages: Vec<(String, StageConfig)>,
    /// Results that machines share.
    pub remote: Option<RemoteConfig>,
    /// What each stage's job asks a cluster for, by the stage's name.
    pub resources: BTreeMap<String, Resources>,
}

/// A validated recipe: everything resolved, all defaults in, all paths as they are to be opened.
pub type Recipe = recipe::Recipe<Experiment>;
/// A recipe with a table `[sweep]`.
pub type SweepRecipe = recipe::SweepRecipe<Experiment>;
/// A point of a sweep's space and its recipe.
pub type SweepVariant = recipe::SweepVariant<Experiment>;

/// Reads a recipe and what it extends, applies `overrides`, and validates the result. The error
/// is an [`Error::Recipe`] with all mistakes, or an [`Error::Usage`] if `path` cannot be read.
pub fn load(path: &Path, overrides: &[Override]) -> Result<Recipe, Error> {
    recipe::load(path, overrides)
}

/// As [`load`]; also every value of the recipe, with its origin.
pub fn resolve(path: &Path, overrides: &[Override]) -> Result<(Recipe, Resolved), Error> {
    recipe::resolve(path, overrides)
}

/// The nodes of a recipe, in its order; those that the planner derives stand before their stage's own.
pub fn nodes_of(recipe: &Recipe) -> Vec<StageNode> {
    let stages = recipe.stages.iter();
    let around = Surroundings::of(recipe);
    stages
        .flat_map(|(name, stage)| stage.table().nodes(name, &around))
        .collect()
}

/// A recipe whose stages are found by name, however many there are.
pub struct Surroundings<'a> {
    recipe: &'a Recipe,
    by_name: BTreeMap<&'a str, &'a StageConfig>,
}

impl<'a> Surroundings<'a> {
    /// Those of a recipe's stages.
    pub fn of(recipe: &'a Recipe) -> Self {
        let by_name = (recipe.stages.iter()).map(|(name, stage)| (name.as_str(), stage));
        Self {
            recipe,
            by_name: by_name.collect(),
        }
    }
}

impl Experiment {
    /// The stage of this name.
    pub fn stage(&self, name: &str) -> Option<&StageConfig> {
        let found = self.stages.iter().find(|(stage, _)| stage == name);
        found.map(|(_, stage)| stage)
    }

    /// What the job of a node asks a cluster for: one that is derived from a stage the same as that.
    pub fn resources_of(&self, node: &str) -> Resources {
        let stage = node.split(':').next().unwrap_or_default();
        self.resources.get(stage).copied().unwrap_or_default()
    }

    /// One line that says how much memory the largest model takes; none if no stage holds one.
    pub fn memory(&self) -> Option<String> {
        let stages = self.stages.iter();
        let stages = stages.map(|(name, stage)| (name.as_str(), stage.table()));
        memory::estimate(stages, &self.model)
    }
}

impl Around for Surroundings<'_> {
    fn model(&self) -> &ModelConfig {
        &self.recipe.model
    }

    fn seed(&self) -> u64 {
        self.recipe.seed
    }

    fn stage(&self, name: &str) -> Option<&dyn StageKind> {
        self.by_name.get(name).map(|stage| stage.table())
    }
}

impl recipe::Experiment for Experiment {
    fn schema() -> &'static Json {
        &SCHEMA
    }

    fn complete(tree: &mut Node) {
        model_of_the_embeddings(tree);
        embeddings_of_the_model(tree);
    }

    fn read(tree: &Node, broken: &BTreeSet<String>, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let model = match tree.child("model") {
            Some(_) if broken.contains("model") => None,
            Some(node) => recipe::read::<ModelConfig>("model", node, mistakes),
            None => Some(ModelConfig::default()),
        };
        let mut stages = Vec::new();
        let table = tree.child("stages").and_then(Node::as_table);
        for entry in table.into_iter().flat_map(|table| table.iter()) {
            let name = format!("stages.{}", entry.key);
            if !broken.contains(&name)
                && let Some(stage) =
                    recipe::read::<StageConfig>(&name, &resources::without(&entry.node), mistakes)
            {
                stages.push((entry.key.clone(), stage));
            }
        }
        let remote = match tree.child("remote") {
            Some(node) if !broken.contains("remote") => {
                mistakes.extend(remote::mistakes(node));
                recipe::read("remote", node, mistakes)
            }
            _ => None,
        };
        state_defaults_of_tasks(&mut stages);
        let kinds: Vec<(&str, &dyn StageKind)> = stages
            .iter()
            .map(|(name, stage)| (name.as_str(), stage.table()))
            .collect();
        check::check(tree, model.as_ref(), &kinds, mistakes);
        references::check(tree, &kinds, mistakes);
        let kinds = stages
            .iter()
            .map(|(name, stage)| (name.as_str(), stage.kind()));
        let resources = match broken.contains("resources") {
            true => BTreeMap::new(),
            false => resources::read(tree, kinds, mistakes),
        };
        Some(Self {
            model: model?,
            stages,
            remote,
            resources,
        })
    }

    fn tables(&self) -> Vec<(Vec<String>, Json)> {
        let json = |table: serde_json::Result<Json>| table.unwrap_or_default();
        let model = (
            vec!["model".into()],
            json(serde_json::to_value(&self.model)),
        );
        let stages = self.stages.iter().map(|(name, stage)| {
            let place = vec!["stages".into(), name.clone()];
            let mut table = json(serde_json::to_value(stage));
            match stage {
                StageConfig::Data(_) => drop_taken_settings(&mut table),
                StageConfig::Finetune(stage) => {
                    stage.drop_settings_without_effect(self.model.classifier.head, &mut table);
                }
                _ => {}
            }
            (place, table)
        });
        let remote = self.remote.iter();
        let remote = remote.map(|it| (vec!["remote".into()], json(serde_json::to_value(it))));
        std::iter::once(model).chain(stages).chain(remote).collect()
    }

    fn remote_mistakes(remote: &Node) -> Vec<Mistake> {
        remote::mistakes(remote)
    }

    fn objective_mistake(&self, compared: &Compared) -> Option<Mistake> {
        objective::mistake(|name| self.stage(name).map(StageConfig::table), compared)
    }
}

/// A finetuning that states no loss and no metric has those of what it learns.
fn state_defaults_of_tasks(stages: &mut [(String, StageConfig)]) {
    let tasks: Vec<Option<Task>> = (stages.iter())
        .map(|(_, stage)| match stage {
            StageConfig::Finetune(stage) => {
                let lookup = |wanted: &str| {
                    let mut all = stages.iter();
                    let found = all.find(|(name, _)| name == wanted);
                    found.map(|(_, stage)| stage.table())
                };
                Some(task_of(&lookup, &stage.data, stage.target.as_deref()))
            }
            _ => None,
        })
        .collect();
    for ((_, stage), task) in stages.iter_mut().zip(tasks) {
        if let (StageConfig::Finetune(stage), Some(task)) = (stage, task) {
            stage.loss.get_or_insert(Loss::of_task(task));
            stage.select.get_or_insert(SelectionMetric::of_task(task));
        }
    }
}

/// A model that does not state how many numbers embeddings have takes those that the data have, if
/// the recipe says that, and all of its data agree: one key says it for both.
fn model_of_the_embeddings(tree: &mut Node) {
    if tree.at(&["model", "input_dim"]).is_some() {
        return;
    }
    let stages = tree.child("stages").and_then(Node::as_table);
    let entries = stages.into_iter().flat_map(|table| table.iter());
    let stated = entries.filter_map(|entry| entry.node.at(&["embeddings", "orthonormal"]));
    let stated: Vec<Node> = stated.cloned().collect();
    let Some((first, others)) = stated.split_first() else {
        return;
    };
    let number = |node: &Node| match node.value {
        Value::Integer(number) => Some(number),
        _ => None,
    };
    if number(first).is_none() || others.iter().any(|other| number(other) != number(first)) {
        return;
    }
    let place = first.origin;
    let Value::Table(recipe) = &mut tree.value else {
        return;
    };
    if recipe.get("model").is_none() {
        let table = Node::new(Value::Table(Table::default()), place);
        recipe.set(Entry::at(place, "model", table));
    }
    if let Some(entry) = recipe.get_mut("model")
        && let Value::Table(model) = &mut entry.node.value
    {
        model.set(Entry::at(place, "input_dim", first.clone()));
    }
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
        if is_data && stage.get("embeddings").is_none() && stage.get("like").is_none() {
            let default = Value::Integer(ModelConfig::default().input_dim as i128);
            let node = stated.clone().unwrap_or_else(|| Node::new(default, place));
            let mut table = Table::default();
            table.set(Entry::at(place, "orthonormal", node));
            let table = Node::new(Value::Table(table), place);
            stage.set(Entry::at(place, "embeddings", table));
        }
    }
}
