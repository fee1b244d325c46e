//! Successive halving: what is tried on each rung.

use std::collections::BTreeMap;

use super::axes::{Axis, items};
use super::paths::replaces;
use super::point::Assignment;
use super::{Point, SweepRecipe, paths};
use crate::experiment::Experiment;
use crate::mistake::Mistake;
use crate::sweep_config::Halving;
use crate::tree::{Node, Value};
use pipeline_error::Error;

impl<E: Experiment> SweepRecipe<E> {
    /// How many rungs there are: one without halving.
    pub fn rungs(&self) -> usize {
        let halving = self.config.halving.as_ref();
        halving.map_or(1, |halving| halving.rungs.len())
    }

    /// The points as they are tried on a rung, each with the name of its setting in the space.
    pub fn on_rung(&self, rung: usize, points: &[Point]) -> Vec<(String, Point)> {
        let Some(halving) = &self.config.halving else {
            let whole = points.iter();
            return whole
                .map(|point| (point.setting.clone(), point.clone()))
                .collect();
        };
        let amount = halving.rungs[rung.min(halving.rungs.len() - 1)];
        if let Some(one) = self.amount(halving, amount) {
            let with = |point: &Point| (point.setting.clone(), point.with(one.clone()));
            return points.iter().map(with).collect();
        }
        let mut taken: BTreeMap<&str, u64> = BTreeMap::new();
        let first = points.iter().filter(|point| {
            let taken = taken.entry(&point.setting).or_default();
            *taken += 1;
            *taken <= amount
        });
        first
            .map(|point| (point.setting.clone(), point.clone()))
            .collect()
    }

    /// Reads the variants of every rung but the first as if all points came there, so that no
    /// mistake is found only when some do.
    pub fn check_later_rungs(&self, points: &[Point]) -> Result<(), Error> {
        for rung in 1..self.rungs() {
            let points = self.on_rung(rung, points).into_iter();
            self.variants(points.map(|(_, point)| point).collect())?;
        }
        Ok(())
    }

    /// The path that grows, set to an amount; none where it is the number of seeds.
    fn amount(&self, halving: &Halving, amount: u64) -> Option<Assignment> {
        let path = halving.path.as_ref()?;
        let written = self.sweep.at(&["halving", "path"])?;
        let keys = paths::keys(path, written.origin, &self.sources).ok()?;
        let rungs = self.sweep.at(&["halving", "rungs"]).map(items)?;
        let same = |node: &&Node| node.to_json().as_u64() == Some(amount);
        let origin = rungs
            .iter()
            .find(same)
            .map_or(written.origin, |node| node.origin);
        Some(Assignment {
            path: path.clone(),
            keys,
            node: Node::new(Value::Integer(amount.into()), origin),
            is_seed: false,
        })
    }

    pub(super) fn rung_mistakes(&self, axes: &[Axis], mistakes: &mut Vec<Mistake>) {
        let Some(halving) = &self.config.halving else {
            return;
        };
        let place = |key: &str| self.sweep.place(&["halving", key]);
        if halving.rungs.windows(2).any(|pair| pair[0] >= pair[1]) || halving.rungs[0] == 0 {
            let message = "the rungs of `halving` do not rise";
            let mistake = Mistake::new(
                message,
                place("rungs"),
                "not each greater than the one before",
            );
            mistakes.push(mistake);
        }
        if halving.keep >= 1.0 {
            let message = format!(
                "`sweep.halving.keep` must be less than 1, not {}",
                halving.keep
            );
            mistakes.push(Mistake::new(message, place("keep"), "leaves nothing out"));
        }
        let Some(path) = &halving.path else {
            let seeds = self.config.seeds.values().map(Vec::len).min().unwrap_or(0);
            if halving
                .rungs
                .last()
                .is_some_and(|last| *last > seeds as u64)
            {
                let message = format!(
                    "the last rung of `halving` needs more seeds than the {seeds} there are"
                );
                let mistake = Mistake::new(message, place("rungs"), "more than there are");
                let help =
                    "without a `path`, rungs are numbers of seeds: state them under [sweep.seeds]";
                mistakes.push(mistake.help(help));
            }
            return;
        };
        match paths::keys(path, place("path"), &self.sources) {
            Err(mistake) => mistakes.push(mistake),
            Ok(keys) => {
                let mut varied = axes.iter().flat_map(|axis| axis.places.iter().flatten());
                if let Some(one) = varied.find(|one| paths::overlap(&one.keys, &keys)) {
                    let message = format!("`{path}` grows from rung to rung, and is varied, too");
                    let mistake = Mistake::new(message, place("path"), "grows");
                    let there = one.keys.last().map(|(_, place)| *place);
                    mistakes.push(match there {
                        Some(there) => mistake.and(there, "varied"),
                        None => mistake,
                    });
                }
                let replaced = self.set.iter().filter(|(_, set)| replaces(&keys, set));
                mistakes.extend(replaced.map(|(set, _)| {
                    let message =
                        format!("`--set {set}=…` changes nothing: the rungs of `halving` do");
                    let help = "leave the --set out, or let something else grow";
                    Mistake::new(message, place("path"), "grows from rung to rung").help(help)
                }));
            }
        }
    }
}
