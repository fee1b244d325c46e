//! A small training: the same bits twice, and losses as on the CPU.

use std::time::Duration;

use candle_core::Device;

use crate::Check;
use pipeline_checkpoint::tensor_digest;
use pipeline_data::dataset::{Dataset, Split, Stay};
use pipeline_error::Error;
use pipeline_model::config::{ModelConfig, ModelMode};
use pipeline_model::host::initial_parameters;
use pipeline_model::objective::Objective;
use pipeline_model::seqsetvae::parameter_specs;
use pipeline_random::Stream;
use pipeline_train::config::PretrainSettings;
use pipeline_train::monitor::MonitorSettings;
use pipeline_train::optimizer::AdamW;
use pipeline_train::options::LoopOptions;
use pipeline_train::pretrain::{Pretrained, Pretraining};
use pipeline_train::replay::ReplayFolder;
use pipeline_train::resume::ResumeFile;
use pipeline_train::watch::Watch;

const STAYS: usize = 40;
const VARIABLES: usize = 9;
/// Dropout and decoder seeds are drawn otherwise on a GPU: its losses must lie among those of other seeds.
const SEEDS: u64 = 8;
/// How far from their mean, in their range.
const RANGES: f64 = 1.5;

fn model() -> ModelConfig {
    ModelConfig {
        input_dim: 16,
        reduced_dim: 12,
        latent_dim: 16,
        levels: 2,
        heads: 2,
        inducing_points: 4,
        ff_dim: 24,
        transformer_heads: 4,
        transformer_layers: 2,
        ..ModelConfig::default()
    }
}

fn settings() -> PretrainSettings {
    PretrainSettings {
        objective: Objective::Reference,
        tasks: None,
        epochs: 3,
        batch_size: 8,
        optimizer: AdamW {
            lr: 1e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.02,
        }
        .into(),
        clip_norm: 1.0,
        free_bits: 0.03,
        max_beta: 0.05,
        beta_warmup_steps: 10,
        dropout: 0.1,
        early_stopping: None,
        options: LoopOptions::default(),
        monitor: MonitorSettings::default(),
    }
}

fn dataset() -> Dataset {
    let dim = model().input_dim;
    let mut draws = Stream::new(0, "stays of the selftest").at(&[]);
    let mut dataset = Dataset {
        variables: (0..VARIABLES).map(|number| number.to_string()).collect(),
        embedding_dim: dim,
        embeddings: (0..VARIABLES * dim)
            .map(|_| draws.normal() as f32)
            .collect(),
        set_start: vec![0],
        ..Dataset::default()
    };
    for number in 0..STAYS {
        let first = dataset.set_minute.len();
        for set in 0..3 + draws.below(6) {
            dataset.set_minute.push(60.0 * set as f64);
            for _ in 0..1 + draws.below(7) {
                dataset
                    .event_variable
                    .push(draws.below(VARIABLES as u64) as u32);
                dataset.event_value.push(draws.normal() as f32);
            }
            dataset.set_start.push(dataset.event_value.len() as u32);
        }
        let split = match number % 4 {
            3 => Split::Validation,
            _ => Split::Train,
        };
        dataset.stays.push(Stay {
            id: number.to_string(),
            split,
            label: Some(0),
            sets: first..dataset.set_minute.len(),
        });
    }
    dataset
}

struct Silent;

impl Watch for Silent {
    fn is_interrupted(&self) -> bool {
        false
    }
    fn progress(&self, _done: u64, _total: u64, _message: String) {}
    fn note(&self, _line: &str) {}
}

fn train(device: &Device, seed: u64) -> Result<Pretrained, Error> {
    let folder = tempfile::tempdir().map_err(|error| Error::stage(error.to_string()))?;
    let (model, settings, dataset) = (model(), settings(), dataset());
    let training = Pretraining {
        dataset: &dataset,
        model: &model,
        settings: &settings,
        seed,
        device,
        watch: &Silent,
        resume: &ResumeFile::new(folder.path().join("resume"), Duration::from_secs(u64::MAX)),
        replay: &ReplayFolder::new(folder.path().join("replay")),
    };
    let specs = parameter_specs(&model, ModelMode::Pretrain)?;
    training.run(initial_parameters(&specs, 1))
}

/// How many parameters of two trainings differ in any bit.
fn parameters_apart(one: &Pretrained, other: &Pretrained) -> usize {
    let digest = |pretrained: &Pretrained, name: &String| {
        let tensor = &pretrained.parameters[name];
        tensor_digest(&tensor.shape, &tensor.values)
    };
    let names = one.parameters.keys();
    names
        .filter(|name| digest(one, name) != digest(other, name))
        .count()
}

/// How far `ours` is from the mean of `theirs`, in their range.
fn ranges_apart(ours: f64, theirs: &[f64]) -> f64 {
    let mean = theirs.iter().sum::<f64>() / theirs.len() as f64;
    let least = theirs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = theirs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (ours - mean).abs() / (most - least)
}

/// Trains under several seeds on the CPU, and twice under one on `device`.
pub fn checks(device: &Device) -> Result<Vec<Check>, Error> {
    let expected: Vec<Pretrained> = (0..SEEDS)
        .map(|seed| train(&Device::Cpu, seed))
        .collect::<Result<_, _>>()?;
    let (ours, again) = (train(device, 0)?, train(device, 0)?);
    let check = |name: &str, worst, tolerance| Check {
        name: format!("training: {name}"),
        form: "kernel",
        worst,
        tolerance,
    };
    let beside = |name: &str, of: fn(&Pretrained) -> f64| {
        let theirs: Vec<f64> = expected.iter().map(of).collect();
        check(name, ranges_apart(of(&ours), &theirs), RANGES)
    };
    Ok(vec![
        check(
            "parameters that differ when run again",
            parameters_apart(&ours, &again) as f64,
            0.0,
        ),
        beside("reconstruction, in ranges of the CPU's", |p| {
            p.best.reconstruction
        }),
        beside("KL, in ranges of the CPU's", |p| p.best.kl),
    ])
}
