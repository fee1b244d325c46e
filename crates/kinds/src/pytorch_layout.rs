//! Weights as the PyTorch reference names them, so that its `load_state_dict` takes what was trained here.

use std::collections::BTreeSet;
use std::path::Path;

use super::json::as_json;
use super::model_artifact::ModelArtifact;
use pipeline_checkpoint::{FloatTensor, safetensors_bytes};
use pipeline_error::Error;
use pipeline_model::config::{
    DecoderQueries, Fusion, HeadKind, ModelConfig, ModelMode, Pooling, TimeBiasKind, ValueEncoding,
};
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
    /// Which of the reference's models it is for, in words.
    pub model: &'static str,
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
    let mode = match artifact.mode {
        ModelMode::Pretrain => None,
        ModelMode::Classifier => finetuning_mode(&artifact.config),
    };
    let fill = placeholders(&artifact.config, artifact.mode)?;
    let names: Vec<String> = fill.iter().map(|filled| filled.name.clone()).collect();
    let mut metadata = artifact.metadata();
    metadata.extend(artifact.inputs.metadata_alone());
    metadata.insert("placeholders".into(), as_json(&names).to_string());
    let mut tensors = artifact.parameters;
    tensors.extend(fill.into_iter().map(filled));
    Ok(PytorchWeights {
        bytes: safetensors_bytes(&tensors, &metadata)?,
        model: mode.unwrap_or("pretraining model"),
        tensors: tensors.len(),
        placeholders: names,
    })
}

/// The mode of the reference's finetuning model that computes this fusion and pooling. Its state dict is the same in
/// both modes, so weights of other pairs would load, and be read as another model.
fn finetuning_mode(config: &ModelConfig) -> Option<&'static str> {
    match (config.classifier.fusion, config.classifier.pooling) {
        (Fusion::Uncertainty, Pooling::Recency) => Some("classification mode"),
        (Fusion::Gated, Pooling::Multiscale) => Some("full mode"),
        _ => None,
    }
}

fn refuse_unfit(artifact: &ModelArtifact) -> Result<(), Error> {
    let unfit = unfit_settings(artifact);
    if !unfit.is_empty() {
        let lines: String = unfit
            .iter()
            .map(|(what, _)| format!("\n  {what}"))
            .collect();
        let remedies: Vec<&str> = unfit.iter().map(|(_, remedy)| *remedy).collect();
        return Err(Error::Usage {
            message: format!(
                "the reference could not load these weights, or would compute other features from them:{lines}"
            ),
            hint: Some(format!(
                "train what the reference is to load with {}",
                remedies.join(", ")
            )),
        });
    }
    if artifact.new.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = artifact.new.iter().map(String::as_str).collect();
    Err(Error::Usage {
        message: format!(
            "the weights lack {} parameters that the reference's model has:\n  {}",
            names.len(),
            names.join("\n  ")
        ),
        hint: Some("export the finetune stage that trains them".into()),
    })
}

/// Settings of a model that the reference's has not, and what to train with in their place. All of them, as each
/// costs a training to change.
fn unfit_settings(artifact: &ModelArtifact) -> Vec<(String, &'static str)> {
    let config = &artifact.config;
    let is_classifier = artifact.mode == ModelMode::Classifier;
    let pair = format!(
        "model.classifier.fusion = \"{}\" with pooling = \"{}\": no mode of the reference computes that",
        config.classifier.fusion.name(),
        config.classifier.pooling.name()
    );
    let settings: [(bool, &str, &str); 7] = [
        (
            config.value_encoding == ValueEncoding::Affine,
            "model.value_encoding = \"affine\" adds `embed_presence`, which the reference has not",
            "value_encoding = \"scale\"",
        ),
        (
            config.time_bias == TimeBiasKind::Elapsed,
            "model.time_bias = \"elapsed\": the reference's bias is 0",
            "time_bias = \"zero\"",
        ),
        (
            config.latent_norm,
            "model.latent_norm = true: the reference does not normalise latents",
            "latent_norm = false",
        ),
        (
            config.readout().is_some(),
            "model.classifier.pooling = \"readout\": the reference has no readout",
            "another classifier.pooling (and no `tasks` in the pretraining)",
        ),
        (
            !is_classifier && config.decoder_queries == DecoderQueries::Variables,
            "model.decoder_queries = \"variables\" adds `decoder.query`, which the reference has not",
            "decoder_queries = \"noise\", or export an import stage with into = \"classifier\", which has no decoder",
        ),
        (
            is_classifier && finetuning_mode(config).is_none(),
            &pair,
            "classifier.fusion = \"uncertainty\" and pooling = \"recency\" (its classification mode) or \"gated\" and \"multiscale\" (its full mode)",
        ),
        (
            is_classifier && config.classifier.head == HeadKind::Linear,
            "model.classifier.head = \"linear\": the reference's head has hidden layers",
            "classifier.head = \"mlp\"",
        ),
    ];
    let unfit = settings.into_iter().filter(|(is_unfit, ..)| *is_unfit);
    unfit
        .map(|(_, what, remedy)| (what.to_string(), remedy))
        .collect()
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
