//! The embedding of every variable.

mod bert;
mod bert_config;
mod bert_weights;
mod descriptions;
mod orthonormal;
mod sentence_model;
mod sentence_modules;
mod table;
mod text;

use std::sync::atomic::AtomicBool;

use super::config::Embeddings;
use pipeline_error::Error;

/// Embeddings, row-major [variables, dimension].
#[derive(Debug, PartialEq)]
pub(super) struct EmbeddingRows {
    pub(super) dimension: usize,
    pub(super) numbers: Vec<f32>,
}

/// Numbers in each embedding, where that can be told without computing any: `None` for files that another stage makes,
/// that are very large, or that cannot be read, of which the stage itself will tell.
pub fn embedding_width(config: &Embeddings) -> Option<usize> {
    match config {
        Embeddings::Orthonormal(dimension) => Some(*dimension),
        Embeddings::Table(path) if path.artifact().is_none() => table::width(path.as_ref()),
        Embeddings::Text(text) if text.model.artifact().is_none() => {
            text::width(text.model.as_ref())
        }
        Embeddings::Table(_) | Embeddings::Text(_) => None,
    }
}

/// The embeddings of `names`, in their order. `notes` receives what is worth reading.
pub(super) fn of_variables(
    config: &Embeddings,
    names: &[&str],
    seed: u64,
    interrupted: &AtomicBool,
    notes: &mut dyn FnMut(String),
) -> Result<EmbeddingRows, Error> {
    match config {
        Embeddings::Table(path) => table::of_variables(path.as_ref(), names),
        Embeddings::Orthonormal(dimension) => orthonormal::of_variables(*dimension, names, seed),
        Embeddings::Text(text) => text::of_variables(text, names, interrupted, notes),
    }
}
