use std::collections::{BTreeMap, BTreeSet};

use super::elsewhere::Elsewhere;
use super::source_tensor::SourceTensor;
use super::stated::Stated;

/// Tensors and remarks, before they are a [`Checkpoint`].
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) tensors: BTreeMap<String, SourceTensor>,
    pub(super) notes: Vec<String>,
    pub(super) trained: Option<BTreeSet<String>>,
    pub(super) stated: Stated,
    pub(super) elsewhere: Elsewhere,
}
