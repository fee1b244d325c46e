//! safetensors: mutations of the JSON header, its length made to fit.

use pipeline_random::Draws;
use serde_json::{Value, json};

use crate::bytes::{self, border, pick, place};

const DTYPES: [&str; 16] = [
    "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL",
    "F8_E4M3", "F4", "f32",
];

/// Small files: every type, an empty tensor, a scalar, metadata.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let one = json!({ "a": { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] } });
    let many = json!({
        "__metadata__": { "format": "pt" },
        "scalar": { "dtype": "F64", "shape": [], "data_offsets": [0, 8] },
        "empty": { "dtype": "F32", "shape": [0, 4], "data_offsets": [8, 8] },
        "half": { "dtype": "BF16", "shape": [1, 4], "data_offsets": [8, 16] },
        "flags": { "dtype": "BOOL", "shape": [3], "data_offsets": [16, 19] },
    });
    [("one", one, 24), ("many", many, 19)]
        .map(|(name, header, length)| {
            let file = file(header.to_string().as_bytes(), &vec![1; length]);
            (name.to_string(), file)
        })
        .into()
}

fn file(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header, data].concat()
}

pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let Some((header, data)) = parts(input) else {
        return bytes::mutate(input, other, draws);
    };
    let parsed = serde_json::from_slice::<Value>(header).ok();
    match (draws.below(6), parsed) {
        (0, _) => {
            let theirs = parts(other).map_or(other, |(header, _)| header);
            file(&bytes::mutate(header, theirs, draws), data)
        }
        (1, _) => file(header, &bytes::mutate(data, other, draws)),
        (2, _) => file(&repeated(header, draws), data),
        (_, Some(mut tree)) => {
            let length = data.len();
            change(&mut tree, length, draws);
            let data = match draws.below(4) {
                0 => laid_out(&mut tree),
                _ => data.to_vec(),
            };
            file(tree.to_string().as_bytes(), &data)
        }
        _ => file(&bytes::mutate(header, other, draws), data),
    }
}

fn parts(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u64::from_le_bytes(*input.first_chunk()?);
    input[8..].split_at_checked(usize::try_from(length).ok()?)
}

/// A piece of the header as text again and again: names twice, lists without end, deep nesting.
fn repeated(header: &[u8], draws: &mut Draws) -> Vec<u8> {
    let at = place(draws, header.len());
    let piece = match draws.below(3) {
        0 => header[bytes::range(draws, header.len())].to_vec(),
        1 => pick(
            draws,
            &[&b"["[..], b"{\"a\":", b"0,", b"\"a\":{},", b"\\u0000", b" "],
        )
        .to_vec(),
        _ => {
            let members = header
                .get(1..header.len().saturating_sub(1))
                .unwrap_or_default();
            [members, b","].concat()
        }
    };
    let times = 1 + draws.below(2) * draws.below(500);
    let mut header = header.to_vec();
    header.splice(at..at, piece.repeat(times as usize));
    header
}

fn change(tree: &mut Value, length: usize, draws: &mut Draws) {
    let Some(members) = tree.as_object_mut().filter(|members| !members.is_empty()) else {
        return;
    };
    let at = place(draws, members.len());
    let Some(name) = members.keys().nth(at).cloned() else {
        return;
    };
    if !members[&name].is_object() {
        members.insert(name.clone(), json!({}));
    }
    match draws.below(9) {
        0 => drop(members.remove(&name)),
        1 => {
            let value = members[&name].clone();
            members.insert(format!("{name}{}", draws.below(9)), value);
        }
        2 => {
            let value = members[&name].clone();
            members.insert("__metadata__".into(), value);
        }
        3 => members[&name]["dtype"] = json!(pick(draws, &DTYPES)),
        4 => members[&name]["shape"] = json!(axes(length, draws)),
        5 => members[&name]["data_offsets"] = json!(axes(length, draws)),
        6 => {
            let from = draws.below(length as u64 + 2);
            members[&name]["data_offsets"] = json!([from, from + draws.below(32)]);
        }
        7 => {
            let other = json!([null, -1, 1.5, "x", [[]], { "a": 1 }, u64::MAX, 1e300]);
            let field = pick(draws, &["dtype", "shape", "data_offsets", "more"]);
            members[&name][field] = other[place(draws, 8)].clone();
        }
        _ => members[&name]["shape"] = json!([draws.below(4), draws.below(4), draws.below(4)]),
    }
}

fn axes(length: usize, draws: &mut Draws) -> Vec<u64> {
    let rank = draws.below(6);
    (0..rank).map(|_| border(draws, length)).collect()
}

/// Gives every tensor its place one after the other, so that the change is what is tested.
fn laid_out(tree: &mut Value) -> Vec<u8> {
    let mut at = 0;
    for (name, info) in tree.as_object_mut().into_iter().flatten() {
        let shape = info["shape"].as_array().cloned().unwrap_or_default();
        let count = shape.iter().map(|axis| axis.as_u64().unwrap_or(1).min(64));
        let size = match info["dtype"].as_str().unwrap_or_default() {
            "F64" | "I64" | "U64" => 8,
            "F32" | "I32" | "U32" => 4,
            "F16" | "BF16" | "I16" | "U16" => 2,
            _ => 1,
        };
        let count = count.fold(1_u64, u64::saturating_mul);
        let bytes = count.saturating_mul(size).min(4096);
        if name != "__metadata__" && info.is_object() {
            info["data_offsets"] = json!([at, at + bytes]);
            at += bytes;
        }
    }
    vec![2; at.min(1 << 16) as usize]
}
