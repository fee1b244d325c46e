//! `${vars.NAME}`, `${env:NAME}` and `${env:NAME:-default}` in strings; `$${` is a plain `${`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::expansion::Expansion;
use super::mistake::Mistake;
use super::pieces::{Content, Piece, pieces};
use super::source::{Origin, Sources};
use super::suggest::nearest;
use super::tree::{Node, Value};
use pipeline_error::Code;

/// Looks an environment variable up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A longer chain of variables would be followed too deep.
const LONGEST_CHAIN: usize = 32;

/// Replaces every reference in the tree, those in `[vars]` first.
pub fn interpolate(
    tree: &mut Node,
    sources: &Sources,
    env: Environment,
    mistakes: &mut Vec<Mistake>,
) {
    let vars = tree.child("vars").cloned();
    let mut work = Interpolation {
        vars: vars.as_ref(),
        resolved: BTreeMap::new(),
        open: Vec::new(),
        expansion: Expansion::default(),
        sources,
        env,
        mistakes,
    };
    let Value::Table(recipe) = &mut tree.value else {
        return;
    };
    for entry in recipe.iter_mut() {
        match entry.key.as_str() {
            "vars" => work.variables(&mut entry.node, ""),
            _ => work.inside(&mut entry.node),
        }
    }
}

/// Replaces the references in a string of `extends`, where there are no variables yet.
pub fn without_vars(
    text: &str,
    node: &Node,
    sources: &Sources,
    env: Environment,
    mistakes: &mut Vec<Mistake>,
) -> Option<String> {
    let mut result = String::new();
    for piece in pieces(text) {
        match piece.content {
            Content::Text(literal) => result.push_str(literal),
            Content::Env { name, default } => match environment(env, name, default) {
                Some(value) => result.push_str(&value),
                None => {
                    let place = place_in(node, text, &piece.span, sources);
                    mistakes.push(unset(name, place));
                    return None;
                }
            },
            Content::Var(_) | Content::Malformed(_) => {
                let place = place_in(node, text, &piece.span, sources);
                mistakes.push(
                    Mistake::new(
                        "`extends` is read before the variables",
                        place,
                        "not known yet",
                    )
                    .help("only ${env:NAME} can be used here"),
                );
                return None;
            }
        }
    }
    Some(result)
}

/// As in a shell, `:-` also stands in for a variable that is set but empty.
fn environment(env: Environment, name: &str, default: Option<&str>) -> Option<String> {
    let value = env(name);
    match default {
        Some(default) => Some(
            value
                .filter(|value| !value.is_empty())
                .unwrap_or_else(|| default.into()),
        ),
        None => value,
    }
}

fn unset(name: &str, place: Origin) -> Mistake {
    Mistake::new(
        format!("the environment variable {name} is not set"),
        place,
        "not set",
    )
    .code(Code::UnsetVariable)
    .help(format!(
        "set it, or state what to use instead: ${{env:{name}:-…}}"
    ))
}

/// Where a part of a string is written. An escape before it would shift the bytes; then it is
/// looked for by its text.
fn place_in(node: &Node, text: &str, span: &Range<usize>, sources: &Sources) -> Origin {
    let written = sources.written(node.origin);
    let part = &text[span.clone()];
    let offset = written
        .find(text)
        .map(|start| start + span.start)
        .or_else(|| written.find(part));
    match offset {
        Some(offset) => {
            let start = node.origin.start + offset;
            Origin::new(node.origin.source, start..start + part.len())
        }
        None => node.origin,
    }
}

struct Interpolation<'a> {
    vars: Option<&'a Node>,
    resolved: BTreeMap<String, Node>,
    /// Variables being resolved, to find cycles.
    open: Vec<String>,
    expansion: Expansion,
    sources: &'a Sources,
    env: Environment<'a>,
    mistakes: &'a mut Vec<Mistake>,
}

impl Interpolation<'_> {
    /// A table of variables: each is resolved once, whether it is used or not.
    fn variables(&mut self, node: &mut Node, prefix: &str) {
        let Value::Table(table) = &mut node.value else {
            return self.inside(node);
        };
        for entry in table.iter_mut() {
            let name = format!("{prefix}{}", entry.key);
            if matches!(entry.node.value, Value::Table(_)) {
                self.variables(&mut entry.node, &format!("{name}."));
            } else if let Some(value) = self.var(&name) {
                entry.node = value;
            }
        }
    }

    fn inside(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::Table(table) => {
                for entry in table.iter_mut() {
                    self.inside(&mut entry.node);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.inside(item)),
            Value::String(text, folder) if text.contains("${") => {
                let (text, folder) = (std::mem::take(text), Arc::clone(folder));
                self.string(node, &text, &folder);
            }
            _ => {}
        }
    }

    fn string(&mut self, node: &mut Node, text: &str, folder: &Arc<Path>) {
        let pieces = pieces(text);
        if let [
            Piece {
                content: Content::Var(name),
                span,
            },
        ] = pieces.as_slice()
        {
            let value = self.looked_up(name, node, text, span);
            node.taken_from = value.as_ref().map(|value| value.origin);
            node.is_of_environment = value.as_ref().is_some_and(|value| value.is_of_environment);
            node.value = value.map_or(Value::Broken, |value| value.value);
            return;
        }
        node.is_of_environment = matches!(
            pieces.as_slice(),
            [Piece {
                content: Content::Env { .. },
                ..
            }]
        );
        let mut result = String::new();
        // A path starts from the folder of whatever its first characters come from.
        let mut start: Option<Arc<Path>> = None;
        let mut sound = true;
        for piece in &pieces {
            match self.piece(piece, node, text, folder) {
                Some((part, from)) => {
                    if !part.is_empty() {
                        start.get_or_insert(from);
                    }
                    result.push_str(&part);
                }
                None => sound = false,
            }
        }
        node.value = if sound {
            Value::String(result, start.unwrap_or_else(|| Arc::clone(folder)))
        } else {
            Value::Broken
        };
    }

    fn piece(
        &mut self,
        piece: &Piece,
        node: &Node,
        text: &str,
        folder: &Arc<Path>,
    ) -> Option<(String, Arc<Path>)> {
        let place = || place_in(node, text, &piece.span, self.sources);
        match piece.content {
            Content::Text(literal) => Some((literal.into(), Arc::clone(folder))),
            Content::Env { name, default } => match environment(self.env, name, default) {
                Some(value) if Some(value.as_str()) == default => Some((value, Arc::clone(folder))),
                Some(value) => Some((value, Arc::from(Path::new("")))),
                None => {
                    let mistake = unset(name, place());
                    self.mistakes.push(mistake);
                    None
                }
            },
            Content::Malformed(reason) => {
                let mistake = Mistake::new(reason, place(), "here").help(
                    "write ${vars.NAME}, ${env:NAME} or ${env:NAME:-default}; a plain ${ is written $${",
                );
                self.mistakes.push(mistake);
                None
            }
            Content::Var(name) => {
                let var = self.looked_up(name, node, text, &piece.span)?;
                let number = match &var.value {
                    Value::String(part, from) => return Some((part.clone(), Arc::clone(from))),
                    Value::Integer(number) => number.to_string(),
                    Value::Float(number) => number.to_string(),
                    Value::Boolean(truth) => truth.to_string(),
                    Value::Broken => return None,
                    Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
                        let kind = var.type_name();
                        self.mistakes.push(
                            Mistake::new(
                                format!("vars.{name} is {kind} and cannot be part of a string"),
                                place_in(node, text, &piece.span, self.sources),
                                kind,
                            )
                            .and(var.origin, "stated here"),
                        );
                        return None;
                    }
                };
                Some((number, Arc::clone(folder)))
            }
        }
    }

    /// The value of a variable that is used at a place; what is wrong is noted.
    fn looked_up(
        &mut self,
        name: &str,
        node: &Node,
        text: &str,
        span: &Range<usize>,
    ) -> Option<Node> {
        let place = || place_in(node, text, span, self.sources);
        if let Some(start) = self.open.iter().position(|open| open == name) {
            let mut ring: Vec<String> = self.open[start..].to_vec();
            ring.push(name.into());
            self.mistakes.push(
                Mistake::new(
                    format!("variables that need each other: {}", ring.join(" → ")),
                    place(),
                    "leads back to where it came from",
                )
                .help("one of them has to be a value of its own"),
            );
            return None;
        }
        if self.open.len() >= LONGEST_CHAIN {
            let mistake = Mistake::new(
                format!(
                    "a chain of more than {LONGEST_CHAIN} variables, each of which needs the next"
                ),
                place(),
                "too far from where it began",
            );
            self.mistakes.push(mistake);
            return None;
        }
        if let Some(value) = self.var(name) {
            return match self.expansion.admit(&value) {
                Ok(()) => Some(value),
                Err(reason) => {
                    // Told once: what comes after it is too much as well.
                    let told = reason.map(|reason| Mistake::new(reason, place(), "used here"));
                    self.mistakes.extend(told);
                    None
                }
            };
        }
        let known = self.vars.map(known_vars).unwrap_or_default();
        let mut mistake = Mistake::new(
            format!("there is no variable `{name}`"),
            place(),
            "not in [vars]",
        )
        .code(Code::UnsetVariable);
        mistake = match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => mistake.help(format!("did you mean ${{vars.{near}}}?")),
            None if known.is_empty() => mistake.help("state it under [vars]"),
            None => mistake.help(format!("[vars] has {}", known.join(", "))),
        };
        self.mistakes.push(mistake);
        None
    }

    /// A variable's value with its own references replaced; `None`: it does not exist.
    fn var(&mut self, name: &str) -> Option<Node> {
        if let Some(value) = self.resolved.get(name) {
            return Some(value.clone());
        }
        let path: Vec<&str> = name.split('.').collect();
        let mut value = self.vars?.at(&path)?.clone();
        self.open.push(name.into());
        self.inside(&mut value);
        self.open.pop();
        self.resolved.insert(name.into(), value.clone());
        Some(value)
    }
}

/// The names at the top of `[vars]`.
pub(super) fn known_vars(vars: &Node) -> Vec<String> {
    let keys = vars.as_table().into_iter().flat_map(|table| table.keys());
    keys.map(str::to_string).collect()
}
