//! The stage `pretrain`: data → checkpoint of the best epoch, history.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::dataset_artifacts::{DATASET_ARTIFACTS, load_dataset};
use crate::inputs::{Inputs, contract_of_data};
use crate::json::{backbone_fields, training_fields};
use crate::model_artifact::ModelArtifact;
use crate::training::Watched;
use crate::training_context::TrainingContext;
use pipeline_data::contract::InputContract;
use pipeline_data::dataset::Dataset;
use pipeline_error::Error;
use pipeline_model::config::{ModelConfig, ModelMode, ReadoutLayout};
use pipeline_model::host::{HostParameters, initial_parameters};
use pipeline_model::seqsetvae::parameter_specs;
use pipeline_model::tasks::Tasks;
use pipeline_stage::{RecipePlace, Stage, StageContext, StageInput, StageOutput};
use pipeline_store::ArtifactFile;
use pipeline_train::config::PretrainSettings;
use pipeline_train::pretrain::{Pretrained, Pretraining};

/// Variables that share the readout's queries and are named by a note: the import's audit names them all.
const NAMED_IN_A_NOTE: usize = 8;

/// Trains the backbone by reconstruction.
pub struct PretrainStage {
    /// The architecture.
    pub model: ModelConfig,
    /// How training runs.
    pub settings: PretrainSettings,
    /// The stage's own seed, or the recipe's.
    pub seed: u64,
    /// The data stage.
    pub data: String,
    /// The import stage to start from.
    pub init: Option<String>,
    /// Time between two states that a killed run can go on from.
    pub checkpoint_interval: Duration,
}

impl PretrainStage {
    /// The model, and the parameters that it begins with.
    fn initial(
        &self,
        dataset: &Dataset,
        contract: &InputContract,
        context: &StageContext,
    ) -> Result<(ModelConfig, HostParameters), Error> {
        let tasks = self.settings.tasks.as_ref().map(Tasks::names);
        let most = self.model.classifier.readout.max_variables;
        let mut model = ModelConfig {
            readout_layout: tasks.map(|tasks| ReadoutLayout::of(dataset, most, tasks)),
            ..self.model.clone()
        };
        if self.init.is_none() {
            let specs = parameter_specs(&model, ModelMode::Pretrain)?;
            return Ok((model, initial_parameters(&specs, self.seed)));
        }
        let start = ModelArtifact::read(context.input("init", "weights")?)?;
        start.require_complete("go on pretraining")?;
        start.inputs.check_with(contract, context)?;
        let theirs = start.config.readout_layout;
        let theirs_tasks = theirs.as_ref().map(|layout| layout.tasks);
        if theirs_tasks != tasks {
            return Err(Error::stage(
                "the weights to go on from were pretrained with other tasks, and their decoders differ",
            )
            .with_hint("set the tasks that their pretraining set; the weights of each may differ"));
        }
        model.readout_layout = theirs;
        Ok((model, start.parameters))
    }
}

impl Stage for PretrainStage {
    fn kind(&self) -> &'static str {
        "pretrain"
    }

    fn may_hold_patients(&self) -> bool {
        false
    }

    /// 4: the checkpoint carries what its inputs mean. 5: a MAB's layers run in blocks of rows, and its queries are
    /// projected in place of its keys and values. 6: the decoder's seeds come of a logarithm, a sine and a cosine that
    /// are ours. 7: sets exactly a day apart are in the reference's last bucket of times. 8: no order of a sum is
    /// that of the CPU's vectors.
    fn code_version(&self) -> u32 {
        8
    }

    fn fields(&self) -> Value {
        json!({ "model": backbone_fields(&self.model), "settings": training_fields(&self.settings) })
    }

    fn lineage(&self) -> Option<&'static str> {
        let options = &self.settings.options;
        (options.begin_alike_for_any_length()).then_some("/settings/epochs")
    }

    fn unit_of(&self, metric: &str) -> Option<Value> {
        let settings = &self.settings;
        match metric {
            "validation_loss" => Some(json!({
                "objective": settings.objective,
                "max_beta": settings.max_beta,
                "free_bits": settings.free_bits,
                "tasks": settings.tasks,
            })),
            "validation_reconstruction" => Some(json!({ "objective": settings.objective })),
            "validation_kl" => Some(json!({ "free_bits": settings.free_bits })),
            _ => None,
        }
    }

    fn place_in_recipe(&self, field: &str) -> RecipePlace {
        match field.strip_prefix("settings.") {
            Some(setting) => RecipePlace::Stage(setting.into()),
            None => RecipePlace::Top(field.into()),
        }
    }

    fn seed(&self) -> Option<u64> {
        Some(self.seed)
    }

    fn uses_device(&self) -> bool {
        true
    }

    fn needs_gpu(&self) -> Option<String> {
        self.settings.options.needs_gpu()
    }

    fn inputs(&self) -> Vec<StageInput> {
        let data = StageInput::new("data", &self.data, DATASET_ARTIFACTS);
        let init = self
            .init
            .iter()
            .map(|stage| StageInput::new("init", stage, &["weights"]));
        [data].into_iter().chain(init).collect()
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let dataset = load_dataset(context)?;
        let contract = contract_of_data(context)?;
        let (model, initial) = self.initial(&dataset, &contract, context)?;
        if let Some(layout) = &model.readout_layout {
            let said = layout.describe(&model.classifier.readout, NAMED_IN_A_NOTE);
            context.reporter.note(&said);
        }
        let training = Pretraining {
            dataset: &dataset,
            model: &model,
            settings: &self.settings,
            seed: self.seed,
            device: &context.tensor_device()?,
            watch: &Watched(context),
            resume: &context.resume_file(self.checkpoint_interval),
            replay: &context.replay_folder(),
        };
        let trained = training.run(initial)?;
        trained
            .history
            .write_parquet(&context.work.join("history.parquet"))?;
        let metrics = metrics(&trained, &self.settings);
        let artifact = ModelArtifact {
            config: model,
            mode: ModelMode::Pretrain,
            new: BTreeSet::new(),
            trainable: None,
            parameters: trained.parameters,
            inputs: Inputs::of(contract),
            target: None,
            head_untold: false,
        };
        let written = artifact.write(&context.work.join("checkpoint.safetensors"))?;
        Ok(StageOutput {
            artifacts: BTreeMap::from([
                (
                    "checkpoint".into(),
                    ArtifactFile::written("checkpoint.safetensors", written),
                ),
                ("history".into(), "history.parquet".into()),
            ]),
            metrics,
        })
    }
}

/// Numbers of the epoch that is kept, and how often the posterior seemed to collapse.
fn metrics(trained: &Pretrained, settings: &PretrainSettings) -> BTreeMap<String, Value> {
    let best = &trained.best;
    let losses = [
        ("validation_loss", best.monitored(settings)),
        ("validation_reconstruction", best.reconstruction),
        ("validation_kl", best.kl),
    ];
    let tasks = best.task_losses(settings).by_name().into_iter();
    let tasks = tasks.filter_map(|(name, loss)| match name {
        "summary" => Some(("validation_summary", loss?)),
        _ => Some(("validation_forecast", loss?)),
    });
    let numbers = losses.into_iter().chain(tasks);
    let numbers = numbers.chain(best.posterior.columns());
    let counts = [
        (settings.options.keep.metric(), trained.best_epoch),
        ("collapse_warnings", trained.collapse_warnings),
    ];
    let counts = counts.into_iter().map(|(name, count)| (name, json!(count)));
    numbers
        .map(|(name, value)| (name, json!(value)))
        .chain(counts)
        .map(|(name, value)| (name.to_string(), value))
        .collect()
}
