use std::collections::BTreeSet;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::Container;
use super::file::Checkpoint;
use super::float_tensor::hash_shape;
use super::source_tensor::SourceTensor;
use super::{Dtype, Statistics};

/// Bytes of half precision; a whole number of any element.
const WIDENED_AT_ONCE: usize = 16 * 1024;

/// What a checkpoint holds, ready to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Its format.
    pub container: Container,
    /// Its tensors by name.
    pub tensors: Vec<TensorSummary>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Tensors that the source's optimizer has no state for, by name; `None` where the file does
    /// not tell.
    pub never_trained: Option<Vec<String>>,
}

/// One tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TensorSummary {
    /// Its name in the file.
    pub name: String,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Type of the elements.
    pub dtype: Dtype,
    /// Moments and range.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// F32, F16 and BF16: [`tensor_digest`](super::tensor_digest) of the values as f32, so equal to the audit's
    /// whatever the precision on disk. Others: BLAKE3 of type, shape and bytes.
    pub digest: String,
}

/// Summarises every tensor of a checkpoint.
pub fn summarise(checkpoint: &Checkpoint) -> Summary {
    let tensors: Vec<(&String, &SourceTensor)> = checkpoint.tensors.iter().collect();
    let tensors = tensors.into_par_iter();
    let never_trained = |trained: &BTreeSet<String>| {
        let names = checkpoint.tensors.keys();
        names
            .filter(|name| !trained.contains(*name))
            .cloned()
            .collect()
    };
    Summary {
        container: checkpoint.container,
        tensors: tensors.map(|(name, tensor)| one(name, tensor)).collect(),
        notes: checkpoint.notes.clone(),
        never_trained: checkpoint.trained.as_ref().map(never_trained),
    }
}

/// Copies nothing: checkpoints are large.
pub(super) fn one(name: &str, tensor: &SourceTensor) -> TensorSummary {
    let statistics = match tensor.as_floats() {
        Some(floats) => Statistics::of_list(floats),
        None => Statistics::of(|| tensor.numbers()),
    };
    TensorSummary {
        name: name.into(),
        shape: tensor.shape().to_vec(),
        dtype: tensor.dtype(),
        statistics,
        digest: digest(tensor),
    }
}

fn digest(tensor: &SourceTensor) -> String {
    let mut hasher = blake3::Hasher::new();
    match tensor.dtype() {
        Dtype::F32 => {
            hash_shape(&mut hasher, tensor.shape());
            hasher.update(tensor.bytes());
        }
        Dtype::F16 | Dtype::Bf16 => {
            hash_shape(&mut hasher, tensor.shape());
            let decode = tensor.dtype().decoder();
            for chunk in tensor.bytes().chunks(WIDENED_AT_ONCE) {
                let numbers = chunk.chunks_exact(tensor.dtype().size()).map(decode);
                let widened: Vec<u8> = numbers
                    .flat_map(|number| (number as f32).to_le_bytes())
                    .collect();
                hasher.update(&widened);
            }
        }
        _ => {
            hasher.update(tensor.dtype().name().as_bytes());
            hash_shape(&mut hasher, tensor.shape());
            hasher.update(tensor.bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}
