//! `--set PATH=VALUE`: the last layer of a recipe.

use std::convert::Infallible;
use std::str::FromStr;

use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;
use super::parse;
use super::set_variable::unknown_variable;
use super::source::{Origin, Sources};
use super::tree::{Entry, Node, Table, Value};

/// One `PATH=VALUE`: a dotted path and a TOML value. A bare word that is no TOML value is a
/// string. What is wrong with it is told when the recipe is loaded, together with everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override(String);

impl Override {
    /// The override that is written so.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its path as it is written, and the path's keys; none where it is no path.
    pub(super) fn path(&self) -> Option<(String, Vec<String>)> {
        let written = self.0[..equals_sign(&self.0)?].trim();
        let keys = path(0, written)?.into_iter().map(|(key, _)| key);
        Some((written.to_string(), keys.collect()))
    }

    /// The override as it is written.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl FromStr for Override {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

/// Sets the values in the tree, in order; a table that is set replaces what was there. A variable that is not there is
/// a mistake, as is `extends`, which is read before.
pub fn apply(
    tree: &mut Node,
    overrides: &[Override],
    sources: &mut Sources,
    mistakes: &mut Vec<Mistake>,
) {
    let stated = match overrides.is_empty() {
        true => return,
        false => tree.child("vars").cloned(),
    };
    let mut paths = Vec::new();
    for Override(text) in overrides {
        let source = sources.add_override(text);
        match read(source, text, sources, mistakes) {
            Ok((path, node)) => {
                if let Err(mistake) = set(tree, &path, node, "--set") {
                    mistakes.push(mistake);
                }
                paths.push(path);
            }
            Err(mistake) => mistakes.push(mistake),
        }
    }
    for path in &paths {
        mistakes.extend(set_too_late(path));
        mistakes.extend(unknown_variable(path, stated.as_ref(), tree));
    }
}

/// What `--set` comes too late for.
fn set_too_late(path: &[Key]) -> Option<Mistake> {
    let (key, origin) = path.first()?;
    let mistake = Mistake::new("`--set` of `extends`", *origin, "read before `--set`");
    (key == "extends").then(|| mistake.help("state it in a recipe of its own"))
}

/// One key of a dotted path, and where it is written.
pub(super) type Key = (String, Origin);

/// The path and the value of a text `PATH=VALUE`.
pub(super) fn read(
    source: usize,
    text: &str,
    sources: &Sources,
    mistakes: &mut Vec<Mistake>,
) -> Result<(Vec<Key>, Node), Mistake> {
    let form = "write `--set PATH=VALUE`, for instance `--set stages.pretrain.epochs=3`";
    let whole = Origin::new(source, 0..text.len());
    let Some(equals) = equals_sign(text) else {
        return Err(Mistake::new("`--set` without a `=`", whole, "no `=` in here").help(form));
    };
    let path_place = Origin::new(source, 0..equals);
    let path = path(source, &text[..equals]).ok_or_else(|| {
        Mistake::new(
            "`--set` with a path that is none",
            path_place,
            "no dotted path",
        )
        .help(form)
    })?;
    let written = text[equals + 1..].trim();
    let start = equals + 1 + (text[equals + 1..].len() - text[equals + 1..].trim_start().len());
    let place = Origin::new(source, start..start + written.len());
    if written.is_empty() {
        let at = Origin::new(source, equals..equals + 1);
        return Err(
            Mistake::new("`--set` without a value", at, "nothing follows")
                .help("an empty string is written \"\""),
        );
    }
    match parse::value(source, start, sources, mistakes) {
        Ok(node) => Ok((path, node)),
        Err(reason) if written.starts_with(['"', '\'', '[', '{']) => Err(Mistake::new(
            format!("`--set` with a value that is no TOML: {reason}"),
            place,
            "this value",
        )
        .help("the shell may have taken the quotes: put '…' around PATH=VALUE")),
        Err(_) => {
            let folder = sources.get(source).folder.clone();
            Ok((
                path,
                Node::new(Value::String(written.into(), folder), place),
            ))
        }
    }
}

/// The first `=` outside quotes.
fn equals_sign(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (None, '=') => return Some(at),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    None
}

/// The keys of a dotted path, as TOML reads them.
pub(super) fn path(source: usize, text: &str) -> Option<Vec<Key>> {
    if text.contains('\n') || text.trim_start().starts_with(['[', '#']) {
        return None;
    }
    let document = format!("{text}=0");
    let parsed = DeTable::parse(&document).ok()?;
    let mut keys = Vec::new();
    let mut table = parsed.get_ref();
    loop {
        let (key, value) = table.iter().next()?;
        keys.push((key.get_ref().to_string(), Origin::new(source, key.span())));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(keys),
        }
    }
}

/// Puts a value at a path; what was there is gone. `by`: who does so, for messages.
pub(super) fn set(tree: &mut Node, path: &[Key], node: Node, by: &str) -> Result<(), Mistake> {
    let Some(((key, key_origin), rest)) = path.split_first() else {
        *tree = node;
        return Ok(());
    };
    let type_name = tree.type_name();
    let below = tree.origin;
    match &mut tree.value {
        Value::Broken => Ok(()),
        Value::Table(table) => {
            if let Some(entry) = table.get_mut(key) {
                if rest.is_empty() {
                    entry.key_origin = *key_origin;
                }
                return set(&mut entry.node, rest, node, by);
            }
            let mut inner = Node::new(Value::Table(Table::default()), *key_origin);
            set(&mut inner, rest, node, by)?;
            table.set(Entry {
                key: key.clone(),
                key_origin: *key_origin,
                node: inner,
            });
            Ok(())
        }
        Value::Array(items) => {
            let length = items.len();
            match key.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                Some(item) => set(item, rest, node, by),
                None => Err(Mistake::new(
                    format!("`{by}` of an item `{key}` that is not there"),
                    *key_origin,
                    format!("the array has {length} items, counted from 0"),
                )
                .and(below, "this array")),
            }
        }
        _ => Err(Mistake::new(
            format!("`{by}` of `{key}`, and the value around it is no table"),
            *key_origin,
            format!("there is no key in {type_name}"),
        )
        .and(below, type_name)),
    }
}
