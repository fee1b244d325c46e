//! Every state of a tensor that torch can save: read as `torch.load` reads it, or refused by name.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use pipeline_checkpoint::{self as checkpoint, Checkpoint};
use serde::Deserialize;

use crate::document::python_with;
use crate::harness::Test;

/// Tensors that are not read, by how their states begin, and what the refusal says of them.
const REFUSED: [(&str, &str); 13] = [
    ("complex", "complex"),
    ("conjugate", "complex numbers"),
    ("float8", "float8"),
    ("meta", "on the device `meta`"),
    ("negated, int32", "metadata `neg`"),
    ("nested", "nested"),
    ("parameter without a shape", "UninitializedParameter"),
    ("quantised", "quantized"),
    ("sparse", "sparse"),
    ("subclass", "__main__.Sub"),
    ("uint16", "unsigned integers"),
    ("uint32", "unsigned integers"),
    ("uint64", "unsigned integers"),
];

/// Of a file, how torch reads it.
#[derive(Deserialize)]
struct Answer {
    state: String,
    form: String,
    file: String,
    tensors: BTreeMap<String, Tensor>,
    /// Why torch does not read it.
    unread: Option<String>,
}

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    dtype: String,
    /// In hexadecimal.
    bytes: String,
}

fn refusal_of(state: &str) -> Option<&'static str> {
    let mut known = REFUSED.iter().filter(|(start, _)| state.starts_with(start));
    known.next().map(|(_, words)| *words)
}

/// The tensors are those that torch reads, byte for byte.
fn compare(read: &Checkpoint, answer: &Answer) -> Result<(), String> {
    if let Some(why) = &answer.unread {
        return Err(format!("read, and torch does not read it: {why}"));
    }
    if !read.tensors.keys().eq(answer.tensors.keys()) {
        return Err(format!("has the tensors {:?}", read.tensors.keys()));
    }
    for (name, expected) in &answer.tensors {
        let found = &read.tensors[name];
        if found.shape() != expected.shape {
            return Err(format!("{name}: the shape {:?}", found.shape()));
        }
        let dtype = match expected.dtype.as_str() {
            "float64" => "F64",
            "float32" => "F32",
            "float16" => "F16",
            "bfloat16" => "BF16",
            "int64" => "I64",
            "int32" => "I32",
            "int16" => "I16",
            "int8" => "I8",
            "uint8" => "U8",
            "bool" => "BOOL",
            other => return Err(format!("{name}: a tensor of {other}")),
        };
        if found.dtype().name() != dtype {
            return Err(format!("{name}: the type {}", found.dtype()));
        }
        let bytes: String = found.bytes().iter().map(|b| format!("{b:02x}")).collect();
        if bytes != expected.bytes {
            return Err(format!("{name}: {bytes}, and torch has {}", expected.bytes));
        }
    }
    Ok(())
}

fn judge(answer: &Answer) -> Result<(), String> {
    match (
        checkpoint::read(Path::new(&answer.file)),
        refusal_of(&answer.state),
    ) {
        (Ok(read), None) => compare(&read, answer),
        (Ok(_), Some(_)) => Err("read, and should be refused".into()),
        (Err(error), None) => Err(format!("refused: {error}")),
        (Err(error), Some(words)) => {
            let message = error.to_string();
            let names = ["entry `the.tensor`", words];
            match names.iter().find(|name| !message.contains(**name)) {
                None => Ok(()),
                Some(missing) => Err(format!("the refusal lacks {missing}: {message}")),
            }
        }
    }
}

#[test]
fn a_tensor_in_any_state_is_read_as_torch_reads_it_or_refused_by_name() {
    let Some(python) = python_with("torch, numpy") else {
        eprintln!("notice: no Python with torch: the states of its tensors are not tested");
        return;
    };
    let test = Test::new();
    let made = Command::new(python)
        .args(["-c", include_str!("tensor_states.py")])
        .arg(test.folder())
        .output()
        .expect("Python was there a moment ago");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    let text = std::fs::read(test.folder().join("answers.json")).expect("answers");
    let answers: Vec<Answer> = serde_json::from_slice(&text).expect("answers");
    // 46 states and the types of torch 2.1, in three forms.
    assert!(answers.len() > 180, "{}", answers.len());
    let wrong: Vec<String> = (answers.iter())
        .filter_map(|answer| {
            let wrong = judge(answer).err()?;
            Some(format!("{} ({}): {wrong}", answer.state, answer.form))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let read = answers
        .iter()
        .filter(|answer| refusal_of(&answer.state).is_none());
    assert!(read.count() > 120);
}
