//! Whole trainings of a tiny model.

mod going_on;
mod options;
mod refused;
mod tasks;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::monitor::MonitorSettings;
use crate::optimizer::AdamW;
use crate::optimizer::Optimizer;
use crate::options::LoopOptions;
use pipeline_data::dataset::Stay;
use pipeline_model::config::{ClassifierConfig, ModelMode, Pooling, ReadoutConfig, ReadoutLayout};
use pipeline_model::host::initial_parameters;
use pipeline_model::objective::Objective;
use pipeline_model::seqsetvae::parameter_specs;

/// Stays to train on: two batches of 4 and one of 2.
const TRAIN: usize = 10;

fn model() -> ModelConfig {
    ModelConfig {
        input_dim: 6,
        reduced_dim: 4,
        latent_dim: 8,
        levels: 1,
        heads: 2,
        inducing_points: 2,
        ff_dim: 8,
        transformer_heads: 2,
        transformer_layers: 1,
        ..ModelConfig::default()
    }
}

/// The same with what the tasks of `settings` need.
fn model_for(settings: &PretrainSettings, dataset: &Dataset) -> ModelConfig {
    let Some(tasks) = &settings.tasks else {
        return model();
    };
    let readout = ReadoutConfig {
        output_dim: 3,
        max_variables: 3,
        shared_queries: 2,
        ..ReadoutConfig::default()
    };
    let layout = ReadoutLayout::of(dataset, readout.max_variables, tasks.names());
    ModelConfig {
        classifier: ClassifierConfig {
            pooling: Pooling::Readout,
            readout,
            ..ClassifierConfig::default()
        },
        readout_layout: Some(layout),
        ..model()
    }
}

fn dataset() -> Dataset {
    let mut draws = Stream::new(0, "stays of a test").at(&[]);
    let mut dataset = Dataset {
        variables: (0..5).map(|number| number.to_string()).collect(),
        embedding_dim: 6,
        embeddings: (0..30).map(|_| draws.normal() as f32).collect(),
        set_start: vec![0],
        ..Dataset::default()
    };
    for number in 0..TRAIN + 2 {
        let first = dataset.set_minute.len();
        for set in 0..2 + number % 3 {
            dataset.set_minute.push(10.0 * (set + 1) as f64);
            for _ in 0..1 + draws.below(4) {
                dataset.event_variable.push(draws.below(5) as u32);
                dataset.event_value.push(draws.normal() as f32);
            }
            dataset.set_start.push(dataset.event_value.len() as u32);
        }
        let split = match number < TRAIN {
            true => Split::Train,
            false => Split::Validation,
        };
        dataset.stays.push(Stay {
            id: format!("stay-{number}"),
            split,
            label: Some(0),
            sets: first..dataset.set_minute.len(),
        });
    }
    dataset
}

fn settings() -> PretrainSettings {
    PretrainSettings {
        objective: Objective::Reference,
        tasks: None,
        monitor: MonitorSettings::default(),
        epochs: 3,
        batch_size: 4,
        optimizer: adamw(),
        clip_norm: 0.2,
        free_bits: 0.03,
        max_beta: 0.05,
        beta_warmup_steps: 4,
        dropout: 0.1,
        early_stopping: None,
        options: LoopOptions::default(),
    }
}

fn adamw() -> Optimizer {
    AdamW {
        lr: 1e-3,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: 0.02,
    }
    .into()
}

/// Asks to stop after so many looks.
struct Impatient(AtomicUsize);

impl Watch for Impatient {
    fn progress(&self, _: u64, _: u64, _: String) {}
    fn note(&self, _: &str) {}
    fn is_interrupted(&self) -> bool {
        let looks = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        looks.is_err()
    }
}

fn initial(model: &ModelConfig) -> HostParameters {
    let specs = parameter_specs(model, ModelMode::Pretrain).unwrap();
    initial_parameters(&specs, 1)
}

/// Trains in `folder`, where it goes on and where it leaves what broke.
fn train_in(
    folder: &Path,
    dataset: &Dataset,
    settings: &PretrainSettings,
    looks: usize,
) -> Result<Pretrained, Error> {
    let never = Duration::from_secs(1 << 40);
    let model = model_for(settings, dataset);
    let training = Pretraining {
        dataset,
        model: &model,
        settings,
        seed: 3,
        device: &Device::Cpu,
        watch: &Impatient(AtomicUsize::new(looks)),
        resume: &ResumeFile::new(folder.join("resume.safetensors"), never),
        replay: &ReplayFolder::new(folder.join("replay")),
    };
    training.run(initial(&model))
}

fn train(settings: &PretrainSettings) -> Pretrained {
    let folder = tempfile::tempdir().unwrap();
    train_in(folder.path(), &dataset(), settings, usize::MAX).unwrap()
}
