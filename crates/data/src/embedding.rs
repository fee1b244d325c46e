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

use std::collections::HashMap;
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

/// Names variables that the model cannot tell apart, by the first of them.
fn tell_of_alike(names: &[&str], rows: &EmbeddingRows, notes: &mut dyn FnMut(String)) {
    let bits = |row: &[f32]| {
        row.iter()
            .map(|number| number.to_bits())
            .collect::<Vec<_>>()
    };
    let mut first: HashMap<Vec<u32>, &str> = HashMap::new();
    for (name, row) in names.iter().zip(rows.numbers.chunks(rows.dimension.max(1))) {
        if row.iter().all(|number| *number == 0.0) {
            notes(format!(
                "warning: the embedding of `{name}` is zero everywhere"
            ));
        } else if let Some(other) = first.insert(bits(row), name) {
            notes(format!(
                "warning: `{other}` and `{name}` have the same embedding: the model cannot tell them apart"
            ));
        }
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
        Embeddings::Table(path) => {
            let rows = table::of_variables(path.as_ref(), names)?;
            tell_of_alike(names, &rows, notes);
            Ok(rows)
        }
        Embeddings::Orthonormal(dimension) => orthonormal::of_variables(*dimension, names, seed),
        Embeddings::Text(text) => text::of_variables(text, names, interrupted, notes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_cannot_be_told_apart_are_told() {
        let rows = EmbeddingRows {
            dimension: 2,
            numbers: vec![1.0, 2.0, 0.0, 0.0, 1.0, 2.0, 1.0, 3.0],
        };
        let mut notes = Vec::new();
        tell_of_alike(&["a", "b", "c", "d"], &rows, &mut |note| notes.push(note));
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("`b` is zero everywhere"), "{notes:?}");
        assert!(notes[1].contains("`a` and `c` have the same"), "{notes:?}");
    }
}
