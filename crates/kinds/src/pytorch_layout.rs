//! Weights as the PyTorch reference names them, so that its `load_state_dict` takes what was trained here.

use std::collections::BTreeSet;
use std::path::Path;

use super::json::as_json;
use super::model_artifact::ModelArtifact;
use pipeline_checkpoint::{FloatTensor, safetensors_bytes};
use pipeline_error::Error;
use pipeline_model::config::{DecoderQueries, Fusion, ModelMode, TimeBiasKind, ValueEncoding};
use pipeline_model::reference_layout::{Placeholder, placeholders};

/// The artifacts that are weights: (kind of the stage, artifact).
const WEIGHTS: [(&str, &str); 4] = [
    ("pretrain", "checkpoint"),
    ("import", "weights"),
    ("freeze", "weights"),
    ("finetune", "weights"),
];

/// The artifact of a stage of this kind that is weights.
pub fn weights_of(kind: &str) -> Option<&'static str> {
    let mut found = WEIGHTS.iter().filter(|(stage, _)| *stage == kind);
    found.next().map(|(_, artifact)| *artifact)
}

/// The artifacts that are weights, in words.
pub const WEIGHTS_IN_WORDS: &str =
    "`checkpoint` of a pretrain stage, `weights` of an import, freeze or finetune stage";

/// A safetensors file with exactly the tensors of the reference's model.
pub struct PytorchWeights {
    /// The file.
    pub bytes: Vec<u8>,
    /// Which of the reference's models it is for.
    pub mode: ModelMode,
    /// Its tensors.
    pub tensors: usize,
    /// Those of them that the reference has and never uses: they hold no weights.
    pub placeholders: Vec<String>,
}

/// Weights of the store, at `path`, in the reference's layout: every parameter of ours under the name
/// and in the shape that it has there, as F32, and what the reference has besides as placeholders.
/// Its own metadata say what was trained and what was filled in.
pub fn convert(path: &Path) -> Result<PytorchWeights, Error> {
    let artifact = ModelArtifact::read(path)?;
    refuse_unfit(&artifact)?;
    let fill = placeholders(&artifact.config, artifact.mode)?;
    let names: Vec<String> = fill.iter().map(|filled| filled.name.clone()).collect();
    let mut metadata = artifact.metadata();
    metadata.extend(artifact.inputs.metadata_alone());
    metadata.insert("placeholders".into(), as_json(&names).to_string());
    let mut tensors = artifact.parameters;
    tensors.extend(fill.into_iter().map(filled));
    Ok(PytorchWeights {
        bytes: safetensors_bytes(&tensors, &metadata)?,
        mode: artifact.mode,
        tensors: tensors.len(),
        placeholders: names,
    })
}

fn refuse_unfit(artifact: &ModelArtifact) -> Result<(), Error> {
    let refused = |message: String, hint: &str| {
        Err(Error::Usage {
            message,
            hint: Some(hint.into()),
        })
    };
    if artifact.config.value_encoding == ValueEncoding::Affine {
        return refused(
            "the reference has no `embed_presence`, which model.value_encoding = \"affine\" adds: \
             its layout cannot hold these weights"
                .into(),
            "train with value_encoding = \"scale\" what the reference is to load",
        );
    }
    if artifact.config.time_bias == TimeBiasKind::Elapsed {
        return refused(
            "the reference's time bias is 0, and model.time_bias = \"elapsed\" is not: \
             it would compute other features from these weights"
                .into(),
            "train with time_bias = \"zero\" what the reference is to load",
        );
    }
    if artifact.config.latent_norm {
        return refused(
            "the reference does not normalise latents, which model.latent_norm = true does: \
             it would compute other features from these weights"
                .into(),
            "train with latent_norm = false what the reference is to load",
        );
    }
    if artifact.config.readout().is_some() {
        return refused(
            "the reference has no readout, which model.classifier.pooling = \"readout\" adds: \
             its layout cannot hold these weights"
                .into(),
            "train with another pooling what the reference is to load",
        );
    }
    let queries = artifact.config.decoder_queries;
    if artifact.mode == ModelMode::Pretrain && queries == DecoderQueries::Variables {
        return refused(
            "the reference has no `decoder.query`, which model.decoder_queries = \"variables\" adds: \
             its layout cannot hold these weights"
                .into(),
            "export the weights of an import stage with into = \"classifier\": they have no decoder",
        );
    }
    if artifact.mode == ModelMode::Classifier && artifact.config.classifier.fusion == Fusion::Concat
    {
        return refused(
            "the reference's head takes the pooled output alone, and with \
             model.classifier.fusion = \"concat\" it takes the posterior beside it: \
             its layout cannot hold these weights"
                .into(),
            "train with another fusion what the reference is to load",
        );
    }
    if !artifact.new.is_empty() {
        let names: Vec<&str> = artifact.new.iter().map(String::as_str).collect();
        return refused(
            format!(
                "the weights lack {} parameters that the reference's model has:\n  {}",
                names.len(),
                names.join("\n  ")
            ),
            "export the finetune stage that trains them",
        );
    }
    Ok(())
}

fn filled(placeholder: Placeholder) -> (String, FloatTensor) {
    let count = placeholder.shape.iter().product();
    let tensor = FloatTensor {
        values: vec![placeholder.value; count],
        shape: placeholder.shape,
    };
    (placeholder.name, tensor)
}

impl PytorchWeights {
    /// The `ignore` of an import stage that reads the file back: patterns of the placeholders and
    /// of nothing else.
    pub fn ignore(&self) -> Vec<String> {
        let patterns: BTreeSet<String> = self
            .placeholders
            .iter()
            .map(|name| pattern_of(name))
            .collect();
        patterns.into_iter().collect()
    }
}

/// `decoder.*` for `decoder.out.weight`; below the encoder, whose own parameters are none, a part more.
fn pattern_of(name: &str) -> String {
    let mut encoders = ["set_encoder.", "setvae.setvae."].into_iter();
    let encoder = encoders.find(|encoder| name.starts_with(encoder));
    let encoder = encoder.unwrap_or_default();
    match name[encoder.len()..].split_once('.') {
        Some((part, _)) => format!("{encoder}{part}.*"),
        None => name.to_string(),
    }
}
