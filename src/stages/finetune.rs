//! The stage `finetune`: trains the head on stored features and proves that all else stayed frozen.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use super::freeze::FreezeAudit;
use super::json::{read_json, training_fields};
use super::model_artifact::ModelArtifact;
use super::stage::{Stage, StageContext, StageInput, StageOutput};
use crate::data::dataset::Split;
use crate::data::feature_table::FeatureTable;
use crate::error::Error;
use crate::model::classifier::Head;
use crate::train::config::HeadSettings;
use crate::train::head::{HeadTrainer, LabelledFeatures, train_head};
use crate::train::{HostParameters, initial_parameters};

/// Trains the head.
pub struct FinetuneStage {
    /// How training runs.
    pub settings: HeadSettings,
    /// The stage's own seed, or the recipe's.
    pub seed: u64,
    /// The freeze stage.
    pub model: String,
    /// The features node.
    pub features: String,
}

impl FinetuneStage {
    /// The head's parameters: loaded, or drawn from the seed where they are new.
    fn initial_head(&self, artifact: &ModelArtifact) -> Result<HostParameters, Error> {
        let specs = artifact.specs()?;
        let new = specs
            .iter()
            .filter(|spec| artifact.new.contains(&spec.name));
        let mut head = initial_parameters(new, self.seed);
        let loaded = artifact
            .parameters
            .iter()
            .filter(|(name, _)| Head::owns(name));
        head.extend(loaded.map(|(name, tensor)| (name.clone(), tensor.clone())));
        Ok(head)
    }
}

fn rows_of(table: &FeatureTable, split: Split, classes: usize) -> Result<LabelledFeatures, Error> {
    let (labels, values) = table.of_split(split);
    if labels.is_empty() {
        return Err(
            Error::stage(format!("the split {} has no stays", split.name()))
                .with_hint("look at `split` in the data stage, and at the stays it dropped"),
        );
    }
    let outside = (0..table.ids.len()).find(|&row| table.labels[row] as usize >= classes);
    if let Some(row) = outside {
        return Err(Error::stage(format!(
            "stay {} has label {}, the model's classes are 0 to {}",
            table.ids[row],
            table.labels[row],
            classes - 1
        ))
        .with_hint("set model.classifier.num_classes to the number of classes"));
    }
    let shape = (labels.len(), table.width);
    Ok(LabelledFeatures {
        ids: table.ids_of(split),
        features: Tensor::from_vec(values, shape, &Device::Cpu)?,
        labels,
    })
}

fn require_every_class(train: &LabelledFeatures, classes: usize) -> Result<(), Error> {
    let absent: Vec<String> = (0..classes as u32)
        .filter(|class| !train.labels.contains(class))
        .map(|class| class.to_string())
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    Err(Error::stage(format!(
        "no stay of the training split has the class {}",
        absent.join(", ")
    ))
    .with_hint("a classifier cannot learn a class it never sees; check the labels and the split"))
}

/// Every frozen parameter of the written weights still has the digest it had when it was frozen.
fn prove_frozen(audit: &FreezeAudit, written: &ModelArtifact) -> Result<usize, Error> {
    let frozen = audit.frozen_digests();
    let changed: Vec<&str> = frozen
        .iter()
        .filter(|(name, digest)| {
            written
                .parameters
                .get(**name)
                .is_none_or(|tensor| tensor.digest() != **digest)
        })
        .map(|(name, _)| *name)
        .collect();
    if changed.is_empty() {
        return Ok(frozen.len());
    }
    Err(Error::Audit {
        message: format!(
            "frozen parameters changed while finetuning:\n  {}",
            changed.join("\n  ")
        ),
        hint: None,
    })
}

impl Stage for FinetuneStage {
    fn kind(&self) -> &'static str {
        "finetune"
    }

    fn code_version(&self) -> u32 {
        2
    }

    fn fields(&self) -> Value {
        training_fields(&self.settings)
    }

    fn seed(&self) -> Option<u64> {
        Some(self.seed)
    }

    fn inputs(&self) -> Vec<StageInput> {
        vec![
            StageInput::new("model", &self.model, &["weights", "audit"]),
            StageInput::new("features", &self.features, &["features"]),
        ]
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let mut artifact = ModelArtifact::read(context.input("model", "weights")?)?;
        let audit: FreezeAudit = read_json(context.input("model", "audit")?)?;
        let table = FeatureTable::read(context.input("features", "features")?)?;
        let classes = artifact.config.classifier.num_classes;
        let train = rows_of(&table, Split::Train, classes)?;
        let validation = rows_of(&table, Split::Validation, classes)?;
        require_every_class(&train, classes)?;

        let mut head = self.initial_head(&artifact)?;
        let trainable: Vec<String> = artifact.trainable.iter().flatten().cloned().collect();
        let replay = context.replay_folder();
        let trainer = HeadTrainer::new(
            &artifact.config,
            &head,
            &trainable,
            &self.settings,
            self.seed,
            &replay,
        )?;
        let trained = train_head(trainer, &train, &validation, self.seed, context)?;
        trained
            .history
            .write_parquet(&context.work.join("history.parquet"))?;
        head.extend(trained.parameters);
        artifact.parameters.extend(head);
        artifact.new = BTreeSet::new();
        let weights = context.work.join("weights.safetensors");
        artifact.write(&weights)?;
        let proved = prove_frozen(&audit, &ModelArtifact::read(&weights)?)?;
        context.reporter.note(&format!(
            "{proved} frozen parameters are unchanged, bit for bit"
        ));
        Ok(StageOutput {
            artifacts: BTreeMap::from([
                ("weights".into(), "weights.safetensors".into()),
                ("history".into(), "history.parquet".into()),
            ]),
            metrics: BTreeMap::from([
                (
                    self.settings.options.keep.metric().into(),
                    json!(trained.best_epoch),
                ),
                ("validation_loss".into(), json!(trained.best.loss)),
                ("validation_auroc".into(), json!(trained.best.auroc)),
                (
                    "validation_average_precision".into(),
                    json!(trained.best.average_precision),
                ),
                ("frozen_parameters_verified".into(), json!(proved)),
            ]),
        })
    }
}
