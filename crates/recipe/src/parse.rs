//! TOML text → tree, with the place of every key and value.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;
use super::source::{Origin, Sources};
use super::tree::{Entry, Node, Table, Value};
use pipeline_error::Code;

/// Reads a whole recipe file. A file with syntax errors gives all of them and no tree.
pub fn document(source: usize, sources: &Sources, mistakes: &mut Vec<Mistake>) -> Option<Node> {
    let text = sources.get(source).text.clone();
    let (table, errors) = DeTable::parse_recoverable(&text);
    if errors.is_empty() {
        let reader = Reader {
            source,
            sources,
            offset: 0,
        };
        return Some(reader.table(table.get_ref(), Origin::new(source, 0..0), mistakes));
    }
    let length = text.len();
    mistakes.extend(errors.iter().map(|error| {
        let span = error.span().unwrap_or(0..0);
        // An error at the very end of the file is shown at its last character.
        let start = span.start.min(length.saturating_sub(1));
        let origin = Origin::new(source, start..span.end.clamp(start, length));
        Mistake::new(
            format!("this is no TOML: {}", error.message()),
            origin,
            "here",
        )
        .code(Code::InvalidToml)
    }));
    None
}

/// Reads one value out of a text, `offset` bytes into it; the error is a message.
pub fn value(
    source: usize,
    offset: usize,
    sources: &Sources,
    mistakes: &mut Vec<Mistake>,
) -> Result<Node, String> {
    let text = &sources.get(source).text.clone()[offset..];
    let parsed = DeValue::parse(text).map_err(|error| error.message().to_string())?;
    let reader = Reader {
        source,
        sources,
        offset,
    };
    Ok(reader.value(&parsed, mistakes))
}

/// Reads text that is one number or truth value.
pub fn scalar_in(text: &str) -> Option<Value> {
    scalar(DeValue::parse(text).ok()?.get_ref())
}

/// A number or truth value; none if it is something else or does not fit.
fn scalar(value: &DeValue) -> Option<Value> {
    match value {
        DeValue::Integer(number) => {
            let read = i128::from_str_radix(number.as_str(), number.radix()).ok();
            let fits = |n: &i128| *n >= i64::MIN.into() && *n <= u64::MAX.into();
            read.filter(fits).map(Value::Integer)
        }
        DeValue::Float(number) => number.as_str().parse().ok().map(Value::Float),
        DeValue::Boolean(truth) => Some(Value::Boolean(*truth)),
        _ => None,
    }
}

struct Reader<'a> {
    source: usize,
    sources: &'a Sources,
    offset: usize,
}

impl Reader<'_> {
    fn origin(&self, span: std::ops::Range<usize>) -> Origin {
        Origin::new(
            self.source,
            span.start + self.offset..span.end + self.offset,
        )
    }

    fn value(&self, spanned: &Spanned<DeValue>, mistakes: &mut Vec<Mistake>) -> Node {
        let origin = self.origin(spanned.span());
        let value = match spanned.get_ref() {
            DeValue::String(text) => {
                let folder = Arc::clone(&self.sources.get(self.source).folder);
                Value::String(text.to_string(), folder)
            }
            DeValue::Integer(_) => match scalar(spanned.get_ref()) {
                Some(value) => value,
                None => broken(mistakes, "this integer does not fit 64 bits", origin),
            },
            DeValue::Float(_) | DeValue::Boolean(_) => match scalar(spanned.get_ref()) {
                Some(value) => value,
                None => broken(mistakes, "this number cannot be read", origin),
            },
            DeValue::Datetime(date) => Value::Datetime(date.to_string()),
            DeValue::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.value(item, mistakes))
                    .collect(),
            ),
            DeValue::Table(table) => return self.table(table, origin, mistakes),
        };
        Node::new(value, origin)
    }

    fn table(&self, table: &DeTable, origin: Origin, mistakes: &mut Vec<Mistake>) -> Node {
        let mut pairs: Vec<_> = table.iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        let mut read = Table::default();
        for (key, value) in pairs {
            read.set(Entry {
                key: key.get_ref().to_string(),
                key_origin: self.origin(key.span()),
                node: self.value(value, mistakes),
            });
        }
        Node::new(Value::Table(read), origin)
    }
}

fn broken(mistakes: &mut Vec<Mistake>, message: &str, origin: Origin) -> Value {
    mistakes.push(Mistake::new(message, origin, "here"));
    Value::Broken
}
