//! The stage `import`: a checkpoint → a model's weights, under a strict audit.

use std::collections::BTreeMap;
use std::path::Path;

use super::built_model;
use super::head_target::ImportedHead;
use crate::import::hidden_settings::{Declared, check_hidden_settings};
use crate::import::pin;
use crate::import::readout;
use crate::import::table::StatedInputs;
use crate::inputs::{DeclaredInputs, Inputs, UNKNOWN_INPUTS, compared_by_a_run};
use crate::json::{as_json, backbone_fields, write_json};
use crate::model_artifact::ModelArtifact;
use pipeline_checkpoint::{
    self as checkpoint, Audit, Checkpoint, Import, ImportRules, Stated, TargetTensor,
};
use pipeline_data::contract::{InputContract, InputField};
use pipeline_data::input_path::InputPath;
use pipeline_error::Error;
use pipeline_model::config::{ClassifierConfig, ModelConfig, ModelMode};
use pipeline_model::host::{HostParameters, digests};
use pipeline_model::seqsetvae::parameter_specs;
use pipeline_stage::{ExternalInput, RecipePlace, Stage, StageContext, StageInput, StageOutput};
use pipeline_store::ArtifactFile;
use pipeline_store::digest::Digest;
use serde_json::{Value, json};

/// The setting that names a checkpoint file.
const FILE_FIELD: &str = "from.path";
/// The setting that names the data stage whose inputs the weights have.
const INPUTS_FIELD: &str = "inputs.data";

/// Where the weights come from.
pub enum WeightSource {
    /// An artifact of another stage: (stage, artifact).
    Stage(String, &'static str),
    /// A file outside the store.
    File {
        /// Where it is, or which artifact.
        path: InputPath,
        /// The SHA-256 it must have, in hexadecimal.
        sha256: Option<String>,
    },
}

/// Loads weights under a strict audit.
pub struct ImportStage {
    /// The architecture.
    pub model: ModelConfig,
    /// Where the weights come from.
    pub from: WeightSource,
    /// What the weights are for.
    pub into: ModelMode,
    /// What may be missing, and what may be left over.
    pub rules: ImportRules,
    /// Settings that no shape shows.
    pub hidden: Declared,
    /// What the recipe says of the weights' inputs, where their file does not.
    pub inputs: Option<StatedInputs>,
    /// What may be otherwise in the data that the weights are given.
    pub input_changes: Vec<InputField>,
}

impl ImportStage {
    fn path<'a>(&'a self, context: &'a StageContext) -> Result<&'a Path, Error> {
        match &self.from {
            WeightSource::Stage(_, artifact) => context.input("from", artifact),
            WeightSource::File { path, .. } => match path.artifact() {
                Some(made) => context.input(FILE_FIELD, &made.artifact),
                None => Ok(path.as_ref()),
            },
        }
    }

    /// Fails if the recipe pins another file than the one at `path`.
    pub fn check_pin(&self, path: &Path) -> Result<(), Error> {
        let WeightSource::File {
            sha256: Some(pin), ..
        } = &self.from
        else {
            return Ok(());
        };
        pin::check(path, pin)
    }

    /// Reads and audits the file; the model's parameters are the import's. What no shape shows is among the audit's notes.
    fn read(
        &self,
        path: &Path,
        scratch: &Path,
        declared: &DeclaredInputs,
    ) -> Result<(Import, ModelArtifact), Error> {
        let mut checkpoint = match &self.from {
            WeightSource::File {
                sha256: Some(pin), ..
            } => pin::read(path, pin, scratch)?,
            _ => checkpoint::read(path)?,
        };
        let found = Inputs::take(&mut checkpoint)?;
        let embeddings = declared.compare_embeddings(&mut checkpoint, &found, &self.rules)?;
        let stated = checkpoint.stated.clone();
        let config = self.config(path, &checkpoint)?;
        let targets = self.targets(&config)?;
        let mut imported = checkpoint::import(checkpoint, &targets, &self.rules)?;
        let notes = self.check_hidden_settings(path, &stated, &imported.audit)?;
        imported
            .audit
            .notes
            .extend(notes.into_iter().chain(embeddings));
        let inputs = declared.resolve(path, found)?;
        if inputs == Inputs::Unknown {
            imported.audit.notes.push(UNKNOWN_INPUTS.into());
        }
        imported.audit.notes.extend(readout::note(&config));
        let (head, new) = (self.head(path, &stated), &imported.audit.new);
        let artifact = ModelArtifact {
            config,
            mode: self.into,
            new: new.iter().map(|new| new.target.clone()).collect(),
            trainable: None,
            parameters: HostParameters::new(),
            inputs,
            target: head.target()?,
            head_untold: head.is_untold()?,
        };
        Ok((imported, artifact))
    }

    fn head<'a>(&'a self, path: &'a Path, stated: &'a Stated) -> ImportedHead<'a> {
        ImportedHead {
            path,
            stated,
            into: self.into,
            new: &self.rules.new,
        }
    }

    /// Fails unless the weights at `path` were trained with the model's hidden settings, or the recipe says otherwise.
    /// Says what is taken for granted of them, and of the head.
    fn check_hidden_settings(
        &self,
        path: &Path,
        stated: &Stated,
        audit: &Audit,
    ) -> Result<Vec<String>, Error> {
        let mut notes = check_hidden_settings(path, stated, audit, &self.model, &self.hidden)?;
        notes.extend(self.head(path, stated).note()?);
        Ok(notes)
    }

    /// What the recipe says of the weights' inputs; a data stage's contract is asked of `variables`.
    fn declared(
        &self,
        contract: impl FnOnce() -> Result<Inputs, Error>,
    ) -> Result<DeclaredInputs, Error> {
        let stated = match &self.inputs {
            None => None,
            Some(StatedInputs::Unknown) => Some(Inputs::Unknown),
            Some(StatedInputs::Data(_)) => Some(contract()?),
        };
        Ok(DeclaredInputs {
            stated,
            changes: self.input_changes.clone(),
        })
    }

    /// The digest that the scheduler knows the file by.
    fn source_digest(&self, context: &StageContext) -> Result<Digest, Error> {
        match &self.from {
            WeightSource::Stage(_, artifact) => context.input_digest("from", artifact),
            WeightSource::File { path, .. } => match path.artifact() {
                Some(made) => context.input_digest(FILE_FIELD, &made.artifact),
                None => context.external_digest(FILE_FIELD),
            },
        }
    }

    /// What an import of the checkpoint, whatever its file, would leave as audit.
    pub fn audit(&self, checkpoint: &Checkpoint) -> Result<Audit, Error> {
        let mut checkpoint = checkpoint.clone();
        let found = Inputs::take(&mut checkpoint)?;
        let embeddings =
            DeclaredInputs::default().compare_embeddings(&mut checkpoint, &found, &self.rules)?;
        let embeddings = match (&self.inputs, embeddings) {
            (Some(StatedInputs::Data(stage)), Some(_)) => Some(compared_by_a_run(stage)),
            (_, unread) => unread,
        };
        let config = self.config(&checkpoint.path, &checkpoint)?;
        let mut audit = checkpoint::audit(&checkpoint, &self.targets(&config)?, &self.rules)?;
        let notes = self.check_hidden_settings(&checkpoint.path, &checkpoint.stated, &audit)?;
        audit.notes.extend(notes.into_iter().chain(embeddings));
        audit.notes.extend(readout::note(&config));
        Ok(audit)
    }

    /// Fails if neither the checkpoint nor the recipe says what the weights' inputs mean.
    pub fn check_inputs(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let found = Inputs::take(&mut checkpoint.clone())?;
        // What is stated does not matter: nothing is compared with it here.
        let declared = self.declared(|| Ok(Inputs::Unknown))?;
        declared.resolve(&checkpoint.path, found).map(|_| ())
    }

    fn targets(&self, config: &ModelConfig) -> Result<Vec<TargetTensor>, Error> {
        let specs = parameter_specs(config, self.into)?.into_iter();
        let targets = specs.map(|spec| TargetTensor {
            name: spec.name,
            shape: spec.shape,
        });
        Ok(targets.collect())
    }

    /// The model that the weights at `path` go into: its head has the outputs of the target that the weights say.
    fn config(&self, path: &Path, checkpoint: &Checkpoint) -> Result<ModelConfig, Error> {
        let mut config = self.config_of_label(path, checkpoint)?;
        if let Some(target) = self.head(path, &checkpoint.stated).target()? {
            config.classifier.num_classes = target.outputs.len();
        }
        Ok(config)
    }

    /// The same for the label. Which variables have queries of their own in a readout is what the file states.
    fn config_of_label(&self, path: &Path, checkpoint: &Checkpoint) -> Result<ModelConfig, Error> {
        let layout = readout::layout(&checkpoint.stated);
        match self.into {
            ModelMode::Pretrain => Ok(match layout {
                Ok(layout @ Some(_)) => ModelConfig {
                    readout_layout: layout,
                    ..self.model.without_classifier()
                },
                _ => ModelConfig {
                    classifier: ClassifierConfig::default(),
                    ..self.model.clone()
                },
            }),
            ModelMode::Classifier if self.model.readout().is_none() => Ok(self.model.clone()),
            ModelMode::Classifier => match layout {
                Ok(Some(layout)) => Ok(ModelConfig {
                    readout_layout: Some(layout.without_tasks()),
                    ..self.model.clone()
                }),
                layout => {
                    let names = checkpoint.tensors.keys().map(String::as_str);
                    Err(readout::missing(path, names, layout.err()))
                }
            },
        }
    }
}

impl Stage for ImportStage {
    fn kind(&self) -> &'static str {
        "import"
    }

    fn may_hold_patients(&self) -> bool {
        false
    }

    /// 2: the audit names the file by its BLAKE3; moments are summed in sixteen parts.
    /// 3: torch's negative bit turns the sign of a tensor; settings that no shape shows are compared whatever the
    /// container, and the audit notes those that nobody stated.
    /// 4: the weights carry what their inputs mean.
    /// 5: an optimizer of several groups no longer says which tensors were trained; namespaces are read; embeddings
    /// without metadata are compared or noted.
    fn code_version(&self) -> u32 {
        // 6: settings inside of OmegaConf and ml_collections are compared, and no longer noted as not looked into.
        // 7: notes name tensors beside the state dict, and parameters declared new that other dicts hold; optimizers without
        // known moments do not say which tensors were trained.
        // 8: copies behind a prefix and dicts that are not read are refused or noted, an optimizer that names its
        // parameters says which were trained, and a head without metadata is noted.
        // 9: dicts inside lists are refused or noted, and settings are compared whose names begin with their tables'.
        9
    }

    fn fields(&self) -> Value {
        let model = match self.into {
            ModelMode::Pretrain => backbone_fields(&self.model),
            ModelMode::Classifier => as_json(&self.model),
        };
        let sha256 = match &self.from {
            WeightSource::File { sha256, .. } => sha256.clone(),
            WeightSource::Stage(..) => None,
        };
        let mut fields = json!({
            "model": model,
            "into": as_json(&self.into),
            "new": self.rules.new,
            "ignore": self.rules.ignore,
            "rename": self.rules.rename,
            "names": if self.rules.exact_names { "exact" } else { "auto" },
            "allow_narrowing": self.rules.allow_narrowing,
            "from": { "path": Value::Null, "sha256": sha256 },
        });
        // Left out where there is none, so that results from before it was asked keep their keys.
        if !self.hidden.changes.is_empty() {
            fields["model_changes"] = as_json(&self.hidden.changes);
        }
        if !self.hidden.assumed.is_empty() {
            fields["assume"] = as_json(&self.hidden.assumed);
        }
        match &self.inputs {
            None => {}
            Some(StatedInputs::Unknown) => fields["inputs"] = json!("unknown"),
            // Its contents are an input.
            Some(StatedInputs::Data(_)) => fields["inputs"] = json!("data"),
        }
        if !self.input_changes.is_empty() {
            fields["input_changes"] = as_json(&self.input_changes);
        }
        fields
    }

    fn place_in_recipe(&self, field: &str) -> RecipePlace {
        match field.starts_with("model.") {
            true => RecipePlace::Top(field.into()),
            false => RecipePlace::Stage(field.into()),
        }
    }

    fn inputs(&self) -> Vec<StageInput> {
        let weights = match &self.from {
            WeightSource::Stage(stage, artifact) => {
                Some(StageInput::new("from", stage, &[artifact]))
            }
            WeightSource::File { path, .. } => {
                let made = path.artifact();
                made.map(|made| StageInput::new(FILE_FIELD, &made.stage, &[&made.artifact]))
            }
        };
        let data = match &self.inputs {
            Some(StatedInputs::Data(stage)) => {
                Some(StageInput::new(INPUTS_FIELD, stage, &["variables"]))
            }
            Some(StatedInputs::Unknown) | None => None,
        };
        weights.into_iter().chain(data).collect()
    }

    fn external_inputs(&self) -> Vec<ExternalInput> {
        match &self.from {
            WeightSource::File { path, .. } if path.artifact().is_none() => {
                let files = checkpoint::files_of(path.as_ref()).into_iter();
                let inputs = files.enumerate().map(|(index, path)| ExternalInput {
                    field: match index {
                        0 => FILE_FIELD.into(),
                        shard => format!("{FILE_FIELD}.shard{shard}"),
                    },
                    path,
                    of_data: false,
                });
                inputs.collect()
            }
            _ => Vec::new(),
        }
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let path = self.path(context)?;
        let declared = self.declared(|| {
            let variables = context.input(INPUTS_FIELD, "variables")?;
            InputContract::read(variables).map(Inputs::of)
        })?;
        let (imported, artifact) = self.read(path, context.work, &declared)?;
        let mut audit = imported.audit;
        audit
            .render()
            .lines()
            .for_each(|line| context.reporter.note(line));
        // Content, not place: the same weights give the same audit wherever they lie.
        audit.file = format!("blake3:{}", self.source_digest(context)?);
        let weights = context.work.join("weights.safetensors");
        let layers = built_model::layers(&artifact, imported.tensors)?;
        let (digests, written) = rayon::join(
            || digests(&layers),
            || built_model::write(&artifact, &layers, &weights),
        );
        audit.verify(&digests?)?;
        let written = written?;
        write_json(&context.work.join("audit.json"), &audit)?;
        let counts = &audit.counts;
        Ok(StageOutput {
            artifacts: BTreeMap::from([
                (
                    "weights".into(),
                    ArtifactFile::written("weights.safetensors", written),
                ),
                ("audit".into(), "audit.json".into()),
            ]),
            metrics: BTreeMap::from([
                ("loaded".into(), json!(counts.loaded)),
                ("renamed".into(), json!(counts.renamed)),
                ("new".into(), json!(counts.new)),
                ("ignored".into(), json!(counts.ignored)),
            ]),
        })
    }
}
