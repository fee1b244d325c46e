//! What the options do.

use super::*;
use crate::config::EarlyStopping;
use crate::optimizer::ParameterGroup;
use crate::schedule::Schedule;
use pipeline_model::precision::Precision;

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
    assert_eq!(Some(last.best.monitored(&settings())), losses[2]);
    let best = stopped(Keep::Best);
    let least = losses
        .iter()
        .flatten()
        .copied()
        .fold(f64::INFINITY, f64::min);
    assert_eq!(best.best.monitored(&settings()), least);
}

#[test]
fn a_group_with_a_rate_of_zero_stays_as_it_is() {
    let mut settings = settings();
    settings.optimizer.groups = vec![ParameterGroup {
        pattern: "decoder.*".into(),
        lr: Some(0.0),
        weight_decay: None,
    }];
    let (before, trained) = (initial(&model()), train(&settings));
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
fn rounded_factors_change_losses_a_little_and_have_one_result_for_any_number_of_threads() {
    let on = |threads: usize, precision| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let rounded = PretrainSettings {
            options: LoopOptions {
                precision,
                ..LoopOptions::default()
            },
            ..settings()
        };
        pool.build().unwrap().install(|| train(&rounded))
    };
    let (exact, rounded) = (on(1, Precision::F32), on(1, Precision::Bf16));
    assert_eq!(rounded.parameters, on(3, Precision::Bf16).parameters);
    assert_ne!(rounded.parameters, exact.parameters);
    let apart = (rounded.best.reconstruction / exact.best.reconstruction - 1.0).abs();
    assert!(apart > 0.0 && apart < 0.02, "{apart}");
}

#[test]
fn the_precision_is_in_the_key_where_it_is_not_single() {
    let fields = |precision| {
        let options = LoopOptions {
            precision,
            ..LoopOptions::default()
        };
        serde_json::to_value(options).unwrap()
    };
    assert_eq!(fields(Precision::F32), serde_json::json!({}));
    let expected = serde_json::json!({ "precision": "bf16" });
    assert_eq!(fields(Precision::Bf16), expected);
}
