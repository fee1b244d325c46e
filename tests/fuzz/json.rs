//! JSON: mutations node by node.

use pipeline_random::Draws;
use serde_json::{Map, Value, json};

use crate::bytes::{self, border, pick, place};

/// A document with one change.
pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    if draws.below(8) == 0 {
        return nested(input, draws);
    }
    let Ok(mut document) = serde_json::from_slice::<Value>(input) else {
        return bytes::mutate(input, other, draws);
    };
    let nodes = count(&document);
    let at = place(draws, nodes);
    let theirs = serde_json::from_slice::<Value>(other).ok();
    let donor = theirs.and_then(|mut theirs| {
        let at = place(draws, count(&theirs));
        node(&mut theirs, &mut { at }).map(|node| node.take())
    });
    if let Some(node) = node(&mut document, &mut { at }) {
        *node = changed(node.take(), donor, draws);
    }
    match draws.below(2) {
        0 => serde_json::to_vec(&document),
        _ => serde_json::to_vec_pretty(&document),
    }
    .expect("a document can be written")
}

/// Deep nesting, or a piece of the text again and again.
fn nested(input: &[u8], draws: &mut Draws) -> Vec<u8> {
    let at = place(draws, input.len());
    let piece: &[u8] = pick(
        draws,
        &[&b"["[..], b"{\"a\":", b"0,", b"\"\\ud800\"", b"1e999", b" "],
    );
    let times = 1 << draws.below(10);
    let mut text = input.to_vec();
    text.splice(at..at, piece.repeat(times));
    text
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// The node of this number, counted down.
fn node<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    let children: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Array(items) => Box::new(items.iter_mut()),
        Value::Object(members) => Box::new(members.values_mut()),
        _ => return None,
    };
    for child in children {
        let size = count(child);
        if *left < size {
            return node(child, left);
        }
        *left -= size;
    }
    None
}

fn changed(value: Value, donor: Option<Value>, draws: &mut Draws) -> Value {
    let odd = [
        json!(null),
        json!(true),
        json!(""),
        json!("\u{0}\u{1b}]52;c;eA==\u{7}"),
        json!("x".repeat(500)),
        json!(-1),
        json!(0.1),
        json!(-0.0),
        json!(1e300),
        json!(5e-324),
        json!(u64::MAX),
        json!(i64::MIN),
        json!([]),
        json!({}),
        json!([[[]]]),
        json!("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        json!("2026-01-01T00:00:00Z"),
    ];
    match (draws.below(6), value) {
        (0, _) => odd[place(draws, odd.len())].clone(),
        (1, value) => donor.unwrap_or(value),
        (2, Value::Object(mut members)) => {
            let name = members.keys().nth(place(draws, members.len())).cloned();
            name.and_then(|name| members.remove(&name));
            Value::Object(members)
        }
        (3, Value::Object(mut members)) => {
            let name = pick(draws, &["", "a", "key", "format", "checksum", "__proto__"]);
            members.insert(name.into(), odd[place(draws, odd.len())].clone());
            Value::Object(members)
        }
        (4, Value::Array(mut items)) => {
            items.extend(donor);
            Value::Array(items)
        }
        (_, Value::Number(_)) => json!(border(draws, 64)),
        (_, Value::String(text)) => {
            let bytes = bytes::mutate(text.as_bytes(), text.as_bytes(), draws);
            json!(String::from_utf8_lossy(&bytes))
        }
        (5, value) => Value::Object(Map::from_iter([("a".to_string(), value)])),
        (_, value) => value,
    }
}
