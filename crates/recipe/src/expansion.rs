//! How much references may put into a recipe: a few lines of variables that repeat each other could
//! otherwise fill any memory.

use super::tree::{Node, Value};

/// What references put in may take this many bytes, all together.
const MOST_BYTES: usize = 8 << 20;

/// A value, without its text.
const VALUE_BYTES: usize = 64;

/// Values inside values inside values… that references put in.
const DEEPEST: usize = 64;

/// What references have put in so far.
#[derive(Default)]
pub struct Expansion {
    bytes: usize,
}

impl Expansion {
    /// Counts one use of a variable. `Err`: it is too much, and, the first time, why.
    pub fn admit(&mut self, value: &Node) -> Result<(), Option<String>> {
        if self.bytes > MOST_BYTES {
            return Err(None);
        }
        let (bytes, depth) = extent(value);
        self.bytes += bytes;
        let reason = if depth > DEEPEST {
            format!("its value is nested more than {DEEPEST} deep")
        } else if self.bytes > MOST_BYTES {
            format!(
                "variables make the recipe larger than {} MiB",
                MOST_BYTES >> 20
            )
        } else {
            return Ok(());
        };
        self.bytes = MOST_BYTES + 1;
        Err(Some(reason))
    }
}

/// The bytes that a value takes and its depth.
fn extent(node: &Node) -> (usize, usize) {
    let (bytes, depth) = match &node.value {
        Value::String(text, _) | Value::Datetime(text) => (text.len(), 0),
        Value::Array(items) => sum(items.iter().map(extent)),
        Value::Table(table) => sum(table.iter().map(|entry| {
            let (bytes, depth) = extent(&entry.node);
            (bytes + entry.key.len(), depth)
        })),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Broken => (0, 0),
    };
    (bytes + VALUE_BYTES, depth + 1)
}

fn sum(extents: impl Iterator<Item = (usize, usize)>) -> (usize, usize) {
    extents.fold((0, 0), |(bytes, depth), (more, inner)| {
        (bytes + more, depth.max(inner))
    })
}
