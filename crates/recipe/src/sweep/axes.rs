//! The axes of the space, read from the table.

use std::collections::BTreeSet;

use super::draws::draws;
use super::paths;
use super::point::Assignment;
use crate::mistake::Mistake;
use crate::source::{Origin, Sources};
use crate::sweep_config::SweepConfig;
use crate::tree::{Entry, Node, Value};

/// What varies by itself: at each place the paths that move together, and their values.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) places: Vec<Vec<Assignment>>,
    /// Where it is written.
    origin: Origin,
}

/// Ends of paths whose values repeat a setting.
const REPEATS: [&str; 3] = [".seed", ".folds.fold", ".folds.repeat"];

/// Reads the axes, those of seeds last.
pub(super) struct Axes<'a> {
    pub(super) sweep: &'a Node,
    pub(super) config: &'a SweepConfig,
    pub(super) sources: &'a Sources,
    pub(super) mistakes: &'a mut Vec<Mistake>,
}

impl Axes<'_> {
    pub(super) fn read(&mut self) -> Vec<Axis> {
        let mut axes = Vec::new();
        for entry in entries(self.sweep.child("grid")) {
            axes.extend(self.together(&[entry], false));
        }
        axes.extend(self.together(&entries(self.sweep.child("zip")), false));
        axes.extend(self.list());
        axes.extend(self.random());
        let seeds = entries(self.sweep.child("seeds"));
        for entry in &seeds {
            if entry.key != "seed" && !REPEATS.iter().any(|end| entry.key.ends_with(end)) {
                let message = format!("`{}` is no seed", entry.key);
                let mistake = Mistake::new(message, entry.key_origin, "does not end in `seed`");
                let help = "a stage's seed is \"stages.NAME.seed\", the recipe's is \"seed\"; \"stages.NAME.split.folds.fold\" and \
                            \"stages.NAME.split.folds.repeat\" repeat a setting, too";
                self.mistakes.push(mistake.help(help));
            }
        }
        axes.extend(self.together(&seeds, true));
        for axis in &axes {
            self.no_value_twice(axis);
        }
        self.no_path_twice(&axes);
        axes
    }

    /// Arrays of values that move together.
    fn together(&mut self, entries: &[&Entry], is_seed: bool) -> Option<Axis> {
        let first = entries.first()?;
        let length = |entry: &Entry| items(&entry.node).len();
        let mut places: Vec<Vec<Assignment>> = vec![Vec::new(); length(first)];
        for entry in entries {
            if length(entry) == 0 {
                let message = format!("`{}` has no values", entry.key);
                let mistake = Mistake::new(message, entry.node.origin, "empty");
                self.mistakes.push(mistake);
            } else if length(entry) != length(first) {
                let (one, other) = (length(entry), length(first));
                let message = format!(
                    "`{}` has {one} values, `{}` has {other}",
                    entry.key, first.key
                );
                let mistake = Mistake::new(message, entry.node.origin, format!("{one} values"));
                let mistake = mistake.and(first.node.origin, format!("{other} values"));
                let help = "these paths move together; paths of `grid` move on their own";
                self.mistakes.push(mistake.help(help));
            }
            for (place, value) in places.iter_mut().zip(items(&entry.node)) {
                place.extend(self.assignment(entry, value.clone(), is_seed));
            }
        }
        let origin = first.key_origin;
        Some(Axis { places, origin })
    }

    fn list(&mut self) -> Option<Axis> {
        let node = self.sweep.child("list")?;
        let settings = items(node).iter().map(|setting| {
            let all = entries(Some(setting)).into_iter();
            all.filter_map(|entry| self.assignment(entry, entry.node.clone(), false))
                .collect()
        });
        let places: Vec<_> = settings.collect();
        let origin = node.origin;
        (!places.is_empty()).then_some(Axis { places, origin })
    }

    pub(super) fn random(&mut self) -> Option<Axis> {
        let random = self.config.random.as_ref()?;
        let node = self.sweep.at(&["random", "draw"])?;
        let mut places = vec![Vec::new(); usize::try_from(random.count).unwrap_or(0)];
        for entry in entries(Some(node)) {
            let (Some(distribution), Some(one)) = (
                random.draw.get(&entry.key),
                self.assignment(entry, entry.node.clone(), false),
            ) else {
                continue;
            };
            if let Some(problem) = distribution.problem() {
                let message = format!("`{}` {problem}", entry.key);
                let mistake = Mistake::new(message, entry.node.origin, "this range");
                self.mistakes.push(mistake);
                continue;
            }
            let drawn = draws(random, &one.path, &one.keys, distribution, &entry.node);
            for (place, one) in places.iter_mut().zip(drawn) {
                place.push(one);
            }
        }
        // A draw may come twice, and is one variant then.
        let mut seen = BTreeSet::new();
        places.retain(|place| seen.insert(text(place)));
        let origin = node.origin;
        Some(Axis { places, origin })
    }

    fn assignment(&mut self, entry: &Entry, node: Node, is_seed: bool) -> Option<Assignment> {
        match paths::keys(&entry.key, entry.key_origin, self.sources) {
            Ok(keys) => Some(Assignment {
                path: entry.key.clone(),
                keys,
                node,
                is_seed,
            }),
            Err(mistake) => {
                self.mistakes.push(mistake);
                None
            }
        }
    }

    fn no_value_twice(&mut self, axis: &Axis) {
        let mut seen = BTreeSet::new();
        // A path that cannot be varied has left no value, and is told of already.
        for place in axis.places.iter().filter(|place| !place.is_empty()) {
            if !seen.insert(text(place)) {
                let origin = place.first().map_or(axis.origin, |one| one.node.origin);
                let message = format!("{} comes twice", shown(place));
                self.mistakes
                    .push(Mistake::new(message, origin, "once more"));
            }
        }
    }

    /// Two axes that set the same would make variants that are not what they are called.
    fn no_path_twice(&mut self, axes: &[Axis]) {
        let mut all: Vec<(usize, &Assignment)> = Vec::new();
        for (index, axis) in axes.iter().enumerate() {
            let mut seen = BTreeSet::new();
            let assignments = axis.places.iter().flatten();
            all.extend(
                assignments
                    .filter(|one| seen.insert(one.path.as_str()))
                    .map(|one| (index, one)),
            );
        }
        for (later, (axis, one)) in all.iter().enumerate() {
            let before = all[..later].iter();
            let mut clashing = before.filter(|(other_axis, other)| {
                let is_alternative = axis == other_axis && !axes[*axis].has_both(one, other);
                paths::overlap(&one.keys, &other.keys) && !is_alternative
            });
            if let Some((_, other)) = clashing.next() {
                let places = [one, other].map(|one| one.keys.last().map(|(_, place)| *place));
                let [Some(here), Some(there)] = places else {
                    continue;
                };
                let message = match one.path == other.path {
                    true => format!("`{}` is varied twice", one.path),
                    false => format!("`{}` and `{}` set the same", other.path, one.path),
                };
                let mistake = Mistake::new(message, here, "once more").and(there, "and here");
                self.mistakes.push(mistake);
            }
        }
    }
}

impl Axis {
    /// Whether both are set at one place; in `list` they may be alternatives.
    fn has_both(&self, one: &Assignment, other: &Assignment) -> bool {
        let has = |place: &Vec<Assignment>, path: &str| place.iter().any(|one| one.path == path);
        let mut places = self.places.iter();
        places.any(|place| has(place, &one.path) && has(place, &other.path))
    }
}

fn text(place: &[Assignment]) -> String {
    let pairs = place
        .iter()
        .map(|one| (&one.path, one.node.to_json().to_string()));
    format!("{:?}", pairs.collect::<BTreeSet<_>>())
}

fn shown(place: &[Assignment]) -> String {
    let pairs = place
        .iter()
        .map(|one| format!("`{} = {}`", one.path, one.node.to_json()));
    pairs.collect::<Vec<_>>().join(", ")
}

/// A table's entries; none of what is no table.
pub(super) fn entries(node: Option<&Node>) -> Vec<&Entry> {
    let table = node.and_then(Node::as_table);
    table
        .map(|table| table.iter().collect())
        .unwrap_or_default()
}

/// An array's items; none of what is no array.
pub(super) fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::Array(items) => items,
        _ => &[],
    }
}
