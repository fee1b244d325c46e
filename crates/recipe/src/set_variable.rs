//! Variables that `--set` or a sweep sets: one that is neither stated nor read would change nothing, in silence.

use std::collections::BTreeSet;

use super::interpolate::known_vars;
use super::mistake::Mistake;
use super::overrides::Key;
use super::pieces::{Content, pieces};
use super::suggest::nearest;
use super::tree::{Node, Value};
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
    let mut known = BTreeSet::new();
    read_in(tree, &mut known);
    // A table of variables is set whole, or one of a table that is read whole.
    let is_inside = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if (known.iter()).any(|read| is_inside(read, &name) || is_inside(&name, read)) {
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
