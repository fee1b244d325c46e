//! The checkpoints that tests are made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Checkpoint, FloatTensor, TargetTensor, read, write_safetensors};

pub(super) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(name)
}

/// The tensors of a fixture as parameters that a model could want.
pub(super) fn targets_of(name: &str) -> Vec<TargetTensor> {
    let checkpoint = read(&path(name)).unwrap();
    let tensors = checkpoint.tensors.iter();
    let target = |(name, tensor): (&String, &super::SourceTensor)| TargetTensor {
        name: name.clone(),
        shape: tensor.shape().to_vec(),
    };
    tensors.map(target).collect()
}

/// A checkpoint of the given tensors, each filled with its number.
pub(super) fn checkpoint(tensors: &[(&str, &[usize])]) -> Checkpoint {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.safetensors");
    let filled = tensors.iter().enumerate().map(|(number, (name, shape))| {
        let count = shape.iter().product();
        let values = (0..count).map(|i| (number * 100 + i) as f32).collect();
        let shape = shape.to_vec();
        (name.to_string(), FloatTensor { shape, values })
    });
    write_safetensors(&file, &filled.collect(), &BTreeMap::new()).unwrap();
    read(&file).unwrap()
}

pub(super) fn targets(tensors: &[(&str, &[usize])]) -> Vec<TargetTensor> {
    let target = |(name, shape): &(&str, &[usize])| TargetTensor {
        name: name.to_string(),
        shape: shape.to_vec(),
    };
    tensors.iter().map(target).collect()
}
