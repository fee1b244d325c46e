//! The tree against the schema: every mistake, each at its place.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::mistake::Mistake;
use super::shape::{Shape, Variants, matches};
use super::source::Origin;
use super::suggest::{either, nearest};
use super::tree::{Node, Table, Value};

/// What validation found out besides mistakes.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Parts that must not be read any further: `model`, `stages.NAME`.
    pub broken: BTreeSet<String>,
}

/// Checks a recipe's tree, and makes its paths start from the folders of their files.
pub fn validate(tree: &mut Node, shape: Shape, mistakes: &mut Vec<Mistake>) -> Verdict {
    let mut validator = Validator {
        mistakes,
        path: Vec::new(),
        verdict: Verdict::default(),
    };
    validator.node(tree, shape);
    validator.verdict
}

struct Validator<'a> {
    mistakes: &'a mut Vec<Mistake>,
    path: Vec<String>,
    verdict: Verdict,
}

impl Validator<'_> {
    fn broken(&mut self) {
        let part = match self.path.as_slice() {
            [stages, name, ..] if stages == "stages" => format!("stages.{name}"),
            [first, ..] => first.clone(),
            [] => String::new(),
        };
        self.verdict.broken.insert(part);
    }

    fn report(&mut self, mistake: Mistake) {
        self.broken();
        self.mistakes.push(mistake);
    }

    /// What to call the place in messages.
    fn name(&self) -> String {
        if self.path.is_empty() {
            "the recipe".into()
        } else {
            format!("`{}`", self.path.join("."))
        }
    }

    fn at(&mut self, key: &str, node: &mut Node, shape: Shape) {
        self.path.push(key.into());
        self.node(node, shape);
        self.path.pop();
    }

    fn node(&mut self, node: &mut Node, shape: Shape) {
        if matches!(node.value, Value::Broken) {
            return self.broken();
        }
        if let Some(variants) = shape.variants() {
            return self.variants(node, &variants);
        }
        let alternatives = shape.alternatives();
        if !alternatives.is_empty() {
            return self.alternatives(node, &alternatives);
        }
        match shape.type_name() {
            Some(wanted) if !has_type(&node.value, wanted) => {
                self.wrong_type(node, article(wanted))
            }
            _ => self.value(node, shape),
        }
    }

    fn value(&mut self, node: &mut Node, shape: Shape) {
        let origin = node.origin;
        let taken_from = node.taken_from;
        match &mut node.value {
            Value::Integer(number) => self.range(*number as f64, origin, taken_from, shape),
            Value::Float(number) => self.range(*number, origin, taken_from, shape),
            Value::String(..) => self.string(node, shape),
            Value::Array(items) => self.array(items, origin, shape),
            Value::Table(table) => self.table(table, origin, shape, None),
            Value::Boolean(_) | Value::Datetime(_) | Value::Broken => {}
        }
    }

    fn wrong_type(&mut self, node: &Node, wanted: &str) {
        let found = node.type_name();
        let mistake = Mistake::new(
            format!("{} must be {wanted}, not {found}", self.name()),
            node.origin,
            found,
        );
        self.report(traced(mistake, node.taken_from));
    }

    fn alternatives(&mut self, node: &mut Node, shapes: &[Shape]) {
        let fitting = shapes.iter().find(|shape| {
            shape
                .type_name()
                .is_some_and(|name| has_type(&node.value, name))
        });
        match fitting {
            Some(shape) => self.node(node, *shape),
            None => {
                let wanted: Vec<&str> = shapes
                    .iter()
                    .filter_map(|shape| Some(article(shape.type_name()?)))
                    .collect();
                self.wrong_type(node, &wanted.join(" or "));
            }
        }
    }

    fn variants(&mut self, node: &mut Node, variants: &Variants) {
        let origin = node.origin;
        match (variants, &mut node.value) {
            (Variants::Names(names), Value::String(..)) => self.one_of(node, names),
            (Variants::Names(_), _) => self.wrong_type(node, "a string"),
            (Variants::Tagged(tag, members), Value::Table(table)) => {
                self.tagged(table, origin, tag, members);
            }
            (Variants::Keyed(members), Value::Table(table)) => self.keyed(table, origin, members),
            (Variants::Keyed(members), _) => {
                let keys: Vec<&str> = members.iter().map(|(key, _)| *key).collect();
                self.wrong_type(node, &format!("a table with one of {}", either(&keys)));
            }
            (Variants::Tagged(tag, _), _) => {
                self.wrong_type(node, &format!("a table with a `{tag}`"));
            }
        }
    }

    fn one_of(&mut self, node: &Node, names: &[&str]) {
        let text = node.as_str().unwrap_or_default();
        if names.contains(&text) {
            return;
        }
        let mistake = Mistake::new(
            format!("{} cannot be `{text}`", self.name()),
            node.origin,
            if names.len() == 1 {
                format!("must be {}", either(names))
            } else {
                format!("must be one of {}", either(names))
            },
        );
        let mistake = match nearest(text, names.iter().copied()) {
            Some(near) => mistake.help(format!("did you mean `{near}`?")),
            None => mistake,
        };
        self.report(traced(mistake, node.taken_from));
    }

    fn tagged(&mut self, table: &mut Table, origin: Origin, tag: &str, members: &[(&str, Shape)]) {
        let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
        let Some(entry) = table.get_mut(tag) else {
            let mistake = Mistake::new(
                format!("{} has no `{tag}`", self.name()),
                origin,
                format!("`{tag}` is missing"),
            );
            return self.report(mistake.help(format!("`{tag}` is one of {}", either(&names))));
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

    fn keyed(&mut self, table: &mut Table, origin: Origin, members: &[(&str, Shape)]) {
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
    fn table(
        &mut self,
        table: &mut Table,
        origin: Origin,
        shape: Shape,
        variant: Option<(&str, &str)>,
    ) {
        let known = shape.keys();
        let pattern = shape
            .keyword("propertyNames")
            .and_then(|names| names.get("pattern")?.as_str());
        for entry in table.iter_mut() {
            let Some(inner) = shape.property(&entry.key) else {
                let label = match variant {
                    Some((tag, value)) => format!("no key of {tag} `{value}`"),
                    None => "unknown key".into(),
                };
                let mistake = self.unknown_key(&entry.key, entry.key_origin, &label, &known);
                self.report(mistake);
                continue;
            };
            if pattern.is_some_and(|pattern| matches(pattern, &entry.key) == Some(false)) {
                self.path.push(entry.key.clone());
                self.report(
                    Mistake::new(
                        format!("`{}` is no name for a stage", entry.key),
                        entry.key_origin,
                        "this name",
                    )
                    .help("names consist of letters, digits, `_` and `-`"),
                );
                self.path.pop();
            }
            self.at(&entry.key, &mut entry.node, inner);
        }
        for key in shape.required() {
            if table.get(key).is_none() {
                let mistake = Mistake::new(
                    format!("{} has no `{key}`", self.name()),
                    origin,
                    format!("`{key}` is missing"),
                );
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

    fn unknown_key(&self, key: &str, origin: Origin, label: &str, known: &[&str]) -> Mistake {
        let message = format!("unknown key `{key}` in {}", self.name());
        let mistake = Mistake::new(message, origin, label);
        match nearest(key, known.iter().copied()) {
            Some(near) => mistake.help(format!("did you mean `{near}`?")),
            None => mistake.help(format!("keys here: {}", known.join(", "))),
        }
    }

    fn array(&mut self, items: &mut [Node], origin: Origin, shape: Shape) {
        let count = items.len();
        let least = shape.number("minItems").unwrap_or(0.0);
        let most = shape.number("maxItems").unwrap_or(f64::INFINITY);
        if (count as f64) < least || (count as f64) > most {
            let wanted = if least == most {
                format!("{least}")
            } else if (count as f64) < least {
                format!("at least {least}")
            } else {
                format!("at most {most}")
            };
            let mistake = Mistake::new(
                format!("{} must have {wanted} items, not {count}", self.name()),
                origin,
                format!("{count} items"),
            );
            self.report(mistake);
        }
        for (index, item) in items.iter_mut().enumerate() {
            if let Some(inner) = shape.item(index) {
                self.at(&index.to_string(), item, inner);
            }
        }
    }

    fn range(&mut self, number: f64, origin: Origin, taken_from: Option<Origin>, shape: Shape) {
        let least = shape.number("minimum");
        let most = shape.number("maximum");
        let above = shape.number("exclusiveMinimum");
        let problem = if !number.is_finite() {
            Some("must be finite".to_string())
        } else if least == most && least.is_some_and(|least| number != least) {
            least.map(|least| format!("must be {least}"))
        } else if let Some(least) = least.filter(|least| number < *least) {
            Some(format!("must be at least {least}"))
        } else if let Some(most) = most.filter(|most| number > *most) {
            Some(format!("must be at most {most}"))
        } else {
            above
                .filter(|above| number <= *above)
                .map(|above| format!("must be greater than {above}"))
        };
        if let Some(problem) = problem {
            let mistake = Mistake::new(
                format!("{} {problem}, not {number}", self.name()),
                origin,
                problem,
            );
            self.report(traced(mistake, taken_from));
        }
    }

    fn string(&mut self, node: &mut Node, shape: Shape) {
        let Value::String(text, folder) = &mut node.value else {
            return;
        };
        if text.is_empty() && shape.number("minLength").is_some() {
            let mistake = Mistake::new(format!("{} is empty", self.name()), node.origin, "empty");
            return self.report(traced(mistake, node.taken_from));
        }
        let pattern = shape
            .keyword("pattern")
            .and_then(|pattern| pattern.as_str());
        if let Some(pattern) = pattern
            && matches(pattern, text) == Some(false)
        {
            let mistake = Mistake::new(
                format!("{} must match {pattern}", self.name()),
                node.origin,
                "does not match",
            );
            self.report(traced(mistake, node.taken_from));
        }
        if shape.keyword("format").and_then(|format| format.as_str()) == Some("path") {
            let path = folder.join(text.as_str());
            let problem = match (path.metadata(), path.to_str()) {
                (Err(error), _) => Some(error.to_string()),
                (_, None) => Some("the name of its folder is no UTF-8".into()),
                (Ok(_), Some(whole)) => {
                    *text = whole.into();
                    // From now on it is as it is.
                    *folder = Arc::from(Path::new(""));
                    None
                }
            };
            if let Some(problem) = problem {
                let shown = path.display();
                let mistake = Mistake::new(
                    format!("{} cannot be read: {shown}: {problem}", self.name()),
                    node.origin,
                    "this path",
                )
                .help("paths are relative to the file that states them");
                self.report(traced(mistake, node.taken_from));
            }
        }
    }
}

fn traced(mistake: Mistake, taken_from: Option<Origin>) -> Mistake {
    match taken_from {
        Some(origin) => mistake.and(origin, "the value comes from here"),
        None => mistake,
    }
}

/// Integers are numbers; everything else is what it is.
fn has_type(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(..) => wanted == "string",
        Value::Integer(_) => wanted == "integer" || wanted == "number",
        Value::Float(_) => wanted == "number",
        Value::Boolean(_) => wanted == "boolean",
        Value::Array(_) => wanted == "array",
        Value::Table(_) => wanted == "object",
        Value::Datetime(_) | Value::Broken => false,
    }
}

fn article(type_name: &str) -> &'static str {
    match type_name {
        "string" => "a string",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "an array",
        "object" => "a table",
        _ => "something else",
    }
}
