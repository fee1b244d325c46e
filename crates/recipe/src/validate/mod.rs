//! The tree against the schema: every mistake, each at its place.

mod conversion;
mod tables;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use self::conversion::convert;
use super::mistake::Mistake;
use super::shape::{Shape, Variants};
use super::source::Origin;
use super::suggest::either;
use super::tree::{Node, Value};
use pipeline_error::Code;

/// What validation found out besides mistakes.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Parts that must not be read any further: `model`, `stages.NAME`.
    pub broken: BTreeSet<String>,
    /// Dotted places of the paths to files and folders.
    pub paths: BTreeSet<String>,
}

/// Checks the tree of a recipe or another `document`, and makes its paths start from the folders of their files.
pub fn validate(
    tree: &mut Node,
    document: &'static str,
    shape: Shape,
    mistakes: &mut Vec<Mistake>,
) -> Verdict {
    let stages = tree.child("stages").and_then(Node::as_table);
    let stages = stages.into_iter().flat_map(|table| table.iter());
    let whole = stages.filter(|entry| entry.node.child("kind").is_some());
    let whole = whole.map(|entry| entry.key.clone()).collect();
    let mut validator = Validator::new(mistakes);
    validator.document = document;
    validator.stages = whole;
    validator.node(tree, shape);
    validator.verdict
}

/// Checks what a recipe has at one of its keys.
pub fn validate_part(key: &str, node: &mut Node, shape: Shape, mistakes: &mut Vec<Mistake>) {
    if let Some(inner) = shape.property(key) {
        Validator::new(mistakes).at(key, node, inner);
    }
}

struct Validator<'a, 's> {
    mistakes: &'a mut Vec<Mistake>,
    /// What to call the whole.
    document: &'static str,
    path: Vec<String>,
    /// Names of the stages that have a kind.
    stages: Vec<String>,
    /// The ways of writing each enum that was met, by its place in the schema.
    variants: BTreeMap<usize, Option<Rc<Variants<'s>>>>,
    verdict: Verdict,
}

impl<'a, 's> Validator<'a, 's> {
    fn new(mistakes: &'a mut Vec<Mistake>) -> Self {
        Self {
            mistakes,
            document: "recipe",
            path: Vec::new(),
            stages: Vec::new(),
            variants: BTreeMap::new(),
            verdict: Verdict::default(),
        }
    }

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
            format!("the {}", self.document)
        } else {
            format!("`{}`", self.path.join("."))
        }
    }

    fn at(&mut self, key: &str, node: &mut Node, shape: Shape<'s>) {
        self.path.push(key.into());
        self.node(node, shape);
        self.path.pop();
    }

    fn node(&mut self, node: &mut Node, shape: Shape<'s>) {
        if matches!(node.value, Value::Broken) {
            return self.broken();
        }
        let variants = self.variants.entry(shape.address());
        let variants = variants.or_insert_with(|| shape.variants().map(Rc::new));
        if let Some(variants) = variants.clone() {
            return self.one_variant(node, &variants);
        }
        let alternatives = shape.alternatives();
        if !alternatives.is_empty() {
            return self.alternatives(node, &alternatives);
        }
        let Some(wanted) = shape.type_name() else {
            return self.value(node, shape);
        };
        if !has_type(&node.value, wanted) {
            convert(node, &[shape]);
        }
        match has_type(&node.value, wanted) {
            true => self.value(node, shape),
            false => self.wrong_type(node, article(wanted)),
        }
    }

    fn value(&mut self, node: &mut Node, shape: Shape<'s>) {
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
        let found = match node.is_of_environment {
            true => "the text that the environment has",
            false => node.type_name(),
        };
        let mistake = Mistake::new(
            format!("{} must be {wanted}, not {found}", self.name()),
            node.origin,
            found,
        )
        .code(Code::WrongType);
        let mistake = match wanted.contains("an array") && is_of_items(node) {
            true => mistake.help(format!(
                "an item can only be set of an array that is stated: set the whole array, {} = […]",
                self.path.join(".")
            )),
            false => mistake,
        };
        self.report(traced(mistake, node.taken_from));
    }

    fn alternatives(&mut self, node: &mut Node, shapes: &[Shape<'s>]) {
        let fits = |node: &Node, shape: &Shape| {
            let name = shape.type_name();
            name.is_some_and(|name| has_type(&node.value, name))
        };
        if !shapes.iter().any(|shape| fits(node, shape)) {
            convert(node, shapes);
        }
        match shapes.iter().find(|shape| fits(node, shape)) {
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

    fn one_variant(&mut self, node: &mut Node, variants: &Variants<'s>) {
        let origin = node.origin;
        match (variants, &mut node.value) {
            (Variants::Names(names), Value::String(..)) => self.one_of(node, names),
            (Variants::Names(_), _) => self.wrong_type(node, "a string"),
            (Variants::Tagged(tag, members), Value::Table(table)) => {
                self.tagged(table, origin, tag, members);
            }
            (Variants::Keyed(members, _), Value::Table(table)) => {
                self.keyed(table, origin, members);
            }
            (Variants::Keyed(_, names), Value::String(text, _))
                if names.contains(&text.as_str()) => {}
            (Variants::Keyed(members, names), _) => {
                let keys: Vec<&str> = members.iter().map(|(key, _)| *key).collect();
                let names = names.iter().map(|name| format!(", or \"{name}\""));
                let names: String = names.collect();
                let wanted = format!("a table with one of {}{names}", either(&keys));
                self.wrong_type(node, &wanted);
            }
            (Variants::Tagged(tag, _), _) => {
                self.wrong_type(node, &format!("a table with a `{tag}`"));
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

/// Whether it is the table that comes of setting items of an array which is not there.
fn is_of_items(node: &Node) -> bool {
    let is_item = |key: &str| key.parse::<usize>().is_ok();
    let table = node.as_table();
    table.is_some_and(|table| table.keys().next().is_some() && table.keys().all(is_item))
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
