//! An interruption changes no bit.

use super::*;
use crate::config::{EarlyStopping, PretrainMetric};
use crate::optimizer::{ParameterGroup, Sgd, Update};
use crate::schedule::Schedule;

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
        tasks::settings_with_tasks(),
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
