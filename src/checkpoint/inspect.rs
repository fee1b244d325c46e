use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{Checkpoint, Container};
use super::float_tensor::{hash_shape, tensor_digest};
use super::source_tensor::SourceTensor;
use super::{Dtype, Statistics};

/// What a checkpoint holds, ready to be shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The file's name, without its folder.
    pub file: String,
    /// Its format.
    pub container: Container,
    /// Its tensors by name.
    pub tensors: Vec<TensorSummary>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
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
    /// F32, F16 and BF16: [`tensor_digest`] of the values as f32, so equal to the audit's
    /// whatever the precision on disk. Others: BLAKE3 of type, shape and bytes.
    pub digest: String,
}

/// Summarises every tensor of a checkpoint.
pub fn summarise(checkpoint: &Checkpoint) -> Summary {
    let tensors: Vec<(&String, &SourceTensor)> = checkpoint.tensors.iter().collect();
    let tensors = tensors.into_par_iter();
    Summary {
        file: checkpoint.file_name(),
        container: checkpoint.container,
        tensors: tensors.map(|(name, tensor)| one(name, tensor)).collect(),
        notes: checkpoint.notes.clone(),
    }
}

pub(super) fn one(name: &str, tensor: &SourceTensor) -> TensorSummary {
    let (statistics, digest) = match tensor.to_f32(false) {
        Ok((values, _)) => (
            Statistics::of(|| values.iter().map(|value| f64::from(*value))),
            tensor_digest(tensor.shape(), &values),
        ),
        Err(_) => (Statistics::of(|| tensor.numbers()), raw_digest(tensor)),
    };
    TensorSummary {
        name: name.into(),
        shape: tensor.shape().to_vec(),
        dtype: tensor.dtype(),
        statistics,
        digest,
    }
}

fn raw_digest(tensor: &SourceTensor) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(tensor.dtype().name().as_bytes());
    hash_shape(&mut hasher, tensor.shape());
    hasher.update(tensor.bytes());
    hasher.finalize().to_hex().to_string()
}
