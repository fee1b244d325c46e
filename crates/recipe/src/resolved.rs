//! A recipe as it will run: every value, and where it comes from.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::experiment::Experiment;
use super::recipe::Recipe;
use super::settled::Settled;
use super::source::{Origin, Sources};
use super::tree::Node;
use pipeline_error::plain;
use pipeline_files::FilePattern;

/// Every value of a recipe, defaults included.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The values, top level first, then `model`, then the stages in the recipe's order.
    pub values: Vec<ResolvedValue>,
    /// Dotted places of the paths to files and folders.
    paths: BTreeSet<String>,
}

/// One value and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResolvedValue {
    /// The table it stands in: empty at the top, else `model`, `stages.events`, ….
    pub table: String,
    /// Its key there, dotted.
    pub key: String,
    /// The value: a string, a number, a boolean, or an array.
    pub value: Json,
    /// Where it comes from.
    pub origin: String,
}

impl Resolved {
    /// The values of a recipe that was read from `tree`.
    pub(super) fn new<E: Experiment>(
        recipe: &Recipe<E>,
        settled: &Settled,
        sources: &Sources,
    ) -> Self {
        let mut collector = Collector {
            tree: &settled.tree,
            sources,
            line_starts: sources
                .iter()
                .map(|source| line_starts(&source.text))
                .collect(),
            values: Vec::new(),
        };
        let top = [
            ("format", Json::from(1)),
            ("name", recipe.name.clone().into()),
            ("seed", recipe.seed.into()),
        ];
        for (key, value) in top {
            collector.value(&[], &[key], value);
        }
        if let Some(description) = &recipe.description {
            collector.value(&[], &["description"], description.clone().into());
        }
        if !recipe.authors.is_empty() {
            collector.value(&[], &["authors"], recipe.authors.clone().into());
        }
        for (place, table) in recipe.experiment.tables() {
            let place: Vec<&str> = place.iter().map(String::as_str).collect();
            if let Json::Object(fields) = table {
                collector.fields(&place, &[], fields);
            }
        }
        Self {
            values: collector.values,
            paths: settled.paths.clone(),
        }
    }

    /// The same with paths such as a recipe in `folder` states them.
    pub fn stated_in(mut self, folder: &Path) -> std::io::Result<Self> {
        let folder = folder.canonicalize()?;
        for value in &mut self.values {
            let place = match value.table.is_empty() {
                true => value.key.clone(),
                false => format!("{}.{}", value.table, value.key),
            };
            restate(&mut value.value, &place, &self.paths, &folder)?;
        }
        Ok(self)
    }
}

/// Rewrites what is a path from here; absolute ones stay.
fn restate(
    value: &mut Json,
    place: &str,
    paths: &BTreeSet<String>,
    folder: &Path,
) -> std::io::Result<()> {
    match value {
        Json::String(text) if paths.contains(place) && Path::new(text).is_relative() => {
            let pattern = FilePattern::of(Path::new(text)).map_err(std::io::Error::other)?;
            let target = match pattern {
                Some(pattern) => pattern.canonical()?,
                None => Path::new(text).canonicalize()?,
            };
            *text = relative(&target, folder).to_string_lossy().into_owned();
        }
        Json::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                restate(item, &format!("{place}.{index}"), paths, folder)?;
            }
        }
        Json::Object(fields) => {
            for (key, item) in fields {
                restate(item, &format!("{place}.{key}"), paths, folder)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// The way from a folder to a target, both from the root.
fn relative(target: &Path, folder: &Path) -> PathBuf {
    let shared = target.components().zip(folder.components());
    let shared = shared.take_while(|(one, other)| one == other).count();
    let up = folder
        .components()
        .skip(shared)
        .map(|_| Component::ParentDir);
    up.chain(target.components().skip(shared)).collect()
}

/// The recipe as TOML that runs as it stands; each value's origin is a comment.
impl fmt::Display for Resolved {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let statement = |value: &ResolvedValue| format!("{} = {}", value.key, toml(&value.value));
        let widths = self
            .values
            .iter()
            .map(|value| statement(value).chars().count());
        let width = widths.filter(|width| *width <= 60).max().unwrap_or(0);
        let mut table = "";
        for value in &self.values {
            if value.table != table {
                table = &value.table;
                writeln!(formatter, "\n[{table}]")?;
            }
            writeln!(
                formatter,
                "{:<width$}  # {}",
                statement(value),
                one_line(&value.origin)
            )?;
        }
        Ok(())
    }
}

/// An argument of `--set` may have several lines, which a comment cannot have.
fn one_line(text: &str) -> String {
    plain::line(text).into_owned()
}

/// A value as TOML. JSON strings and numbers are TOML but for `${`, which would be a reference, and
/// for U+007F, which JSON does not escape. What turns the direction of a text stays escaped, too.
pub(super) fn toml(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{key} = {}", toml(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Json::String(_) => plain::json(&value.to_string()).replace("${", "$${"),
        scalar => scalar.to_string(),
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(after_breaks).collect()
}

struct Collector<'a> {
    tree: &'a Node,
    sources: &'a Sources,
    /// First byte of every line, by source.
    line_starts: Vec<Vec<usize>>,
    values: Vec<ResolvedValue>,
}

impl Collector<'_> {
    /// A table's own tags first, as people write them.
    fn fields(&mut self, table: &[&str], path: &[&str], mut fields: Map<String, Json>) {
        let tags = ["kind", "format"].into_iter();
        let tagged: Vec<_> = tags
            .filter_map(|tag| Some((tag.to_string(), fields.remove(tag)?)))
            .collect();
        for (key, value) in tagged.into_iter().chain(fields) {
            let mut path = path.to_vec();
            path.push(&key);
            match value {
                Json::Null => {}
                Json::Object(fields) => self.fields(table, &path, fields),
                value => self.value(table, &path, value),
            }
        }
    }

    fn value(&mut self, table: &[&str], path: &[&str], value: Json) {
        let whole: Vec<&str> = table.iter().chain(path).copied().collect();
        let origin = match self.tree.at(&whole) {
            None => "default".to_string(),
            Some(node) => match node.taken_from {
                Some(variable) => {
                    format!("{}, from {}", self.place(node.origin), self.place(variable))
                }
                None => self.place(node.origin),
            },
        };
        self.values.push(ResolvedValue {
            table: table.join("."),
            key: path.join("."),
            value,
            origin,
        });
    }

    fn place(&self, origin: Origin) -> String {
        let source = self.sources.get(origin.source);
        if self.sources.is_override(origin.source) {
            return format!("--set {}", source.text);
        }
        let line = self.line_starts[origin.source].partition_point(|start| *start <= origin.start);
        format!("{}:{line}", source.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_up_to_what_is_shared_and_down_again() {
        let way = |target: &str, folder: &str| {
            let way = relative(Path::new(target), Path::new(folder));
            way.display().to_string()
        };
        assert_eq!(way("/a/b/c.csv", "/a/b"), "c.csv");
        assert_eq!(way("/a/b/c.csv", "/a/x/y"), "../../b/c.csv");
        assert_eq!(way("/a", "/a/b"), "..");
    }
}
