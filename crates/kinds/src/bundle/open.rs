//! A bundle that has been read: nothing in it is used before all of it is as it was written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::manifest::refused;
use super::{CALIBRATION, CONFIG, Manifest, PREPROCESSING, PROVENANCE, Provenance};
use crate::inputs::Inputs;
use crate::model_artifact::ModelArtifact;
use crate::predict::Calibration;
use pipeline_data::contract::InputContract;
use pipeline_error::Error;
use pipeline_model::config::ModelConfig;

/// The document `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BundleConfig {
    /// The files of weights; of several models the probabilities are averaged.
    pub models: Vec<String>,
    /// The architecture of them all.
    pub model: ModelConfig,
}

/// Everything that a prediction needs.
pub struct Bundle {
    /// Where it lies.
    pub folder: PathBuf,
    /// Its files.
    pub manifest: Manifest,
    /// The architecture, and the files of weights.
    pub config: BundleConfig,
    /// What the inputs mean, with the embeddings of the variables.
    pub contract: InputContract,
    /// Thresholds and correction.
    pub calibration: Calibration,
    /// Where it came from.
    pub provenance: Provenance,
    /// Files of the folder that are no part of it.
    pub others: BTreeSet<String>,
    pub(super) models: Vec<ModelArtifact>,
}

impl Bundle {
    /// Reads the bundle in `folder`. An error names the file that is damaged, of a newer format, or does not belong
    /// to the others.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        if !folder.is_dir() {
            return Err(Error::Usage {
                message: format!("{}: there is no such folder", folder.display()),
                hint: Some("`pipeline bundle RECIPE STAGE DIR` makes one".into()),
            });
        }
        let manifest = Manifest::verified(folder)?;
        let config: BundleConfig = read(folder, CONFIG)?;
        let stated: InputContract = read(folder, PREPROCESSING)?;
        let mut models = Vec::with_capacity(config.models.len());
        let mut contract = None;
        for name in &config.models {
            let path = folder.join(name);
            if !manifest.files.contains_key(name) {
                return Err(refused(&path, "is not in the manifest", APART));
            }
            let artifact = ModelArtifact::read(&path)?;
            let Inputs::Known { contract: own, .. } = &artifact.inputs else {
                return Err(refused(&path, "does not say what its inputs mean", APART));
            };
            let beside = InputContract {
                embeddings: own.embeddings.clone(),
                ..stated.clone()
            };
            let belongs =
                *own == *contract.get_or_insert(beside) && artifact.config == config.model;
            if !belongs {
                let what = format!("does not belong to {CONFIG} and {PREPROCESSING}");
                return Err(refused(&path, &what, APART));
            }
            models.push(artifact);
        }
        let Some(contract) = contract else {
            return Err(refused(&folder.join(CONFIG), "names no model", APART));
        };
        Ok(Self {
            folder: folder.to_path_buf(),
            others: manifest.others(folder),
            manifest,
            config,
            contract,
            calibration: read(folder, CALIBRATION)?,
            provenance: read(folder, PROVENANCE)?,
            models,
        })
    }
}

const APART: &str = "its files are of several bundles: make the bundle again";

fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T, Error> {
    let path = folder.join(name);
    let unread =
        |error: &dyn std::fmt::Display| refused(&path, &format!("cannot be read: {error}"), APART);
    let text = std::fs::read(&path).map_err(|error| unread(&error))?;
    serde_json::from_slice(&text).map_err(|error| unread(&error))
}
