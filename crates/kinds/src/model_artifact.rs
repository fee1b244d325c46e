//! A model in the store: safetensors whose metadata say what the weights are for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::asked::named;
use super::inputs::{EMBEDDINGS, Inputs};
use super::json::as_json;
use super::says::Says;
use pipeline_checkpoint::{self as checkpoint, Checkpoint, FloatTensor, TensorValues};
use pipeline_data::target::Target;
use pipeline_error::Error;
use pipeline_files::Written;
use pipeline_model::classifier::Head;
use pipeline_model::config::{ModelConfig, ModelMode};
use pipeline_model::host::HostParameters;
use pipeline_model::parameter::ParameterSpec;
use pipeline_model::seqsetvae::parameter_specs;

/// What the metadata say of a head of which no file told what it was trained on.
const UNTOLD: (&str, &str) = ("head", "\"untold\"");

/// Whether metadata say that no file told what the head was trained on.
pub fn is_untold(metadata: &BTreeMap<String, String>) -> bool {
    metadata.get(UNTOLD.0).is_some_and(|text| text == UNTOLD.1)
}

/// Weights, and what they are for.
#[derive(Clone, Debug)]
pub struct ModelArtifact {
    /// The architecture.
    pub config: ModelConfig,
    /// What the weights are for.
    pub mode: ModelMode,
    /// Parameters of the model that the weights do not hold: drawn afresh where they are trained.
    pub new: BTreeSet<String>,
    /// Parameters that may be trained; `None` before a freeze stage has said so.
    pub trainable: Option<BTreeSet<String>>,
    /// All parameters but the new ones.
    pub parameters: HostParameters,
    /// What the weights know of their inputs.
    pub inputs: Inputs,
    /// The target that the head says; none: the label.
    pub target: Option<Target>,
    /// Whether that is taken for granted, because the head's file did not tell what it was trained on.
    pub head_untold: bool,
}

impl ModelArtifact {
    /// Every parameter of the model, sorted by name.
    pub fn specs(&self) -> Result<Vec<ParameterSpec>, Error> {
        Ok(parameter_specs(&self.config, self.mode)?)
    }

    /// Writes weights and metadata.
    pub fn write(&self, path: &Path) -> Result<Written, Error> {
        let parameters = self.parameters.iter();
        self.write_parameters(
            path,
            parameters.map(|(name, tensor)| (name.clone(), tensor as _)),
        )
    }

    /// The same with parameters that lie elsewhere.
    pub fn write_parameters<'a>(
        &self,
        path: &Path,
        parameters: impl Iterator<Item = (String, &'a dyn TensorValues)>,
    ) -> Result<Written, Error> {
        let mut metadata = self.metadata();
        metadata.extend(self.inputs.metadata());
        let embeddings = self.inputs.embeddings();
        let mut tensors: BTreeMap<String, &dyn TensorValues> = parameters.collect();
        if let Some(embeddings) = &embeddings {
            tensors.insert(EMBEDDINGS.into(), embeddings);
        }
        checkpoint::write_safetensors(path, &tensors, &metadata)
    }

    /// What the weights are for, as it stands in their file.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let mut metadata = BTreeMap::from([
            ("mode".to_string(), to_json(&self.mode)),
            ("model".to_string(), to_json(&self.config)),
            ("new".to_string(), to_json(&self.new)),
        ]);
        if let Some(trainable) = &self.trainable {
            metadata.insert("trainable".into(), to_json(trainable));
        }
        if let Some(target) = &self.target {
            metadata.insert("target".into(), to_json(target));
        }
        if self.head_untold {
            metadata.insert(UNTOLD.0.into(), UNTOLD.1.into());
        }
        metadata
    }

    /// Reads weights and metadata; the weights must be exactly the model's parameters but the new ones.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let metadata = checkpoint::read_metadata(path)?;
        let trainable = match metadata.get("trainable") {
            Some(text) => Some(from_json(path, "trainable", text)?),
            None => None,
        };
        let target = match metadata.get("target") {
            Some(text) => Some(from_json(path, "target", text)?),
            None => None,
        };
        let mut held = checkpoint::read(path)?;
        let inputs = Inputs::take(&mut held)?.ok_or_else(|| no_metadata(path, "inputs"))?;
        let artifact = Self {
            config: metadata_entry(path, &metadata, "model")?,
            mode: metadata_entry(path, &metadata, "mode")?,
            new: metadata_entry(path, &metadata, "new")?,
            trainable,
            parameters: parameters_of(held)?,
            inputs,
            target,
            head_untold: is_untold(&metadata),
        };
        artifact.check_names(path)?;
        Ok(artifact)
    }

    fn check_names(&self, path: &Path) -> Result<(), Error> {
        let wanted: BTreeSet<String> = self.specs()?.into_iter().map(|spec| spec.name).collect();
        let held = self
            .parameters
            .keys()
            .chain(&self.new)
            .cloned()
            .collect::<BTreeSet<_>>();
        if let Some(name) = wanted.symmetric_difference(&held).next() {
            return Err(Error::Audit {
                message: format!(
                    "{}: {name} is not in both the model and its weights",
                    path.display()
                ),
                hint: None,
            });
        }
        Ok(())
    }

    /// Makes the head say `target`, or the label where it is none: a new head takes the number of its outputs from it, and one
    /// that was trained must say it already. What is trained by it is told.
    pub fn ask(&mut self, target: Option<&Target>) -> Result<(), Error> {
        let is_new = |name: &String| !Head::owns(name) || self.new.contains(name);
        if self.specs()?.iter().all(|spec| is_new(&spec.name)) {
            if let Some(target) = target {
                self.config.classifier.num_classes = target.outputs.len();
            }
            self.target = target.cloned();
            self.head_untold = false;
            return Ok(());
        }
        if self.target.as_ref() == target {
            self.head_untold = false;
            return Ok(());
        }
        let asked = named(target);
        if self.head_untold {
            if target.is_some_and(|target| Says::of_target(target) == Says::of_model(self)) {
                self.target = target.cloned();
                self.head_untold = false;
                return Ok(());
            }
            return Err(Error::Audit {
                message: format!(
                    "the head's file does not tell what it was trained on: it is taken to say the label, and {asked} is asked"
                ),
                hint: Some("begin with a new head: import with new = [\"cls_head.*\"]".into()),
            });
        }
        let says = named(self.target.as_ref());
        Err(Error::Audit {
            message: format!("the head was trained to say {says}, and {asked} is asked"),
            hint: Some("begin with a new head: import with new = [\"cls_head.*\"]".into()),
        })
    }

    /// Fails unless the weights are complete.
    pub fn require_complete(&self, purpose: &str) -> Result<(), Error> {
        if self.new.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.new.iter().map(String::as_str).collect();
        Err(Error::Audit {
            message: format!(
                "the model cannot {purpose}: {} parameters were never loaded nor trained:\n  {}",
                names.len(),
                names.join("\n  ")
            ),
            hint: Some("evaluate a finetune stage, or import a checkpoint that holds them".into()),
        })
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    as_json(value).to_string()
}

fn metadata_entry<T: DeserializeOwned>(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    name: &str,
) -> Result<T, Error> {
    let text = metadata.get(name).ok_or_else(|| no_metadata(path, name))?;
    from_json(path, name, text)
}

fn no_metadata(path: &Path, name: &str) -> Error {
    Error::file(path, format!("is no model artifact: no metadata {name}"))
}

fn from_json<T: DeserializeOwned>(path: &Path, name: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::file(path, format!("the metadata {name} cannot be read: {error}")))
}

fn parameters_of(held: Checkpoint) -> Result<HostParameters, Error> {
    let path = &held.path;
    held.tensors
        .into_iter()
        .map(|(name, tensor)| {
            let shape = tensor.shape().to_vec();
            let values = tensor
                .into_f32(false)
                .map_err(|reason| Error::file(path, format!("{name}: {reason}")))?;
            Ok((name, FloatTensor { shape, values }))
        })
        .collect()
}
