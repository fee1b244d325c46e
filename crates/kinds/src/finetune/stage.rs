//! The stage `finetune`: trains what a freeze stage left trainable, and proves that all else stayed frozen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use super::trained::Trained;
use super::{PENALTY, STANDARDISED};
use crate::dataset_artifacts::load_dataset;
use crate::feature_origin::FeatureOrigin;
use crate::features::embeddings;
use crate::freeze::audit::FreezeAudit;
use crate::inputs::{Inputs, contract_of_data};
use crate::json::{as_json, read_json, training_fields};
use crate::model_artifact::ModelArtifact;
use crate::training::Watched;
use crate::training_context::TrainingContext;
use pipeline_checkpoint::FloatTensor;
use pipeline_data::dataset::{Split, without_label};
use pipeline_data::feature_table::FeatureTable;
use pipeline_data::subsample::Subsample;
use pipeline_error::Error;
use pipeline_model::classifier::Head;
use pipeline_model::host::{HostParameters, initial_parameters, to_device};
use pipeline_stage::{Stage, StageContext, StageInput, StageOutput};
use pipeline_train::config::HeadSettings;
use pipeline_train::head::{HeadTrainer, LabelledFeatures, train_head};
use pipeline_train::head_input::HeadInput;
use pipeline_train::linear_head::{FeatureScaling, LinearHeadSettings, solve_head};
use pipeline_train::open_backbone::{OpenBackbone, Opening};
use pipeline_train::replay::ReplayFolder;

/// How often an epoch that has ended is written down, so that a run that was killed goes on from it.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// How parameters are found.
pub enum Training {
    /// In steps and epochs.
    Steps(Box<HeadSettings>),
    /// A linear head, all at once.
    Solver(LinearHeadSettings),
}

/// Trains the head, and what is open of the backbone.
pub struct FinetuneStage {
    /// How training runs.
    pub training: Training,
    /// The training stays that are learned from; none: all.
    pub subsample: Option<Subsample>,
    /// Dropout of the transformer's layers that are trained.
    pub transformer_dropout: f64,
    /// The stage's own seed, or the recipe's.
    pub seed: u64,
    /// The freeze stage.
    pub model: String,
    /// The data stage.
    pub data: String,
    /// The features node; a data stage where a part of the backbone is trained, too.
    pub features: FeatureOrigin,
}

impl FinetuneStage {
    /// The head's parameters and what is trained below: loaded, or drawn from the seed where they are new.
    fn initial(&self, artifact: &ModelArtifact) -> Result<HostParameters, Error> {
        let specs = artifact.specs()?;
        let new = specs
            .iter()
            .filter(|spec| artifact.new.contains(&spec.name));
        let mut initial = initial_parameters(new, self.seed);
        let trainable = artifact.trainable.iter().flatten().collect::<BTreeSet<_>>();
        let loaded = artifact
            .parameters
            .iter()
            .filter(|(name, _)| Head::owns(name) || trainable.contains(name));
        initial.extend(loaded.map(|(name, tensor)| (name.clone(), tensor.clone())));
        Ok(initial)
    }

    fn trainer<'a>(
        &'a self,
        settings: &'a HeadSettings,
        artifact: &ModelArtifact,
        initial: &HostParameters,
        device: &Device,
        replay: &'a ReplayFolder,
    ) -> Result<HeadTrainer<'a>, Error> {
        let trainable: Vec<String> = artifact.trainable.iter().flatten().cloned().collect();
        HeadTrainer::new(
            device,
            &artifact.config,
            initial,
            &trainable,
            settings,
            self.seed,
            replay,
        )
    }

    /// Trains the head on the features of a wholly frozen backbone.
    fn train_on_features(
        &self,
        artifact: &ModelArtifact,
        initial: &HostParameters,
        context: &StageContext,
    ) -> Result<Trained, Error> {
        let table = FeatureTable::read(context.input("features", "features")?)?;
        let classes = artifact.config.classifier.num_classes;
        let ids = table.ids.iter().map(String::as_str);
        check_labels(ids.zip(table.labels.iter().copied()), classes)?;
        let all = rows_of(&table, Split::Train)?;
        let validation = rows_of(&table, Split::Validation)?;
        drop(table);
        let stays = all.labels.len();
        let train = match &self.subsample {
            None => all,
            Some(subsample) => {
                let ids: Vec<&str> = all.ids.iter().map(String::as_str).collect();
                let rows = subsample.rows(&ids, &all.labels)?.into_iter();
                all.rows(&rows.map(|row| row as u32).collect::<Vec<_>>())?
            }
        };
        require_every_class(&train.labels, classes)?;
        let stays = (train.labels.len(), stays);
        let watch = Watched(context);
        match &self.training {
            Training::Solver(settings) => {
                let solved = solve_head(settings, classes, &train, &validation, &watch)?;
                let mut kept = vec![(PENALTY, json!(solved.penalty))];
                if settings.optimizer.scaling.len() > 1 {
                    let standardised = solved.scaling == FeatureScaling::Standard;
                    kept.push((STANDARDISED, json!(u8::from(standardised))));
                }
                Ok(Trained {
                    head: solved.head,
                    kept,
                    stays,
                })
            }
            Training::Steps(settings) => {
                let replay = context.replay_folder();
                let trainer = self.trainer(settings, artifact, initial, &Device::Cpu, &replay)?;
                let resume = context.resume_file(CHECKPOINT_INTERVAL);
                let head = train_head(trainer, &train, &validation, &resume, &watch)?;
                Ok(Trained::in_steps(head, settings, stays))
            }
        }
    }

    /// Trains the head together with what is open of the backbone.
    fn train_open(
        &self,
        artifact: &ModelArtifact,
        initial: &HostParameters,
        context: &StageContext,
    ) -> Result<Trained, Error> {
        let Training::Steps(settings) = &self.training else {
            return Err(Error::stage(
                "a solver needs the features of a frozen backbone",
            ));
        };
        let dataset = load_dataset(context)?;
        let classes = artifact.config.classifier.num_classes;
        let labels = dataset.stays.iter().map(|stay| (&*stay.id, stay.label));
        check_labels(labels, classes)?;
        let [all, validation] =
            [Split::Train, Split::Validation].map(|split| dataset.stays_of(split));
        let train = match &self.subsample {
            None => all.clone(),
            Some(subsample) => subsample.stays(&dataset, &all)?,
        };
        require_stays(&train, Split::Train)?;
        require_stays(&validation, Split::Validation)?;

        let device = &context.tensor_device()?;
        let replay = context.replay_folder();
        let trainer = self.trainer(settings, artifact, initial, device, &replay)?;
        let mut frozen = artifact.parameters.clone();
        frozen.retain(|name, _| !initial.contains_key(name));
        let opening = Opening {
            model: &artifact.config,
            frozen: to_device(&frozen, device)?,
            dropout: self.transformer_dropout,
            dataset: &dataset,
            embeddings: embeddings(artifact, &dataset, device)?,
            seed: self.seed,
            device,
            watch: &Watched(context),
        };
        let stays = [train.as_slice(), &validation].concat();
        let open = OpenBackbone::new(opening, trainer.variables(), &stays)?;
        context.reporter.note(&open.describe());
        let (train, validation) = (open.stays(&train)?, open.stays(&validation)?);
        require_every_class(train.labels(), classes)?;
        let resume = context.resume_file(CHECKPOINT_INTERVAL);
        let head = train_head(trainer, &train, &validation, &resume, &Watched(context))?;
        Ok(Trained::in_steps(
            head,
            settings,
            (train.labels().len(), all.len()),
        ))
    }
}

fn check_labels<'a>(
    stays: impl IntoIterator<Item = (&'a str, Option<u32>)>,
    classes: usize,
) -> Result<(), Error> {
    for (id, label) in stays {
        let label = label.ok_or_else(|| without_label(id))?;
        if label as usize >= classes {
            return Err(Error::stage(format!(
                "stay {id} has label {label}, the model's classes are 0 to {}",
                classes - 1
            ))
            .with_hint("set model.classifier.num_classes to the number of classes"));
        }
    }
    Ok(())
}

fn require_stays<T>(stays: &[T], split: Split) -> Result<(), Error> {
    match stays.is_empty() {
        true => Err(
            Error::stage(format!("the split {} has no stays", split.name()))
                .with_hint("look at `split` in the data stage, and at the stays it dropped"),
        ),
        false => Ok(()),
    }
}

fn rows_of(table: &FeatureTable, split: Split) -> Result<LabelledFeatures, Error> {
    let (labels, values) = (table.labels_of(split)?, table.vectors_of(split));
    require_stays(&labels, split)?;
    let shape = (labels.len(), table.width);
    Ok(LabelledFeatures {
        ids: table.ids_of(split),
        features: Tensor::from_vec(values, shape, &Device::Cpu)?,
        labels,
        shards: Vec::new(),
    })
}

fn require_every_class(train: &[u32], classes: usize) -> Result<(), Error> {
    let absent: Vec<String> = (0..classes as u32)
        .filter(|class| !train.contains(class))
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

/// Trainable parameters that training left as they were, to the bit.
fn unmoved<'a>(initial: &HostParameters, trained: &'a HostParameters) -> Vec<&'a str> {
    let same = trained.iter().filter(|(name, tensor)| {
        let before = initial.get(*name).map(FloatTensor::digest);
        before == Some(tensor.digest())
    });
    same.map(|(name, _)| name.as_str()).collect()
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

    /// 4: the weights carry what their inputs mean. 5, of a solver: after three penalties that are worse than the best
    /// before them, no weaker one is tried.
    fn code_version(&self) -> u32 {
        match self.training {
            Training::Steps(_) => 4,
            Training::Solver(_) => 5,
        }
    }

    fn fields(&self) -> Value {
        let mut fields = match &self.training {
            Training::Steps(settings) => training_fields(&**settings),
            Training::Solver(settings) => as_json(settings),
        };
        if let Some(subsample) = &self.subsample {
            fields["subsample"] = as_json(subsample);
        }
        // Left out at its default, so that results from before there was one keep their keys.
        if self.transformer_dropout != 0.0 {
            fields["transformer_dropout"] = json!(self.transformer_dropout);
        }
        fields
    }

    fn lineage(&self) -> Option<&'static str> {
        let Training::Steps(settings) = &self.training else {
            return None;
        };
        let options = &settings.options;
        (options.begin_alike_for_any_length()).then_some("/epochs")
    }

    /// A solver draws nothing.
    fn seed(&self) -> Option<u64> {
        matches!(self.training, Training::Steps(_)).then_some(self.seed)
    }

    fn inputs(&self) -> Vec<StageInput> {
        let mut inputs = vec![
            StageInput::new("model", &self.model, &["weights", "audit"]),
            self.features.input(),
        ];
        if let FeatureOrigin::Node(_) = self.features {
            inputs.push(StageInput::new("data", &self.data, &["variables"]));
        }
        inputs
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let mut artifact = ModelArtifact::read(context.input("model", "weights")?)?;
        let contract = contract_of_data(context)?;
        artifact.inputs.check_with(&contract, context)?;
        // What may differ from the backbone's inputs is known by now: the head has learned these.
        if artifact.inputs != Inputs::Unknown {
            artifact.inputs = Inputs::of(contract);
        }
        let audit: FreezeAudit = read_json(context.input("model", "audit")?)?;
        let mut parameters = self.initial(&artifact)?;
        let trained = match &self.features {
            FeatureOrigin::Node(_) => self.train_on_features(&artifact, &parameters, context)?,
            FeatureOrigin::Data(_) => self.train_open(&artifact, &parameters, context)?,
        };
        let mut metrics = trained.metrics(self.subsample.is_some());
        let trained = trained.head;
        let unmoved = unmoved(&parameters, &trained.parameters);
        if !unmoved.is_empty() {
            context.reporter.note(&format!(
                "warning: training changed nothing of {}",
                unmoved.join(", ")
            ));
        }
        trained
            .history
            .write_parquet(&context.work.join("history.parquet"))?;
        parameters.extend(trained.parameters);
        artifact.parameters.extend(parameters);
        artifact.new = BTreeSet::new();
        let weights = context.work.join("weights.safetensors");
        artifact.write(&weights)?;
        let proved = prove_frozen(&audit, &ModelArtifact::read(&weights)?)?;
        context.reporter.note(&format!(
            "{proved} frozen parameters are unchanged, bit for bit"
        ));
        metrics.insert("frozen_parameters_verified".into(), json!(proved));
        Ok(StageOutput {
            artifacts: BTreeMap::from([
                ("weights".into(), "weights.safetensors".into()),
                ("history".into(), "history.parquet".into()),
            ]),
            metrics,
        })
    }
}
