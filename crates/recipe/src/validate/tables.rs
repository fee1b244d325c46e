//! Tables: which keys they may, must and do have.

use super::Validator;
use crate::mistake::Mistake;
use crate::shape::{Shape, matches};
use crate::source::Origin;
use crate::suggest::{either, nearest};
use crate::tree::{Table, Value};
use pipeline_error::Code;

impl<'s> Validator<'_, 's> {
    pub(super) fn tagged(
        &mut self,
        table: &mut Table,
        origin: Origin,
        tag: &str,
        members: &[(&str, Shape<'s>)],
    ) {
        let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
        let Some(entry) = table.get_mut(tag) else {
            let mistake = Mistake::new(
                format!("{} has no `{tag}`", self.name()),
                origin,
                format!("`{tag}` is missing"),
            )
            .code(Code::MissingKey);
            let one_of = format!("`{tag}` is one of {}", either(&names));
            return self.report(mistake.help(match self.stage_near() {
                Some(near) => {
                    format!("did you mean the stage `{near}`? In a stage of its own, {one_of}")
                }
                None => one_of,
            }));
        };
        let chosen = entry.node.as_str();
        match members.iter().find(|(name, _)| Some(*name) == chosen) {
            Some((name, shape)) => self.table(table, origin, *shape, Some((tag, name))),
            None if chosen.is_some() => {
                self.path.push(tag.into());
                self.one_of(&entry.node, &names);
                self.path.pop();
            }
            None if matches!(entry.node.value, Value::Broken) => self.broken(),
            None => {
                self.path.push(tag.into());
                self.wrong_type(&entry.node, "a string");
                self.path.pop();
            }
        }
    }

    /// Of a stage that may be none but a slip of the pen: the one that may be meant.
    fn stage_near(&self) -> Option<&str> {
        match self.path.as_slice() {
            [stages, name] if stages == "stages" => {
                nearest(name, self.stages.iter().map(String::as_str))
            }
            _ => None,
        }
    }

    pub(super) fn keyed(
        &mut self,
        table: &mut Table,
        origin: Origin,
        members: &[(&str, Shape<'s>)],
    ) {
        let keys: Vec<&str> = members.iter().map(|(key, _)| *key).collect();
        let stated: Vec<(String, Origin)> = table
            .iter()
            .filter(|entry| keys.contains(&entry.key.as_str()))
            .map(|entry| (entry.key.clone(), entry.key_origin))
            .collect();
        match stated.as_slice() {
            [(key, _)] => {
                if let Some((_, shape)) = members.iter().find(|(name, _)| name == key) {
                    self.table(table, origin, *shape, None);
                }
            }
            [] if table.iter().next().is_some() => {
                for entry in table.iter() {
                    let mistake =
                        self.unknown_key(&entry.key, entry.key_origin, "unknown key", &keys);
                    self.report(mistake);
                }
            }
            [] => {
                let mistake = Mistake::new(
                    format!("{} is empty", self.name()),
                    origin,
                    format!("needs one of {}", either(&keys)),
                );
                self.report(mistake);
            }
            [(_, first), rest @ ..] => {
                let mut mistake = Mistake::new(
                    format!(
                        "{} takes one of {}, not several",
                        self.name(),
                        either(&keys)
                    ),
                    *first,
                    "this one",
                );
                for (_, place) in rest {
                    mistake = mistake.and(*place, "or this one");
                }
                self.report(mistake);
            }
        }
    }

    /// A table's keys. `variant`: the tag that chose the shape, and its value.
    pub(super) fn table(
        &mut self,
        table: &mut Table,
        origin: Origin,
        shape: Shape<'s>,
        variant: Option<(&str, &str)>,
    ) {
        let pattern = shape
            .keyword("propertyNames")
            .and_then(|names| names.get("pattern")?.as_str());
        for entry in table.iter_mut() {
            let Some(inner) = shape.property(&entry.key) else {
                let label = match variant {
                    Some((tag, value)) => format!("no key of {tag} `{value}`"),
                    None => "unknown key".into(),
                };
                let known: Vec<&str> = shape.keys().collect();
                let mistake = self.unknown_key(&entry.key, entry.key_origin, &label, &known);
                self.report(mistake);
                continue;
            };
            if let Some(pattern) = pattern
                && matches(pattern, &entry.key) == Some(false)
            {
                self.bad_name(&entry.key, entry.key_origin, pattern);
            }
            self.at(&entry.key, &mut entry.node, inner);
        }
        for key in shape.required() {
            if table.get(key).is_none() {
                let mistake = Mistake::new(
                    format!("{} has no `{key}`", self.name()),
                    origin,
                    format!("`{key}` is missing"),
                )
                .code(Code::MissingKey);
                self.report(match shape.description(key) {
                    Some(text) => mistake.help(format!("{key}: {text}")),
                    None => mistake,
                });
            }
        }
        if shape.number("minProperties").is_some() && table.iter().next().is_none() {
            let mistake = Mistake::new(format!("{} is empty", self.name()), origin, "nothing here");
            self.report(mistake);
        }
    }

    /// A key that its table's `pattern` refuses.
    fn bad_name(&mut self, key: &str, origin: Origin, pattern: &str) {
        let named = match self.path.last().map(String::as_str) {
            Some("env") => "a variable of the environment",
            Some("inputs") => "an input",
            Some("outputs") => "an artifact",
            _ => "a stage",
        };
        let letters = match pattern.contains('-') {
            true => "names consist of letters, digits, `_` and `-`",
            false => "names consist of letters, digits and `_`",
        };
        let mistake = Mistake::new(
            format!("`{key}` is no name for {named}"),
            origin,
            "this name",
        );
        self.path.push(key.into());
        self.report(mistake.help(letters));
        self.path.pop();
    }

    fn unknown_key(&self, key: &str, origin: Origin, label: &str, known: &[&str]) -> Mistake {
        let message = format!("unknown key `{key}` in {}", self.name());
        let mistake = Mistake::new(message, origin, label).code(Code::UnknownKey);
        match nearest(key, known.iter().copied()) {
            Some(near) => mistake.help(format!("did you mean `{near}`?")),
            None => mistake.help(format!("keys here: {}", known.join(", "))),
        }
    }
}
