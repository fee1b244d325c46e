//! All points of the space.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::axes::{Axes, Axis, entries, items};
use super::point::{Assignment, Point};
use super::{SweepRecipe, paths};
use crate::experiment::Experiment;
use crate::load::refused;
use crate::mistake::Mistake;
use crate::suggest::nearest;
use crate::tree::Node;
use pipeline_error::Error;

/// More variants than this are a slip of the pen.
const MOST_POINTS: usize = 10_000;

impl<E: Experiment> SweepRecipe<E> {
    /// The points of the space: the last axis moves fastest, and seeds are the last. The error is
    /// an [`Error::Recipe`] with all mistakes.
    pub fn points(&self) -> Result<Vec<Point>, Error> {
        let mut mistakes = Vec::new();
        let points = self.points_or(&mut mistakes);
        match mistakes.is_empty() {
            true => Ok(points),
            false => Err(refused(&self.path, mistakes, &self.sources)),
        }
    }

    /// Draws of `[sweep.random]` that come to the setting of an earlier one, and give no variant of their own.
    pub fn repeated_draws(&self) -> u64 {
        let mut axes = Axes {
            sweep: &self.sweep,
            config: &self.config,
            sources: &self.sources,
            mistakes: &mut Vec::new(),
        };
        let different = axes.random().map(|axis| axis.places.len() as u64);
        let drawn = self.config.random.as_ref().map(|random| random.count);
        drawn
            .zip(different)
            .map_or(0, |(drawn, different)| drawn - different)
    }

    pub(super) fn points_or(&self, mistakes: &mut Vec<Mistake>) -> Vec<Point> {
        let mut axes = Axes {
            sweep: &self.sweep,
            config: &self.config,
            sources: &self.sources,
            mistakes,
        };
        let axes = axes.read();
        mistakes.extend(self.set_in_vain(&axes));
        if axes.is_empty() {
            let mistake = Mistake::new("the sweep varies nothing", self.sweep.origin, "no axis");
            let help = "state `grid`, `zip`, `list`, `random` or `seeds`";
            mistakes.push(mistake.help(help));
        }
        let sizes = axes.iter().map(|axis| axis.places.len());
        let count = sizes.fold(1usize, usize::saturating_mul);
        if count > MOST_POINTS {
            let message = format!("the sweep has more than {MOST_POINTS} combinations");
            let mistake = Mistake::new(message, self.sweep.origin, "too many");
            mistakes.push(mistake.help("`random` draws some of a large space"));
        }
        self.rung_mistakes(&axes, mistakes);
        if !mistakes.is_empty() {
            return Vec::new();
        }
        let rows = self.without_excluded(product(&axes), mistakes);
        told_apart(rows.into_iter().map(Point::new).collect())
    }

    /// Values that `--set` gives, and every variant replaces.
    fn set_in_vain(&self, axes: &[Axis]) -> Vec<Mistake> {
        let in_vain = self.set.iter().filter_map(|(path, keys)| {
            let replaces = |one: &&Assignment| paths::replaces(&one.keys, keys);
            // Some settings of a list may leave it as it is.
            let everywhere = |axis: &&Axis| {
                axis.places
                    .iter()
                    .all(|place| place.iter().any(|one| replaces(&one)))
            };
            let axis = axes
                .iter()
                .filter(|axis| !axis.places.is_empty())
                .find(everywhere)?;
            let one = axis.places.first()?.iter().find(replaces)?;
            let (_, place) = one.keys.last()?;
            let message = format!("`--set {path}=…` changes nothing: the sweep varies it");
            let help = "leave the --set out, or vary something else";
            Some(Mistake::new(message, *place, "varied here").help(help))
        });
        in_vain.collect()
    }

    fn without_excluded(
        &self,
        mut rows: Vec<Vec<Assignment>>,
        mistakes: &mut Vec<Mistake>,
    ) -> Vec<Vec<Assignment>> {
        for rule in self.sweep.child("exclude").map(items).unwrap_or_default() {
            let conditions = entries(Some(rule));
            let paths: Vec<&str> = rows.iter().flatten().map(|one| one.path.as_str()).collect();
            let unknown = conditions
                .iter()
                .find(|one| !paths.contains(&one.key.as_str()));
            if let Some(unknown) = unknown {
                let message = format!("`{}` is excluded, but not varied", unknown.key);
                let mistake = Mistake::new(message, unknown.key_origin, "no path of an axis");
                mistakes.push(match nearest(&unknown.key, paths.iter().copied()) {
                    Some(near) => mistake.help(format!("did you mean \"{near}\"?")),
                    None => mistake,
                });
                continue;
            }
            let is_met = |row: &Vec<Assignment>| {
                let meets = |path: &str, value: &Node| {
                    let own = row.iter().find(|one| one.path == path);
                    own.is_some_and(|one| is_same(&one.node, value))
                };
                !conditions.is_empty() && conditions.iter().all(|one| meets(&one.key, &one.node))
            };
            let before = rows.len();
            rows.retain(|row| !is_met(row));
            if rows.len() == before {
                let mistake = Mistake::new(
                    "this excludes nothing",
                    rule.origin,
                    "no variant has all of these values",
                );
                mistakes
                    .push(mistake.help("a rule excludes the variants that have all of its values"));
            }
        }
        if rows.is_empty() && mistakes.is_empty() {
            let origin = self.sweep.place(&["exclude"]);
            mistakes.push(Mistake::new(
                "every variant is excluded",
                origin,
                "all of them",
            ));
        }
        rows
    }
}

/// Every combination of a place of each axis; the last axis moves fastest.
fn product(axes: &[Axis]) -> Vec<Vec<Assignment>> {
    let mut rows = vec![Vec::new()];
    for axis in axes {
        let longer = rows.iter().flat_map(|row: &Vec<Assignment>| {
            let places = axis.places.iter();
            places.map(move |place| [row.as_slice(), place.as_slice()].concat())
        });
        rows = longer.collect();
    }
    rows
}

/// Numbers are the same whatever they are written like.
fn is_same(one: &Node, other: &Node) -> bool {
    let (one, other) = (one.to_json(), other.to_json());
    one == other || (one.as_f64().is_some() && one.as_f64() == other.as_f64())
}

/// Settings of a list may have paths whose last keys are the same: their names are made longer.
fn told_apart(mut points: Vec<Point>) -> Vec<Point> {
    let names = points
        .iter()
        .map(|point| (point.name.clone(), point.overrides()));
    let names = lengthened(&names.collect::<Vec<_>>());
    let settings = points
        .iter()
        .map(|point| (point.setting.clone(), point.settings()));
    let settings = lengthened(&settings.collect::<Vec<_>>());
    for ((point, name), setting) in points.iter_mut().zip(names).zip(settings) {
        (point.name, point.setting) = (name, setting);
    }
    points
}

/// Names, with a digest of what they stand for where one stands for several.
fn lengthened(named: &[(String, Vec<(&str, Value)>)]) -> Vec<String> {
    let mut meanings: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, meaning) in named {
        let known = meanings.entry(name).or_default();
        known.insert(format!("{meaning:?}"));
    }
    let lengthened = named.iter().map(|(name, meaning)| {
        if meanings[name.as_str()].len() == 1 {
            return name.clone();
        }
        let digest = blake3::hash(format!("{meaning:?}").as_bytes()).to_hex();
        format!("{name}~{}", &digest[..8])
    });
    lengthened.collect()
}
