//! Embeddings that a sentence model makes of names or descriptions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::bert_config::BertConfig;
use super::sentence_model::SentenceModel;
use super::{EmbeddingRows, descriptions};
use crate::config::TextEmbeddings;
use crate::go_on;
use crate::names::quoted;
use pipeline_error::Error;

/// The embeddings of `names`, in their order. Each is computed by itself: neither threads nor the
/// other variables change a bit of it.
pub(super) fn of_variables(
    settings: &TextEmbeddings,
    names: &[&str],
    interrupted: &AtomicBool,
    notes: &mut dyn FnMut(String),
) -> Result<EmbeddingRows, Error> {
    let texts = match &settings.descriptions {
        Some(path) => descriptions::of_variables(path.as_ref(), names, settings.missing)?,
        None => names.iter().map(ToString::to_string).collect(),
    };
    let model = SentenceModel::open(settings)?;
    let rows = texts.par_iter().zip(names).map(|(text, name)| {
        go_on(interrupted)?;
        model.embed(text).map_err(|error| of_variable(name, error))
    });
    let rows: Vec<Result<Vec<f32>, Error>> = rows.collect();
    // The first that is wrong in the order of the names, whichever thread came across one first.
    let rows = rows.into_iter().collect::<Result<Vec<_>, Error>>()?;
    tell_equal(names, &rows, notes);
    Ok(EmbeddingRows {
        dimension: model.dimension(),
        numbers: rows.concat(),
    })
}

/// Numbers in an embedding of the model in this folder, if its `config.json` can be read.
pub(super) fn width(folder: &Path) -> Option<usize> {
    let config = BertConfig::read(&folder.join("config.json")).ok()?;
    Some(config.hidden_size)
}

fn of_variable(name: &str, error: Error) -> Error {
    match error {
        Error::Stage { message, hint } => Error::Stage {
            message: format!("variable `{name}`: {message}"),
            hint,
        },
        other => other,
    }
}

/// Many tokenizers know no upper case, and words that they do not know are all the same to them.
fn tell_equal(names: &[&str], rows: &[Vec<f32>], notes: &mut dyn FnMut(String)) {
    let mut alike: BTreeMap<Vec<u32>, Vec<String>> = BTreeMap::new();
    for (name, row) in names.iter().zip(rows) {
        let bits = row.iter().map(|number| number.to_bits()).collect();
        alike.entry(bits).or_default().push(name.to_string());
    }
    let mut groups: Vec<Vec<String>> = alike
        .into_values()
        .filter(|group| group.len() > 1)
        .collect();
    groups.sort_unstable();
    for group in groups {
        notes(format!(
            "warning: {} have one embedding: the model cannot tell them apart by it; `descriptions` can say what they are",
            quoted(group.iter())
        ));
    }
}

#[cfg(test)]
mod tests;
