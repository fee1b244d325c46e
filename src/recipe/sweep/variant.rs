//! The recipe at a point of the space.

use super::point::Assignment;
use super::{Point, SweepRecipe, environment};
use crate::data::dataset::Split;
use crate::error::Error;
use crate::recipe::interpolate::interpolate;
use crate::recipe::load::{Recipe, Settled, refused, typed_tree};
use crate::recipe::mistake::Mistake;
use crate::recipe::overrides;
use crate::recipe::resolved::Resolved;
use crate::recipe::stage_config::StageConfig;
use crate::recipe::suggest::nearest;
use crate::recipe::tree::{Node, Value};

/// A point and its recipe.
#[derive(Clone, Debug)]
pub struct SweepVariant {
    /// The point.
    pub point: Point,
    /// The recipe there.
    pub recipe: Recipe,
}

impl SweepRecipe {
    /// The recipes at some points. The error is an [`Error::Recipe`] with the mistakes of all,
    /// each told once.
    pub fn variants(&self, points: Vec<Point>) -> Result<Vec<SweepVariant>, Error> {
        let mut mistakes = Vec::new();
        let mut variants = Vec::with_capacity(points.len());
        for point in points {
            if let Some((recipe, _)) = self.settle(&point, &mut mistakes) {
                variants.push(SweepVariant { point, recipe });
            }
        }
        match mistakes.is_empty() {
            true => Ok(variants),
            false => Err(refused(&self.path, mistakes, &self.sources)),
        }
    }

    /// Every value of the recipe at a point, with its origin.
    pub fn resolve(&self, point: &Point) -> Result<Resolved, Error> {
        let mut mistakes = Vec::new();
        match self.settle(point, &mut mistakes) {
            Some((recipe, settled)) if mistakes.is_empty() => {
                Ok(Resolved::new(&recipe, &settled, &self.sources))
            }
            _ => Err(refused(&self.path, mistakes, &self.sources)),
        }
    }

    pub(super) fn settle(
        &self,
        point: &Point,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<(Recipe, Settled)> {
        let (of_variables, others): (Vec<_>, Vec<_>) =
            (point.assignments.iter()).partition(|one| is_variable(one));
        let mut tree = match of_variables.is_empty() {
            true => self.base.clone(),
            false => {
                let mut tree = self.raw.clone();
                for one in of_variables {
                    set(&mut tree, one, escaped(one.node.clone()), mistakes);
                }
                interpolate(&mut tree, &self.sources, &environment, mistakes);
                tree
            }
        };
        for one in others {
            match self.unknown_stage(one) {
                Some(mistake) => mistakes.push(mistake),
                None => set(&mut tree, one, one.node.clone(), mistakes),
            }
        }
        let settled = typed_tree(&self.path, tree, mistakes)?;
        mistakes.extend(self.objective_mistake(&settled.0));
        Some(settled)
    }

    /// Nothing that is set makes a stage where there is none.
    fn unknown_stage(&self, one: &Assignment) -> Option<Mistake> {
        let [(first, _), (name, place), ..] = one.keys.as_slice() else {
            return None;
        };
        let stages = self.base.child("stages").and_then(Node::as_table)?;
        if first != "stages" || stages.get(name).is_some() {
            return None;
        }
        Some(no_stage(
            name,
            stages.keys(),
            Mistake::new(
                format!("there is no stage `{name}`"),
                *place,
                "no stage of this name",
            ),
        ))
    }

    /// Whoever chooses by the test split has none left to test on.
    fn objective_mistake(&self, recipe: &Recipe) -> Option<Mistake> {
        let objective = &self.config.objective;
        let place = self.sweep.place(&["objective", "stage"]);
        let name = &objective.stage;
        let Some(stage) = recipe.stage(name) else {
            // A stage that could not be read has a mistake of its own.
            let stages = self.base.child("stages").and_then(Node::as_table)?;
            let message =
                format!("sweep.objective.stage names `{name}`, and there is no such stage");
            let mistake = Mistake::new(message, place, "no stage of this name");
            let is_unknown = stages.get(name).is_none();
            return is_unknown.then(|| no_stage(name, stages.keys(), mistake));
        };
        match stage {
            StageConfig::Evaluate(stage) if stage.split == Split::Test && !objective.allow_test => {
                let message = format!("the objective is measured on the test split, by `{name}`");
                let mistake = Mistake::new(message, place, "scores the test split").help(
                    "choose by validation: add an evaluate stage with split = \"validation\", or take \
                     a metric of the finetune stage; `allow_test = true` does it all the same",
                );
                let split = self.base.at(&["stages", name, "split"]);
                Some(match split {
                    Some(split) => mistake.and(split.origin, "stated here"),
                    None => mistake,
                })
            }
            _ => None,
        }
    }
}

fn no_stage<'a>(name: &str, known: impl Iterator<Item = &'a str>, mistake: Mistake) -> Mistake {
    let known: Vec<&str> = known.collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake.help(format!("the stages are {}", known.join(", "))),
    }
}

fn set(tree: &mut Node, one: &Assignment, node: Node, mistakes: &mut Vec<Mistake>) {
    if let Err(mistake) = overrides::set(tree, &one.keys, node, "sweep") {
        mistakes.push(mistake);
    }
}

fn is_variable(one: &Assignment) -> bool {
    one.keys.first().is_some_and(|(key, _)| key == "vars")
}

/// The value of a variable whose references have been replaced, to be read once more.
fn escaped(mut node: Node) -> Node {
    match &mut node.value {
        Value::String(text, _) => *text = text.replace("${", "$${"),
        Value::Array(all) => *all = std::mem::take(all).into_iter().map(escaped).collect(),
        Value::Table(table) => {
            for entry in table.iter_mut() {
                entry.node = escaped(entry.node.clone());
            }
        }
        _ => {}
    }
    node
}
