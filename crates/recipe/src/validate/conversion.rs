//! Values of variables in the type that their place has: the environment knows text only, and `[vars]` has one number for
//! all places.

use std::path::Path;
use std::sync::Arc;

use super::has_type;
use crate::parse;
use crate::shape::Shape;
use crate::tree::{Node, Value};

/// Gives a value that fits none of the shapes the type of the first that it can be read as.
pub(super) fn convert(node: &mut Node, shapes: &[Shape]) {
    let of = |shape: &Shape| converted(node, *shape);
    if let Some(value) = shapes.iter().find_map(of) {
        node.value = value;
    }
}

fn converted(node: &Node, shape: Shape) -> Option<Value> {
    let wanted = shape.type_name()?;
    let value = match &node.value {
        Value::String(text, _) if node.is_of_environment => parse::scalar_in(text)?,
        // A number is no path: the folder that it would start from is not known.
        _ if node.taken_from.is_none() || shape.keyword("format").is_some() => return None,
        Value::Integer(number) => written(number.to_string()),
        Value::Float(number) => written(number.to_string()),
        Value::Boolean(truth) => written(truth.to_string()),
        _ => return None,
    };
    has_type(&value, wanted).then_some(value)
}

fn written(text: String) -> Value {
    Value::String(text, Arc::from(Path::new("")))
}
