//! Checkpoint files: the zoo as seeds, and what must hold of one that is read.

use std::io::Cursor;
use std::path::Path;

use pipeline_checkpoint::{Statistics, read_from};

use crate::target::files;

/// Larger seeds would make for few inputs a second.
const LARGEST_SEED: usize = 16 << 10;

/// Tensors beyond this many numbers are not looked at one by one.
const NUMBERS: usize = 4096;

/// The files of the zoo that begin so.
pub fn zoo(start: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = files("tests/fixtures/checkpoint-zoo");
    files.retain(|(_, bytes)| bytes.starts_with(start) && bytes.len() <= LARGEST_SEED);
    files
}

pub fn check(input: &[u8]) -> Result<bool, String> {
    let read = read_from(Path::new("fuzzed"), Cursor::new(input), input.len() as u64);
    let checkpoint = match read {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            let message = error.to_string();
            return match message.contains("fuzzed") {
                true => Ok(false),
                false => Err(format!("an error that does not name the file: {message}")),
            };
        }
    };
    if checkpoint.tensors.is_empty() {
        return Err("accepted without a tensor".into());
    }
    for (name, tensor) in &checkpoint.tensors {
        let count = tensor
            .shape()
            .iter()
            .try_fold(1_usize, |n, axis| n.checked_mul(*axis));
        let bytes = count.and_then(|count| count.checked_mul(tensor.dtype().size()));
        if bytes != Some(tensor.bytes().len()) {
            return Err(format!(
                "{name} {:?} {} has {} bytes",
                tensor.shape(),
                tensor.dtype(),
                tensor.bytes().len()
            ));
        }
        if count.is_some_and(|count| count <= NUMBERS) {
            let statistics = Statistics::of(|| tensor.numbers());
            if statistics.min > statistics.max {
                return Err(format!("{name}: its least number is above its greatest"));
            }
            if let Ok((values, _)) = tensor.to_f32(true)
                && Some(values.len()) != count
            {
                return Err(format!("{name}: {} values for {count:?}", values.len()));
            }
        }
    }
    if let Some(trained) = &checkpoint.trained
        && let Some(stranger) = trained
            .iter()
            .find(|name| !checkpoint.tensors.contains_key(*name))
    {
        return Err(format!(
            "{stranger} is said to be trained, and is no tensor"
        ));
    }
    Ok(true)
}
