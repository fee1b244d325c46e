//! The weights of a BERT, each of them and no other.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};

use super::bert_config::BertConfig;
use pipeline_checkpoint::{self as checkpoint, Container, ImportRules, TargetTensor};
use pipeline_error::Error;

/// What files hold that no sentence embedding needs: the numbers 0, 1, …, and the layer over
/// `[CLS]` for the prediction of the next sentence.
const HARMLESS: [&str; 2] = ["embeddings.position_ids", "pooler.*"];

/// Reads a safetensors file, on the CPU, in F32. Under the rules of an import: a tensor that is
/// missing, unused (but for those that are known to be harmless), of another shape or type or not
/// finite is an [`Error::Audit`] that names it.
pub(super) fn read(path: &Path, config: &BertConfig) -> Result<HashMap<String, Tensor>, Error> {
    let checkpoint = checkpoint::read(path)?;
    if checkpoint.container != Container::Safetensors {
        return Err(Error::file(
            path,
            format!("is {}, not safetensors", checkpoint.container),
        ));
    }
    let is_there = |pattern: &&str| {
        let start = pattern.trim_end_matches('*');
        let mut names = checkpoint.tensors.keys();
        names.any(|name| name == pattern || (start != *pattern && name.starts_with(start)))
    };
    let rules = ImportRules {
        ignore: (HARMLESS.iter().filter(|pattern| is_there(pattern)))
            .map(ToString::to_string)
            .collect(),
        exact_names: true,
        ..ImportRules::default()
    };
    let imported = checkpoint::import(checkpoint, &targets(config), &rules)
        .map_err(|error| error.with_hint(
            "config.json and model.safetensors must be of one BERT, as SentenceTransformer.save or BertModel.save_pretrained \
             writes them, in F32, F16 or BF16",
        ))?;
    let tensors = imported.tensors.into_iter();
    tensors
        .map(|(name, tensor)| {
            let values = Tensor::from_vec(tensor.values, tensor.shape, &Device::Cpu)?;
            Ok((name, values))
        })
        .collect()
}

/// Every tensor of the model, by the names of transformers.
fn targets(config: &BertConfig) -> Vec<TargetTensor> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let mut targets = Vec::new();
    let mut add = |name: String, shape: &[usize]| {
        targets.push(TargetTensor {
            name,
            shape: shape.to_vec(),
        });
    };
    for (table, rows) in [
        ("word", config.vocab_size),
        ("position", config.max_position_embeddings),
        ("token_type", config.type_vocab_size),
    ] {
        add(
            format!("embeddings.{table}_embeddings.weight"),
            &[rows, hidden],
        );
    }
    let mut add_norm = |name: &str| {
        add(format!("{name}.weight"), &[hidden]);
        add(format!("{name}.bias"), &[hidden]);
    };
    add_norm("embeddings.LayerNorm");
    for layer in 0..config.num_hidden_layers {
        let layer = format!("encoder.layer.{layer}");
        add_norm(&format!("{layer}.attention.output.LayerNorm"));
        add_norm(&format!("{layer}.output.LayerNorm"));
    }
    for layer in 0..config.num_hidden_layers {
        for (name, from, to) in [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", hidden, inner),
            ("output.dense", inner, hidden),
        ] {
            add(format!("encoder.layer.{layer}.{name}.weight"), &[to, from]);
            add(format!("encoder.layer.{layer}.{name}.bias"), &[to]);
        }
    }
    targets
}
