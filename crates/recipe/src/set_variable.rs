//! Variables that `--set`, a sweep or a recipe that extends another sets: one that is neither stated nor read would change
//! nothing, in silence.

use std::collections::BTreeSet;

use super::interpolate::known_vars;
use super::mistake::Mistake;
use super::overrides::Key;
use super::pieces::{Content, pieces};
use super::source::Origin;
use super::suggest::nearest;
use super::tree::{Node, Table, Value};
use pipeline_error::Code;

/// What is wrong with setting the value at `path`, if that is a variable which `[vars]` of `stated` does not state, and
/// which no reference in `tree` reads.
pub(super) fn unknown_variable(
    path: &[Key],
    stated: Option<&Node>,
    tree: &Node,
) -> Option<Mistake> {
    let [(first, _), keys @ ..] = path else {
        return None;
    };
    let (_, place) = keys.last()?;
    let names: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
    if first != "vars" || stated.is_some_and(|vars| vars.at(&names).is_some()) {
        return None;
    }
    let name = names.join(".");
    let mut known = names_read_in(tree);
    if is_read(&name, &known) {
        return None;
    }
    known.extend(stated.into_iter().flat_map(known_vars));
    let mistake = Mistake::new(
        format!("there is no variable `{name}`"),
        *place,
        "not in [vars], and nothing reads it",
    )
    .code(Code::UnsetVariable);
    Some(match nearest(&name, known.iter().map(String::as_str)) {
        Some(near) => mistake.help(format!("did you mean `vars.{near}`?")),
        None if known.is_empty() => mistake.help("the recipe has no variables"),
        None => {
            let known: Vec<String> = known.into_iter().collect();
            mistake.help(format!("the variables are {}", known.join(", ")))
        }
    })
}

/// The misspelt variables of `own`, the table of a recipe that extends another one. Nothing in `tree`, all recipes together,
/// reads them, and each is one slip away from a variable that is read or stated `below`, but not in `own` too. Any other
/// variable may be for one more recipe, which extends this one.
pub(super) fn misspelt_variables(own: &Node, below: Option<&Node>, tree: &Node) -> Vec<Mistake> {
    let read = names_read_in(tree);
    let is_stated = |vars: &Node, name: &str| {
        let keys: Vec<&str> = name.split('.').collect();
        vars.at(&keys).is_some()
    };
    let mut known = read.clone();
    let below_names = below.into_iter().flat_map(|vars| leaves(vars, ""));
    known.extend(below_names.map(|(name, _)| name));
    let mistakes = leaves(own, "").into_iter().filter_map(|(name, place)| {
        if below.is_some_and(|vars| is_stated(vars, &name)) || is_read(&name, &read) {
            return None;
        }
        let meant = known.iter().map(String::as_str);
        let meant = meant.filter(|other| is_slip(&name, other) && !is_stated(own, other));
        let near = nearest(&name, meant)?;
        let message = format!("nothing reads the variable `{name}`");
        let mistake = Mistake::new(message, place, "stated here alone");
        let help = format!("did you mean `{near}`?");
        Some(mistake.code(Code::UnsetVariable).help(help))
    });
    mistakes.collect()
}

/// The dotted names of all values in a table, each with the place of its last key.
fn leaves(table: &Node, prefix: &str) -> Vec<(String, Origin)> {
    let entries = table.as_table().into_iter().flat_map(Table::iter);
    let names = entries.flat_map(|entry| {
        let name = format!("{prefix}{}", entry.key);
        match &entry.node.value {
            Value::Table(_) => leaves(&entry.node, &format!("{name}.")),
            _ => vec![(name, entry.key_origin)],
        }
    });
    names.collect()
}

/// Whether a variable's dotted name may be another one misspelt: one key of it is near the other's, and all others are the
/// same. Things in a row are near and no slips: `root` and `root2`, `cohort_a` and `cohort_b`.
fn is_slip(name: &str, other: &str) -> bool {
    let [keys, others] = [name, other].map(|name| name.split('.').collect::<Vec<&str>>());
    let mut differing = keys.iter().zip(&others).filter(|(key, other)| key != other);
    let (Some((&key, &meant)), None) = (differing.next(), differing.next()) else {
        return false;
    };
    let without_digits = |key: &str| key.replace(|it: char| it.is_ascii_digit(), "");
    let without_last = |key: &str| key.chars().rev().skip(1).collect::<String>();
    keys.len() == others.len()
        && nearest(key, [meant]).is_some()
        && without_digits(key) != without_digits(meant)
        && without_last(key) != without_last(meant)
}

/// Whether a variable is among those that are read: by itself, in a table that is read whole, or as a table of some.
fn is_read(name: &str, read: &BTreeSet<String>) -> bool {
    let is_inside = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    (read.iter()).any(|read| is_inside(read, name) || is_inside(name, read))
}

fn names_read_in(tree: &Node) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    read_in(tree, &mut names);
    names
}

/// Adds the names of all variables that strings in a tree refer to.
fn read_in(node: &Node, names: &mut BTreeSet<String>) {
    match &node.value {
        Value::String(text, _) if text.contains("${") => {
            let found = pieces(text)
                .into_iter()
                .filter_map(|piece| match piece.content {
                    Content::Var(name) => Some(name.to_string()),
                    Content::Text(_) | Content::Env { .. } | Content::Malformed(_) => None,
                });
            names.extend(found);
        }
        Value::Array(items) => items.iter().for_each(|item| read_in(item, names)),
        Value::Table(table) => table.iter().for_each(|entry| read_in(&entry.node, names)),
        _ => {}
    }
}
