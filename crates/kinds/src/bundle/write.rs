//! Makes a bundle.

use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BundleConfig, CALIBRATION, CARD, CONFIG, MANIFEST, Manifest, PREPROCESSING, PROVENANCE,
    model_file,
};
use crate::inputs::Inputs;
use crate::json::write_json;
use crate::model_artifact::ModelArtifact;
use crate::predict::Calibration;
use crate::says::Says;
use crate::scoring::Classifier;
use pipeline_data::contract::InputContract;
use pipeline_error::Error;
use pipeline_error::listed::first_of;
use pipeline_store::destination::{FolderDestination, refuse_read};

/// Entries that an error names before it counts.
const MOST_NAMED: usize = 5;

/// What goes into a bundle.
pub struct BundleContents {
    /// What it predicts with.
    pub artifacts: BundledArtifacts,
    /// The model card, in Markdown.
    pub card: String,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// The artifacts that a bundle predicts with.
pub struct BundledArtifacts {
    /// The artifacts `weights`; of several models the probabilities are averaged.
    pub models: Vec<PathBuf>,
    /// The artifact `variables` of the data that the models predict; none: the weights say what their inputs mean.
    pub variables: Option<PathBuf>,
    /// The artifact `calibration`; none: a threshold of 0.5, and no correction.
    pub calibration: Option<PathBuf>,
}

/// The document `provenance.json`. No path is in it: paths may name people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The recipe's name.
    pub recipe: String,
    /// The stage that was bundled.
    pub stage: String,
    /// The license of the weights, as its SPDX identifier, if one was stated.
    pub license: Option<String>,
    /// Every stage that the bundle comes from, in the order in which they ran.
    pub stages: Vec<MadeBy>,
}

/// A stage that a bundle comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MadeBy {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The key of its result.
    pub key: String,
    /// The run that executed it, if its record is still there.
    pub run: Option<String>,
}

/// Whether there is a bundle in a folder, whole or not.
pub fn is_bundle(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

impl BundleContents {
    /// Writes the bundle as the folder `target`, whole or not at all. What is there already is replaced only if
    /// `overwrite`, and only if it is a bundle in which nobody has put anything and none of the files `read` is.
    pub fn write(
        &self,
        target: &Path,
        overwrite: bool,
        read: impl FnOnce() -> Vec<PathBuf>,
    ) -> Result<Manifest, Error> {
        let is_like_it = |folder: &Path| Manifest::read(folder).is_ok();
        let destination = FolderDestination::new(target, overwrite, &is_like_it)?;
        if let Some(folder) = destination.replaced() {
            self.refuse_losses(folder, read)?;
        }
        let models = self.artifacts.models.iter();
        let models = models.map(|path| ModelArtifact::read(path));
        let models: Vec<ModelArtifact> = models.collect::<Result<_, _>>()?;
        let contract = without_patients(self.contract(&models)?);
        let Some(first) = models.first() else {
            return Err(Error::stage("there is no model to bundle"));
        };
        if models
            .iter()
            .any(|model| (&model.config, &model.target) != (&first.config, &first.target))
        {
            return Err(Error::stage(
                "the models have several architectures or targets, and a bundle has one of each",
            ));
        }
        for model in &models {
            Classifier::of(model, "be bundled")?;
        }
        let has_threshold = Says::of_model(first) == Says::Classes(2);
        let calibration = match &self.artifacts.calibration {
            Some(path) => Calibration::read(path)?,
            None => Calibration {
                recalibration: None,
                thresholds: if has_threshold { vec![0.5] } else { Vec::new() },
            },
        };
        let names: Vec<String> = (0..models.len()).map(model_file).collect();
        let config = BundleConfig {
            models: names.clone(),
            model: first.config.clone(),
        };
        destination.write(|folder| {
            for (name, mut model) in names.iter().zip(models) {
                model.inputs = Inputs::of(contract.clone());
                model.write(&folder.join(name))?;
            }
            write_json(&folder.join(CONFIG), &config)?;
            write_json(&folder.join(PREPROCESSING), &contract)?;
            calibration.write(&folder.join(CALIBRATION))?;
            write_json(&folder.join(PROVENANCE), &self.provenance)?;
            let card = folder.join(CARD);
            fs::write(&card, &self.card)
                .map_err(|error| Error::file(&card, format!("cannot be written: {error}")))?;
            let documents = [CONFIG, PREPROCESSING, CALIBRATION, PROVENANCE].map(String::from);
            Manifest::write(folder, &[documents.as_slice(), &names].concat())
        })
    }

    /// Fails if more than a bundle would go with this folder, or a file that is read.
    fn refuse_losses(
        &self,
        folder: &Path,
        read: impl FnOnce() -> Vec<PathBuf>,
    ) -> Result<(), Error> {
        let there = Manifest::read(folder)?;
        let edited = there.has_edited_card(folder, &self.card);
        let edited = edited.then(|| format!("a {CARD} that seems edited by hand"));
        let lost: Vec<String> = edited.into_iter().chain(there.others(folder)).collect();
        if !lost.is_empty() {
            return Err(Error::Usage {
                message: format!(
                    "{}: holds {}, which would be deleted",
                    folder.display(),
                    first_of(&lost, MOST_NAMED)
                ),
                hint: Some(
                    "make the bundle in a new folder, and move its files to this one".into(),
                ),
            });
        }
        let own = there.files.keys().map(String::as_str);
        let own = own.chain([MANIFEST, CARD]).map(|name| folder.join(name));
        refuse_read(own, read)
    }

    fn contract(&self, models: &[ModelArtifact]) -> Result<InputContract, Error> {
        let unknown = models.iter().any(|model| model.inputs == Inputs::Unknown);
        match (&self.artifacts.variables, models.first().map(|model| &model.inputs)) {
            _ if unknown => Err(Error::Audit {
                message: "nobody knows what the inputs of the weights mean: their import says inputs = \"unknown\"".into(),
                hint: Some("state them in the import, with inputs = { data = \"STAGE\" }: a bundle says what its inputs mean".into()),
            }),
            (Some(variables), Some(Inputs::Known { contract, .. })) => {
                Ok(InputContract::read(variables)?.with_cut_of(contract))
            }
            (Some(variables), _) => InputContract::read(variables),
            (None, Some(Inputs::Known { contract, changes })) if changes.is_empty() => Ok(contract.clone()),
            (None, _) => Err(Error::Audit {
                message: "the import of the weights has `input_changes`: the inputs are those of the data that they are given".into(),
                hint: Some("bundle a predict stage, which names the data".into()),
            }),
        }
    }
}

/// The one value of a variable that never varies is some patient's, and nothing reads it.
fn without_patients(mut contract: InputContract) -> InputContract {
    for variable in contract
        .variables
        .iter_mut()
        .filter(|variable| variable.constant)
    {
        (variable.mean, variable.std) = (0.0, 0.0);
    }
    contract
}
