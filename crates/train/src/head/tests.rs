//! Trainings of a small head: what the options do.

mod going_on;
mod told;

use std::time::Duration;

use super::*;
use crate::class_balance::{ClassWeights, Sampling};
use crate::config::SelectionMetric;
use crate::config::{EarlyStopping, Loss};
use crate::optimizer::AdamW;
use crate::optimizer::{Optimizer, Sgd, Update};
use crate::options::{Keep, LoopOptions};
use crate::resume::ResumeFile;
use crate::watch::{Unwatched, Watch};
use pipeline_model::config::{HeadKind, ModelMode};
use pipeline_model::host::initial_parameters;
use pipeline_model::seqsetvae::parameter_specs;

/// Stays to train on: batches of 4, 4, 4 and 2; one in four is positive.
const TRAIN: usize = 14;

fn model() -> ModelConfig {
    ModelConfig {
        latent_dim: 8,
        ..ModelConfig::default()
    }
}

fn settings() -> HeadSettings {
    HeadSettings {
        epochs: 4,
        batch_size: 4,
        loss: Loss::CrossEntropy {
            label_smoothing: 0.1,
        },
        optimizer: AdamW {
            lr: 1e-2,
            betas: [0.9, 0.98],
            eps: 1e-8,
            weight_decay: 0.01,
        }
        .into(),
        clip_norm: 0.5,
        dropout: [0.0; 3],
        select: SelectionMetric::Loss,
        early_stopping: None,
        class_weights: ClassWeights::Equal,
        sampling: Sampling::Shuffle,
        options: LoopOptions::default(),
    }
}

fn options(options: LoopOptions) -> HeadSettings {
    HeadSettings {
        options,
        ..settings()
    }
}

fn rows(count: usize, seed: u64) -> LabelledFeatures {
    let mut draws = Stream::new(seed, "features of a test").at(&[]);
    let labels: Vec<u32> = (0..count).map(|row| u32::from(row % 4 == 0)).collect();
    let values: Vec<f32> = (0..count * 8)
        .map(|at| draws.normal() as f32 + labels[at / 8] as f32)
        .collect();
    LabelledFeatures {
        ids: (0..count).map(|row| format!("stay-{row}")).collect(),
        features: Tensor::from_vec(values, (count, 8), &Device::Cpu).unwrap(),
        truth: Truth::Classes(labels),
        shards: Vec::new(),
    }
}

fn initial() -> HostParameters {
    initial_of(&model())
}

fn initial_of(model: &ModelConfig) -> HostParameters {
    let specs = parameter_specs(model, ModelMode::Classifier).unwrap();
    initial_parameters(specs.iter().filter(|spec| Head::owns(&spec.name)), 1)
}

fn train_on(settings: &HeadSettings, train: &LabelledFeatures) -> Result<TrainedHead, Error> {
    let folder = tempfile::tempdir().unwrap();
    let replay = ReplayFolder::new(folder.path().join("replay"));
    train_into(&replay, settings, train)
}

fn train_into(
    replay: &ReplayFolder,
    settings: &HeadSettings,
    train: &LabelledFeatures,
) -> Result<TrainedHead, Error> {
    train_from(&from_nothing(), &Unwatched, replay, settings, train)
}

/// A file that is not there, and is never due.
fn from_nothing() -> ResumeFile {
    ResumeFile::new("nowhere/resume".into(), Duration::MAX)
}

fn train_from(
    resume: &ResumeFile,
    watch: &dyn Watch,
    replay: &ReplayFolder,
    settings: &HeadSettings,
    train: &LabelledFeatures,
) -> Result<TrainedHead, Error> {
    let parameters = initial();
    let names: Vec<String> = parameters.keys().cloned().collect();
    let trainer = HeadTrainer::new(
        &Device::Cpu,
        &model(),
        &parameters,
        &names,
        settings,
        3,
        replay,
    )?;
    train_head(trainer, train, &rows(8, 2), resume, watch)
}

fn train(settings: &HeadSettings) -> TrainedHead {
    train_on(settings, &rows(TRAIN, 1)).unwrap()
}

#[track_caller]
fn assert_near(one: &TrainedHead, other: &TrainedHead) {
    for (name, tensor) in &one.parameters {
        for (a, b) in tensor.values.iter().zip(&other.parameters[name].values) {
            assert!((a - b).abs() < 1e-5, "{name}: {a} {b}");
        }
    }
}

#[test]
fn accumulated_batches_are_one_large_batch_also_where_the_last_is_incomplete() {
    let with = |batch_size, accumulate, class_weights: &ClassWeights| {
        train(&HeadSettings {
            batch_size,
            class_weights: class_weights.clone(),
            // AdamW turns rounding of gradients near zero into whole steps.
            optimizer: Optimizer {
                update: Update::Sgd(Sgd {
                    lr: 0.1,
                    momentum: 0.9,
                    nesterov: false,
                    weight_decay: 0.0,
                }),
                groups: Vec::new(),
            },
            ..options(LoopOptions {
                accumulate,
                ..LoopOptions::default()
            })
        })
    };
    for weights in [ClassWeights::Equal, ClassWeights::Given(vec![1.0, 5.0])] {
        assert_near(&with(4, 2, &weights), &with(8, 1, &weights));
        assert_near(&with(4, 4, &weights), &with(16, 1, &weights));
    }
}

#[test]
fn weights_of_classes_count_and_equal_ones_change_nothing() {
    let weighted = |class_weights| {
        train(&HeadSettings {
            class_weights,
            ..settings()
        })
    };
    let plain = train(&settings());
    assert_near(&weighted(ClassWeights::Given(vec![2.0, 2.0])), &plain);
    let balanced = weighted(ClassWeights::Balanced);
    assert_ne!(balanced.parameters, plain.parameters);
    // 14 stays, 4 of class 1.
    let given = weighted(ClassWeights::Given(vec![14.0 / 20.0, 14.0 / 8.0]));
    assert_near(&balanced, &given);
}

#[test]
fn balanced_sampling_is_the_same_every_time() {
    let balanced = || {
        train(&HeadSettings {
            sampling: Sampling::Balanced,
            ..settings()
        })
    };
    assert_eq!(balanced().parameters, balanced().parameters);
    assert_ne!(balanced().parameters, train(&settings()).parameters);
}

#[test]
fn training_ends_after_max_steps_and_validates_at_intervals() {
    let trained = train(&options(LoopOptions {
        max_steps: Some(10),
        validate_every: 2,
        keep: Keep::Last,
        ..LoopOptions::default()
    }));
    let steps = trained.history.column("step");
    assert_eq!(steps, [Some(4.0), Some(8.0), Some(10.0)]);
    let losses = trained.history.column("validation_loss");
    assert!(losses[0].is_none() && losses[1].is_some());
    assert_eq!(losses[2], Some(trained.best.loss));
    assert_eq!(trained.best_epoch, 3);
}

#[test]
fn a_metric_may_be_undefined_where_nothing_goes_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let replay = ReplayFolder::new(folder.path().join("replay"));
    let (parameters, train) = (initial(), rows(TRAIN, 1));
    let names: Vec<String> = parameters.keys().cloned().collect();
    let mut validation = rows(8, 2);
    validation.truth = Truth::Classes(vec![0; 8]);
    for (keep, sound) in [(Keep::Best, false), (Keep::Last, true)] {
        let settings = HeadSettings {
            select: SelectionMetric::Auroc,
            ..options(LoopOptions {
                keep,
                ..LoopOptions::default()
            })
        };
        let trainer = HeadTrainer::new(
            &Device::Cpu,
            &model(),
            &parameters,
            &names,
            &settings,
            3,
            &replay,
        );
        let trained = train_head(
            trainer.unwrap(),
            &train,
            &validation,
            &from_nothing(),
            &Unwatched,
        );
        assert_eq!(trained.is_ok(), sound, "{keep:?}");
    }
}

#[test]
fn what_stops_training_may_be_another_metric_than_what_chooses() {
    let trained = train(&HeadSettings {
        epochs: 9,
        early_stopping: Some(EarlyStopping {
            metric: Some(SelectionMetric::Auroc),
            mode: None,
            patience: 2,
            min_delta: 2.0,
        }),
        ..settings()
    });
    assert_eq!(trained.history.rows().count(), 3);
    let losses = trained.history.column("validation_loss");
    let least = losses
        .iter()
        .flatten()
        .copied()
        .fold(f64::INFINITY, f64::min);
    assert_eq!(trained.best.loss, least);
}

#[test]
fn a_stay_that_is_not_finite_is_named_and_left_for_replay() {
    let folder = tempfile::tempdir().unwrap();
    let replay = ReplayFolder::new(folder.path().join("replay"));
    let mut train = rows(TRAIN, 1);
    let mut values = train
        .features
        .flatten_all()
        .unwrap()
        .to_vec1::<f32>()
        .unwrap();
    values[5 * 8] = f32::NAN;
    train.features = Tensor::from_vec(values, (TRAIN, 8), &Device::Cpu).unwrap();
    let error = train_into(&replay, &settings(), &train).err();
    let text = error.expect("a feature is not finite").to_string();
    assert!(text.contains(" is not finite in step "), "{text}");
    assert!(text.contains("in stay stay-5\n"), "{text}");
    let step = std::fs::read(folder.path().join("replay/step.json")).unwrap();
    let step: serde_json::Value = serde_json::from_slice(&step).unwrap();
    assert_eq!(step["stage"], "finetune");
    assert_eq!(step["suspects"], serde_json::json!(["stay-5"]));
    assert!(
        folder
            .path()
            .join("replay/parameters.safetensors")
            .is_file()
    );
}

#[test]
fn a_parameter_that_takes_no_part_is_named_after_the_first_step() {
    let parameters = initial();
    let names: Vec<String> = parameters.keys().cloned().collect();
    let (settings, replay) = (settings(), ReplayFolder::new("nowhere".into()));
    let trainer = HeadTrainer::new(
        &Device::Cpu,
        &model(),
        &parameters,
        &names,
        &settings,
        3,
        &replay,
    );
    let mut trainer = trainer.unwrap();
    let lost = Var::new(&[0f32], &Device::Cpu).unwrap();
    trainer.variables.insert("cls_head.lost".into(), lost);
    let error = trainer.step(&[rows(4, 1)], RateScale::ONE).unwrap_err();
    assert!(error.to_string().contains("\n  cls_head.lost"), "{error}");
}

/// A number that features tell, far from 0 and of a large unit.
#[test]
fn numbers_are_learned_in_any_unit() {
    let of = |count, seed| {
        let rows = rows(count, seed);
        let classes = rows.truth.classes().unwrap_or_default().iter();
        let numbers = classes
            .map(|class| 5000.0 + 400.0 * f64::from(*class))
            .collect();
        LabelledFeatures {
            truth: Truth::Numbers(numbers),
            ..rows
        }
    };
    let (train, validation) = (of(TRAIN, 1), of(8, 2));
    let Truth::Numbers(numbers) = &train.truth else {
        panic!("numbers")
    };
    let scale = NumberScale::of(numbers).unwrap();
    let mut model = model();
    model.classifier.num_classes = 1;
    model.classifier.head = HeadKind::Linear;
    let parameters = initial_of(&model);
    let names: Vec<String> = parameters.keys().cloned().collect();
    let settings = HeadSettings {
        loss: Loss::Mse,
        select: SelectionMetric::Loss,
        epochs: 60,
        optimizer: AdamW {
            lr: 0.03,
            betas: [0.9, 0.99],
            eps: 1e-8,
            weight_decay: 0.0,
        }
        .into(),
        ..settings()
    };
    let replay = ReplayFolder::new("nowhere".into());
    let trainer = HeadTrainer::new(
        &Device::Cpu,
        &model,
        &parameters,
        &names,
        &settings,
        3,
        &replay,
    );
    let trainer = trainer.unwrap().scaled(Some(scale));
    let trained = train_head(trainer, &train, &validation, &from_nothing(), &Unwatched);
    let best = trained.unwrap().best;
    let errors = best.errors.unwrap();
    assert_eq!((best.auroc, best.average_precision), (None, None));
    assert!(errors.mae < 200.0 && errors.r2.unwrap() > 0.0, "{errors:?}");
}
