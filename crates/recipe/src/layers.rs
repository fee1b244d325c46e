//! A recipe file and the ones it extends, merged into one tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::interpolate;
use super::mistake::Mistake;
use super::parse;
use super::recipe_file::{RecipeFile, near_shipped};
use super::set_variable::misspelt_variables;
use super::shape::{Shape, Variants};
use super::source::{Origin, Sources};
use super::tree::{Entry, Node, Table, Value};

/// Reads files and what they extend.
pub struct Layers<'a> {
    /// Where texts go.
    pub sources: &'a mut Sources,
    /// Where mistakes go.
    pub mistakes: &'a mut Vec<Mistake>,
    /// What the recipe may look like, asked for when files are merged.
    pub shape: fn() -> Shape<'a>,
    /// The environment.
    pub env: interpolate::Environment<'a>,
    /// Files being read: real path, and the path as it was written.
    open: Vec<(PathBuf, String)>,
    /// Files already merged with what they extend, by real path; `None`: with mistakes.
    done: BTreeMap<PathBuf, Option<Node>>,
}

impl<'a> Layers<'a> {
    /// Nothing read yet.
    pub fn new(
        sources: &'a mut Sources,
        mistakes: &'a mut Vec<Mistake>,
        shape: fn() -> Shape<'a>,
        env: interpolate::Environment<'a>,
    ) -> Self {
        Self {
            sources,
            mistakes,
            shape,
            env,
            open: Vec::new(),
            done: BTreeMap::new(),
        }
    }

    /// The tree of a file over those it extends. `Err`: the file cannot be read, and why.
    /// `Ok(None)`: there are mistakes in it or in one that it extends.
    pub fn read(&mut self, path: &Path) -> Result<Option<Node>, String> {
        let file = RecipeFile::find(path).map_err(|error| error.to_string())?;
        self.read_file(&file)
    }

    fn read_file(&mut self, file: &RecipeFile) -> Result<Option<Node>, String> {
        let real = file.identity();
        if let Some(tree) = self.done.get(&real) {
            return Ok(tree.clone());
        }
        let path = file.path();
        let bytes = file.read().map_err(|error| error.to_string())?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            format!("byte {at} is no UTF-8")
        })?;
        let source = self.sources.add_file(path, &text);
        if let RecipeFile::OnDisk(..) = file {
            self.sources.note_file(&real);
        }
        self.open.push((real.clone(), path.display().to_string()));
        let tree = self.merged(source, file);
        self.open.pop();
        // Nothing can extend the recipe that all this is done for.
        if !self.open.is_empty() {
            self.done.insert(real, tree.clone());
        }
        Ok(tree)
    }

    fn merged(&mut self, source: usize, file: &RecipeFile) -> Option<Node> {
        let own = parse::document(source, self.sources, self.mistakes)?;
        let mut tree: Option<Node> = None;
        let mut sound = true;
        for (base, origin) in self.bases(&own)? {
            match self.base(file, &base, origin) {
                Some(mut read) => {
                    if let Value::Table(table) = &mut read.value {
                        // It is about the recipe that states it, not about one that extends that recipe.
                        table.remove("description");
                    }
                    tree = Some(match tree {
                        Some(below) => merge(below, read, Some((self.shape)())),
                        None => read,
                    });
                }
                None => sound = false,
            }
        }
        if !sound {
            return None;
        }
        let Some(below) = tree else {
            return Some(own);
        };
        let [below_vars, own_vars] = [&below, &own].map(|tree| tree.child("vars").cloned());
        let tree = merge(below, own, Some((self.shape)()));
        if let (Some(own), [_]) = (own_vars, self.open.as_slice()) {
            let misspelt = misspelt_variables(&own, below_vars.as_ref(), &tree);
            self.mistakes.extend(misspelt);
        }
        Some(tree)
    }

    /// The files that `extends` names, each with its place.
    fn bases(&mut self, own: &Node) -> Option<Vec<(String, Origin)>> {
        let Some(node) = own.child("extends") else {
            return Some(Vec::new());
        };
        let expected = "an array of strings";
        let Value::Array(items) = &node.value else {
            self.mistakes.push(Mistake::new(
                format!("`extends` must be {expected}, not {}", node.type_name()),
                node.origin,
                node.type_name(),
            ));
            return None;
        };
        let mut bases = Vec::new();
        let mut sound = true;
        for item in items {
            let Some(text) = item.as_str() else {
                self.mistakes.push(Mistake::new(
                    format!("`extends` must be {expected}, not {}", item.type_name()),
                    item.origin,
                    item.type_name(),
                ));
                sound = false;
                continue;
            };
            match interpolate::without_vars(text, item, self.sources, self.env, self.mistakes) {
                Some(text) => bases.push((text, item.origin)),
                None => sound = false,
            }
        }
        sound.then_some(bases)
    }

    fn base(&mut self, from: &RecipeFile, base: &str, origin: Origin) -> Option<Node> {
        let file = from.base(base);
        if let Ok(file) = &file
            && let Some(start) = (self.open.iter()).position(|(open, _)| *open == file.identity())
        {
            let ring: Vec<&str> = self.open[start..]
                .iter()
                .chain([&self.open[start]])
                .map(|(_, name)| name.as_str())
                .collect();
            self.mistakes.push(
                Mistake::new(
                    format!("recipes extend each other: {}", ring.join(" → ")),
                    origin,
                    "leads back to where it came from",
                )
                .help("put what they share into a recipe that extends none of them"),
            );
            return None;
        }
        let file = file.map_err(|error| error.to_string());
        match file.and_then(|file| self.read_file(&file)) {
            Ok(tree) => tree,
            Err(reason) => {
                let path = from.path().with_file_name("").join(base);
                let relative = "paths in `extends` are relative to the file that states them";
                let near = near_shipped(Path::new(base)).filter(|_| !path.exists());
                self.mistakes.push(
                    Mistake::new(
                        format!("{} cannot be read: {reason}", path.display()),
                        origin,
                        "extended here",
                    )
                    .help(near.unwrap_or_else(|| relative.into())),
                );
                None
            }
        }
    }
}

/// `over` laid on `below`: tables deep, everything else replaced. Where both are of different
/// variants of an enum (`kind`, `format` or the single key differs), the keys of the one mean
/// nothing to the other, and the table is replaced too.
pub fn merge(below: Node, over: Node, shape: Option<Shape>) -> Node {
    let (Value::Table(mut merged), true) = (below.value, matches!(over.value, Value::Table(_)))
    else {
        return over;
    };
    let Node {
        value: Value::Table(over_table),
        origin,
        taken_from,
        is_of_environment,
    } = over
    else {
        return over;
    };
    if shape.is_some_and(|shape| are_of_two_kinds(shape, &merged, &over_table)) {
        merged = Table::default();
    }
    let variants = shape.and_then(Shape::variants);
    let inner = match &variants {
        Some(variants) => match merged_variant(variants, &merged, &over_table) {
            Merged::Same(inner) => inner,
            Merged::Replaced => {
                merged = Table::default();
                None
            }
        },
        None => shape,
    };
    for entry in over_table.iter() {
        let inner = inner.and_then(|inner| inner.property(&entry.key));
        let node = match merged.get(&entry.key) {
            Some(below) => merge(below.node.clone(), entry.node.clone(), inner),
            None => entry.node.clone(),
        };
        merged.set(Entry {
            node,
            ..entry.clone()
        });
    }
    Node {
        value: Value::Table(merged),
        origin,
        taken_from,
        is_of_environment,
    }
}

/// Whether a table that is no enum has a `kind` that is one, and the upper states another: an optimizer. A kind that is not
/// stated is the default.
fn are_of_two_kinds(shape: Shape, below: &Table, over: &Table) -> bool {
    let kind = |table: &Table| Some(table.get("kind")?.node.as_str()?.to_string());
    let default = || Some(shape.default_of("kind")?.as_str()?.to_string());
    let is_chosen = shape.property("kind").and_then(Shape::variants).is_some();
    is_chosen && kind(over).is_some_and(|over| kind(below).or_else(default) != Some(over))
}

enum Merged<'s> {
    Same(Option<Shape<'s>>),
    Replaced,
}

fn merged_variant<'s>(variants: &Variants<'s>, below: &Table, over: &Table) -> Merged<'s> {
    match variants {
        Variants::Names(_) => Merged::Same(None),
        Variants::Tagged(tag, members) => {
            let name = |table: &Table| table.get(tag)?.node.as_str().map(str::to_string);
            let (old, new) = (name(below), name(over));
            if new.is_some() && old.is_some() && new != old {
                return Merged::Replaced;
            }
            let chosen = new.or(old);
            let member = members
                .iter()
                .find(|(member, _)| Some(*member) == chosen.as_deref());
            Merged::Same(member.map(|(_, shape)| *shape))
        }
        Variants::Keyed(members, _) => {
            let stated = |table: &Table| {
                let mut keys = members.iter().filter(|(key, _)| table.get(key).is_some());
                keys.next().filter(|_| keys.next().is_none()).copied()
            };
            match (stated(below), stated(over)) {
                (Some((old, _)), Some((new, _))) if old != new => Merged::Replaced,
                (_, Some((_, shape))) => Merged::Same(Some(shape)),
                _ => Merged::Same(None),
            }
        }
    }
}
