//! Whole trainings of a tiny model: what the options do, and that an interruption changes no bit.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::data::dataset::Stay;
use crate::model::config::ModelMode;
use crate::model::objective::Objective;
use crate::model::seqsetvae::parameter_specs;
use crate::train::config::{AdamW, EarlyStopping, PretrainMetric};
use crate::train::initial_parameters;
use crate::train::monitor::MonitorSettings;
use crate::train::optimizer::{Optimizer, ParameterGroup, Sgd, Update};
use crate::train::options::LoopOptions;
use crate::train::schedule::Schedule;

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

fn dataset() -> Dataset {
    let mut draws = Stream::new(0, "stays of a test").at(&[]);
    let mut dataset = Dataset {
        variables: (0..5).map(|number| number.to_string()).collect(),
        embedding_dim: 6,
        embeddings: (0..30).map(|_| draws.normal_f32()).collect(),
        set_start: vec![0],
        ..Dataset::default()
    };
    for number in 0..TRAIN + 2 {
        let first = dataset.set_minute.len();
        for set in 0..2 + number % 3 {
            dataset.set_minute.push(10.0 * (set + 1) as f32);
            for _ in 0..1 + draws.below(4) {
                dataset.event_variable.push(draws.below(5) as u32);
                dataset.event_value.push(draws.normal_f32());
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
            label: 0,
            sets: first..dataset.set_minute.len(),
        });
    }
    dataset
}

fn settings() -> PretrainSettings {
    PretrainSettings {
        objective: Objective::Reference,
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

fn sgd(momentum: f64) -> Optimizer {
    Optimizer {
        update: Update::Sgd(Sgd {
            lr: 1e-2,
            momentum,
            nesterov: momentum > 0.0,
            weight_decay: 0.01,
        }),
        groups: vec![ParameterGroup {
            pattern: "*.bias".into(),
            lr: Some(5e-3),
            weight_decay: Some(0.0),
        }],
    }
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

fn initial() -> HostParameters {
    let specs = parameter_specs(&model(), ModelMode::Pretrain).unwrap();
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
    let training = Pretraining {
        dataset,
        model: &model(),
        settings,
        seed: 3,
        device: &Device::Cpu,
        watch: &Impatient(AtomicUsize::new(looks)),
        resume: &ResumeFile::new(folder.join("resume.safetensors"), never),
        replay: &ReplayFolder::new(folder.join("replay")),
    };
    training.run(initial())
}

fn train(settings: &PretrainSettings) -> Pretrained {
    let folder = tempfile::tempdir().unwrap();
    train_in(folder.path(), &dataset(), settings, usize::MAX).unwrap()
}

/// Every schedule, each with another optimizer and other options.
fn variants() -> Vec<PretrainSettings> {
    let warmup_steps = 2;
    let with = |optimizer, options| PretrainSettings {
        optimizer,
        options,
        ..settings()
    };
    let of = |schedule| LoopOptions {
        schedule,
        ..LoopOptions::default()
    };
    vec![
        settings(),
        with(sgd(0.9), of(Schedule::Constant { warmup_steps })),
        with(
            sgd(0.0),
            LoopOptions {
                accumulate: 2,
                ..of(Schedule::Linear {
                    warmup_steps,
                    final_factor: 0.1,
                })
            },
        ),
        with(
            adamw(),
            LoopOptions {
                max_steps: Some(7),
                validate_every: 2,
                keep: Keep::Last,
                ..of(Schedule::Cosine {
                    warmup_steps,
                    final_factor: 0.0,
                })
            },
        ),
        with(
            sgd(0.9),
            of(Schedule::CosineRestarts {
                warmup_steps,
                period_steps: 2,
                period_factor: 2,
                final_factor: 0.1,
            }),
        ),
        PretrainSettings {
            epochs: 6,
            early_stopping: Some(EarlyStopping {
                metric: Some(PretrainMetric::Kl),
                mode: None,
                patience: 2,
                min_delta: 1e3,
            }),
            ..with(
                adamw(),
                of(Schedule::Plateau {
                    warmup_steps: 0,
                    factor: 0.5,
                    patience: 0,
                    threshold: 0.9,
                    min_lr: 1e-6,
                }),
            )
        },
    ]
}

#[test]
fn every_schedule_and_optimizer_goes_on_to_the_same_bits() {
    let dataset = dataset();
    for (index, settings) in variants().into_iter().enumerate() {
        let undisturbed = train(&settings);
        let folder = tempfile::tempdir().unwrap();
        let mut interruptions = 0;
        let resumed = loop {
            match train_in(folder.path(), &dataset, &settings, 3) {
                Ok(trained) => break trained,
                Err(Error::Interrupted) => interruptions += 1,
                Err(error) => panic!("variant {index}: {error}"),
            }
            assert!(interruptions < 50, "variant {index}");
        };
        assert!(interruptions > 1, "variant {index}: {interruptions}");
        assert_eq!(
            resumed.parameters, undisturbed.parameters,
            "variant {index}"
        );
        assert_eq!(resumed.history, undisturbed.history, "variant {index}");
        assert_eq!(resumed.best_epoch, undisturbed.best_epoch);
    }
}

#[test]
fn accumulated_batches_are_one_large_batch_to_the_bit() {
    let accumulated = |batch_size, accumulate| {
        train(&PretrainSettings {
            batch_size,
            options: LoopOptions {
                accumulate,
                ..LoopOptions::default()
            },
            ..settings()
        })
    };
    // Of ten stays the last group has one batch of two stays, or batches of four, four and two.
    assert_eq!(accumulated(4, 2).parameters, accumulated(8, 1).parameters);
    assert_eq!(accumulated(4, 3).parameters, accumulated(12, 1).parameters);
    assert_ne!(accumulated(4, 2).parameters, accumulated(4, 1).parameters);
}

#[test]
fn training_ends_after_max_steps_and_validates_there() {
    let trained = train(&PretrainSettings {
        options: LoopOptions {
            max_steps: Some(4),
            validate_every: 3,
            ..LoopOptions::default()
        },
        ..settings()
    });
    assert_eq!(trained.history.column("step"), [Some(3.0), Some(4.0)]);
    let losses = trained.history.column("validation_loss");
    assert!(losses[0].is_none() && losses[1].is_some());
    assert_eq!(trained.best_epoch, 2);
}

#[test]
fn patience_ends_training_and_the_last_parameters_are_kept_if_they_are_wanted() {
    let stopped = |keep| {
        train(&PretrainSettings {
            epochs: 9,
            early_stopping: Some(EarlyStopping {
                metric: None,
                mode: None,
                patience: 2,
                min_delta: 1e6,
            }),
            options: LoopOptions {
                keep,
                ..LoopOptions::default()
            },
            ..settings()
        })
    };
    let last = stopped(Keep::Last);
    assert_eq!(last.history.rows().count(), 3);
    assert_eq!(last.best_epoch, 3);
    let losses = last.history.column("validation_loss");
    assert_eq!(Some(last.best.monitored(0.05)), losses[2]);
    let best = stopped(Keep::Best);
    let least = losses
        .iter()
        .flatten()
        .copied()
        .fold(f64::INFINITY, f64::min);
    assert_eq!(best.best.monitored(0.05), least);
}

#[test]
fn a_group_with_a_rate_of_zero_stays_as_it_is() {
    let mut settings = settings();
    settings.optimizer.groups = vec![ParameterGroup {
        pattern: "decoder.*".into(),
        lr: Some(0.0),
        weight_decay: None,
    }];
    let (before, trained) = (initial(), train(&settings));
    for (name, tensor) in &trained.parameters {
        let same = *tensor == before[name];
        assert!(same || !name.starts_with("decoder."), "{name}");
    }
    assert_ne!(trained.parameters, before);
}

#[test]
fn the_rates_of_a_schedule_stand_in_the_history_and_without_one_there_is_no_column() {
    let schedule = Schedule::Linear {
        warmup_steps: 0,
        final_factor: 0.0,
    };
    let scheduled = train(&PretrainSettings {
        options: LoopOptions {
            schedule,
            ..LoopOptions::default()
        },
        ..settings()
    });
    let rates = scheduled.history.column("learning_rate");
    // Nine steps; the last of each epoch.
    for (rate, step) in rates.iter().zip([2.0, 5.0, 8.0]) {
        let expected = 1e-3 * (1.0 - step / 9.0);
        assert!((rate.unwrap() - expected).abs() < 1e-12);
    }
    assert!(
        train(&settings())
            .history
            .column("learning_rate")
            .is_empty()
    );
}

#[test]
fn a_number_that_is_not_finite_names_step_and_stays_and_leaves_them_for_replay() {
    let folder = tempfile::tempdir().unwrap();
    let mut dataset = dataset();
    let bad = dataset.events_of(dataset.stays[4].sets.start);
    dataset.event_value[bad.start] = f32::NAN;
    let settings = PretrainSettings {
        options: LoopOptions {
            accumulate: 2,
            ..LoopOptions::default()
        },
        ..settings()
    };
    let error = train_in(folder.path(), &dataset, &settings, usize::MAX).err();
    let error = error.expect("a stay is not finite").to_string();
    assert!(error.contains("the loss is NaN in step "), "{error}");
    assert!(error.contains("stay-4"), "{error}");
    let replay = folder.path().join("replay");
    assert!(error.contains(&replay.display().to_string()), "{error}");
    let text = std::fs::read(replay.join("step.json")).unwrap();
    let step: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let suspects = step["suspects"].as_array().unwrap();
    assert!(suspects.len() <= 4 && suspects.contains(&"stay-4".into()));
    let batches = step["batches"].as_array().unwrap();
    let stays: usize = batches
        .iter()
        .map(|batch| batch.as_array().unwrap().len())
        .sum();
    assert!(stays == 8 || stays == 2, "{step}");
    let left = crate::checkpoint::read(&replay.join("parameters.safetensors")).unwrap();
    assert_eq!(left.tensors.len(), initial().len());
}

#[test]
fn a_validation_that_is_not_finite_names_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut dataset = dataset();
    let bad = dataset.events_of(dataset.stays[TRAIN].sets.start);
    dataset.event_value[bad.start] = f32::NAN;
    let error = train_in(folder.path(), &dataset, &settings(), usize::MAX).err();
    let error = error.expect("a stay is not finite").to_string();
    assert!(
        error.starts_with("the validation loss is not finite"),
        "{error}"
    );
    assert!(
        error.ends_with("in one of the stays stay-10, stay-11"),
        "{error}"
    );
}

#[test]
fn an_empty_split_is_an_error_before_training() {
    let mut dataset = dataset();
    for stay in &mut dataset.stays {
        stay.split = Split::Train;
    }
    let folder = tempfile::tempdir().unwrap();
    let error = train_in(folder.path(), &dataset, &settings(), usize::MAX).err();
    let error = error.expect("there is no validation").to_string();
    assert_eq!(error, "the split validation has no stays");
}
