//! The recipe at a point of the space.

use super::point::Assignment;
use super::{Point, SweepRecipe, environment};
use crate::experiment::Compared;
use crate::experiment::Experiment;
use crate::interpolate::interpolate;
use crate::load::{refused, typed_tree};
use crate::mistake::Mistake;
use crate::overrides;
use crate::recipe::Recipe;
use crate::resolved::Resolved;
use crate::set_variable::unknown_variable;
use crate::settled::Settled;
use crate::suggest::no_stage;
use crate::tree::{Node, Value};
use pipeline_error::{Code, Error};

/// A point and its recipe.
#[derive(Clone, Debug)]
pub struct SweepVariant<E> {
    /// The point.
    pub point: Point,
    /// The recipe there.
    pub recipe: Recipe<E>,
}

impl<E: Experiment> SweepRecipe<E> {
    /// The recipes at some points. The error is an [`Error::Recipe`] with the mistakes of all,
    /// each told once.
    pub fn variants(&self, points: Vec<Point>) -> Result<Vec<SweepVariant<E>>, Error> {
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
    ) -> Option<(Recipe<E>, Settled)> {
        let (of_variables, others): (Vec<_>, Vec<_>) =
            (point.assignments.iter()).partition(|one| is_variable(one));
        let mut tree = match of_variables.is_empty() {
            true => self.base.clone(),
            false => {
                let mut tree = self.raw.clone();
                for one in of_variables {
                    let stated = self.raw.child("vars");
                    mistakes.extend(unknown_variable(&one.keys, stated, &self.raw));
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
        let settled = typed_tree::<E>(&self.path, tree, mistakes)?;
        let compared = Compared {
            objective: &self.config.objective,
            sweep: &self.sweep,
            base: &self.base,
        };
        mistakes.extend(settled.0.objective_mistake(&compared));
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
            )
            .code(Code::UnknownStage),
        ))
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
