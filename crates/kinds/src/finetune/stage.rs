//! The stage `finetune`: trains what a freeze stage left trainable, and proves that all else stayed frozen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use candle_core::Device;
use serde_json::{Value, json};

use super::learned::{check, drawn, labelled};
use super::steps_or_solver::Training;
use super::trained::{Trained, in_units};
use crate::asked::{Asked, Known, TARGETS};
use crate::dataset_artifacts::load_dataset;
use crate::feature_origin::FeatureOrigin;
use crate::features::embeddings;
use crate::freeze::audit::FreezeAudit;
use crate::inputs::{Inputs, contract_of_data};
use crate::json::{as_json, read_json};
use crate::model_artifact::ModelArtifact;
use crate::training::Watched;
use crate::training_context::TrainingContext;
use pipeline_checkpoint::FloatTensor;
use pipeline_data::config::Task;
use pipeline_data::dataset::Split;
use pipeline_data::feature_table::FeatureTable;
use pipeline_data::stay_columns::StayColumns;
use pipeline_data::subsample::Subsample;
use pipeline_data::target::{Target, Truth};
use pipeline_error::Error;
use pipeline_model::classifier::Head;
use pipeline_model::host::{HostParameters, initial_parameters, to_device};
use pipeline_stage::{Stage, StageContext, StageInput, StageOutput};
use pipeline_store::ArtifactFile;
use pipeline_train::config::HeadSettings;
use pipeline_train::head::{HeadTrainer, train_head};
use pipeline_train::linear_head::solve_head;
use pipeline_train::number_scale::NumberScale;
use pipeline_train::open_backbone::{OpenBackbone, Opening};
use pipeline_train::replay::ReplayFolder;

/// How often an epoch that has ended is written down, so that a run that was killed goes on from it.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// Trains the head, and what is open of the backbone.
pub struct FinetuneStage {
    /// How training runs.
    pub training: Training,
    /// The target that is learned; none: the label.
    pub target: Option<Target>,
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
        scale: Option<NumberScale>,
        device: &Device,
        replay: &'a ReplayFolder,
    ) -> Result<HeadTrainer<'a>, Error> {
        let trainable: Vec<String> = artifact.trainable.iter().flatten().cloned().collect();
        let mut initial = initial.clone();
        // A head that is drawn afresh is in standard deviations as it is.
        let layer = Head::output_layer(artifact.config.classifier.head);
        if let Some(scale) = scale.filter(|_| !artifact.new.contains(layer[0])) {
            scale.layer_to_standard(&mut initial, layer);
        }
        let trainer = HeadTrainer::new(
            device,
            &artifact.config,
            &initial,
            &trainable,
            settings,
            self.seed,
            replay,
        )?;
        Ok(trainer.scaled(scale))
    }

    /// What is asked of the stays; `targets` is the table of them.
    fn asked<'a>(&'a self, targets: Option<&'a StayColumns>) -> Asked<'a> {
        Asked::of(self.target.as_ref(), targets)
    }

    fn targets(&self, context: &StageContext) -> Result<Option<StayColumns>, Error> {
        let target = self.target.as_ref();
        let read = target.map(|_| StayColumns::read(context.input(TARGETS, TARGETS)?));
        read.transpose()
    }

    /// The positions of the training stays that are learned from; none: all are.
    fn drawn(
        &self,
        ids: &[String],
        truth: &Truth,
        outputs: usize,
    ) -> Result<Option<Vec<usize>>, Error> {
        drawn(
            self.subsample.as_ref(),
            ids,
            truth,
            outputs,
            self.target.as_ref(),
        )
    }

    /// Trains the head on the features of a wholly frozen backbone.
    fn train_on_features(
        &self,
        artifact: &ModelArtifact,
        initial: &HostParameters,
        context: &StageContext,
    ) -> Result<Trained, Error> {
        let table = FeatureTable::read_shared(context.input("features", "features")?)?;
        let outputs = artifact.config.classifier.num_classes;
        let targets = self.targets(context)?;
        let asked = self.asked(targets.as_ref());
        let of_split = |split| labelled(&table, split, asked, outputs, context);
        let (all, validation) = (of_split(Split::Train)?, of_split(Split::Validation)?);
        drop(table);
        let stays = all.truth.len();
        let train = match self.drawn(&all.ids, &all.truth, outputs)? {
            None => all,
            Some(rows) => all.rows(&rows.into_iter().map(|row| row as u32).collect::<Vec<_>>())?,
        };
        let stays = (train.truth.len(), stays);
        let watch = Watched(context);
        match &self.training {
            Training::Solver(settings) => {
                let solved = solve_head(settings, outputs, &train, &validation, &watch)?;
                Ok(Trained::solved(solved, settings, stays))
            }
            Training::Steps(settings) => {
                let replay = context.replay_folder();
                let scale = NumberScale::for_head(&train.truth)?;
                let device = &Device::Cpu;
                let trainer = self.trainer(settings, artifact, initial, scale, device, &replay)?;
                let resume = context.resume_file(CHECKPOINT_INTERVAL);
                let head = train_head(trainer, &train, &validation, &resume, &watch)?;
                let head = in_units(head, artifact, scale);
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
        let outputs = artifact.config.classifier.num_classes;
        let targets = self.targets(context)?;
        let asked = self.asked(targets.as_ref());
        let ids = |known: &Known| -> Vec<String> {
            let stays = known.rows.iter();
            stays.map(|stay| dataset.stays[*stay].id.clone()).collect()
        };
        let of_split = |split| {
            let known = asked.of_dataset(&dataset, split)?;
            check(&known, &ids(&known), split, outputs, context)?;
            Ok::<_, Error>(known)
        };
        let (all, validation) = (of_split(Split::Train)?, of_split(Split::Validation)?);
        let (train, truth) = match self.drawn(&ids(&all), &all.truth, outputs)? {
            None => (all.rows.clone(), all.truth.clone()),
            Some(rows) => {
                let stays = rows.iter().map(|row| all.rows[*row]).collect();
                (stays, all.truth.rows(rows.into_iter()))
            }
        };
        let device = &context.tensor_device()?;
        let replay = context.replay_folder();
        let scale = NumberScale::for_head(&truth)?;
        let trainer = self.trainer(settings, artifact, initial, scale, device, &replay)?;
        let mut frozen = artifact.parameters.clone();
        frozen.retain(|name, _| !initial.contains_key(name));
        let opening = Opening {
            model: &artifact.config,
            frozen: to_device(&frozen, device)?,
            dropout: self.transformer_dropout,
            precision: settings.options.precision,
            dataset: &dataset,
            embeddings: embeddings(artifact, &dataset, device)?,
            seed: self.seed,
            device,
            watch: &Watched(context),
        };
        let stays = [train.as_slice(), &validation.rows].concat();
        let open = OpenBackbone::new(opening, trainer.variables(), &stays)?;
        context.reporter.note(&open.describe());
        let learned = (train.len(), all.rows.len());
        let train = open.stays(&train, truth);
        let validation = open.stays(&validation.rows, validation.truth);
        let resume = context.resume_file(CHECKPOINT_INTERVAL);
        let head = train_head(trainer, &train, &validation, &resume, &Watched(context))?;
        let head = in_units(head, artifact, scale);
        Ok(Trained::in_steps(head, settings, learned))
    }
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

    fn may_hold_patients(&self) -> bool {
        false
    }

    /// 4: the weights carry what their inputs mean. 5, of a solver: after three penalties that are worse than the best
    /// before them, no weaker one is tried.
    /// 5, of steps: an opened backbone's work is arranged as in version 5 of `pretrain`.
    /// 6, of numbers: R² on validation is measured as in version 8 of `evaluate`. 6, of classes: AUROC and average precision
    /// on validation are of probabilities in double precision, which tie less often near 1.
    /// 7, of several labels 6: an opened backbone's buckets of times are those of version 7 of `pretrain`.
    /// 8, of several labels 7: sums are in the order of version 8 of `pretrain`.
    fn code_version(&self) -> u32 {
        match &self.target {
            Some(target) if target.task == Task::MultiLabel => 7,
            _ => 8,
        }
    }

    fn fields(&self) -> Value {
        let mut fields = self.training.fields();
        if let Some(subsample) = &self.subsample {
            fields["subsample"] = as_json(subsample);
        }
        if let Some(target) = &self.target {
            fields["target"] = as_json(target);
        }
        // Left out at its default, so that results from before there was one keep their keys.
        if self.transformer_dropout != 0.0 {
            fields["transformer_dropout"] = json!(self.transformer_dropout);
        }
        fields
    }

    fn unit_of(&self, metric: &str) -> Option<Value> {
        self.training.unit_of(metric)
    }

    fn lineage(&self) -> Option<&'static str> {
        let options = &self.training.in_steps()?.options;
        (options.begin_alike_for_any_length()).then_some("/epochs")
    }

    fn uses_device(&self) -> bool {
        matches!(self.features, FeatureOrigin::Data(_))
    }

    fn needs_gpu(&self) -> Option<String> {
        self.training.in_steps()?.options.needs_gpu()
    }

    /// A solver draws nothing.
    fn seed(&self) -> Option<u64> {
        self.training.in_steps().map(|_| self.seed)
    }

    fn inputs(&self) -> Vec<StageInput> {
        let mut inputs = vec![
            StageInput::new("model", &self.model, &["weights", "audit"]),
            self.features.input(),
        ];
        if let FeatureOrigin::Node(_) = self.features {
            inputs.push(StageInput::new("data", &self.data, &["variables"]));
        }
        let targets = self.target.iter();
        inputs.extend(targets.map(|_| StageInput::new(TARGETS, &self.data, &[TARGETS])));
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
        artifact.ask(self.target.as_ref())?;
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
        let history = context.work.join("history.parquet");
        trained.history.write_parquet(&history)?;
        parameters.extend(trained.parameters);
        artifact.parameters.extend(parameters);
        artifact.new = BTreeSet::new();
        let weights = context.work.join("weights.safetensors");
        let written = artifact.write(&weights)?;
        let stored = ArtifactFile::written("weights.safetensors", written);
        let proved = prove_frozen(&audit, &ModelArtifact::read(&weights)?)?;
        let note = format!("{proved} frozen parameters are unchanged, bit for bit");
        context.reporter.note(&note);
        metrics.insert("frozen_parameters_verified".into(), json!(proved));
        Ok(StageOutput {
            artifacts: BTreeMap::from([
                ("weights".into(), stored),
                ("history".into(), "history.parquet".into()),
            ]),
            metrics,
        })
    }
}
