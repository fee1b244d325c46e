//! Pretraining with tasks for a readout.

use super::*;
use pipeline_model::tasks::{ForecastTask, Tasks};

pub(super) fn settings_with_tasks() -> PretrainSettings {
    PretrainSettings {
        tasks: Some(Tasks {
            summary: Some(1.0),
            forecast: Some(ForecastTask {
                weight: 0.5,
                hours: 0.3,
            }),
            sets: 3,
        }),
        ..settings()
    }
}

#[test]
fn history_and_loss_have_every_task() {
    let settings = settings_with_tasks();
    let trained = train(&settings);
    let column = |name: &str| -> Vec<f64> {
        let values = trained.history.column(name);
        values.into_iter().map(|value| value.unwrap()).collect()
    };
    for name in ["train_summary", "validation_forecast"] {
        let losses = column(name);
        assert!(losses.iter().all(|loss| *loss > 0.0), "{name}: {losses:?}");
    }
    let parts = column("validation_reconstruction").into_iter();
    let parts = parts
        .zip(column("validation_kl"))
        .zip(column("validation_summary"));
    let parts = parts.zip(column("validation_forecast"));
    let losses: Vec<f64> = parts
        .map(|(((reconstruction, kl), summary), forecast)| {
            reconstruction + 0.05 * kl + summary + 0.5 * forecast
        })
        .collect();
    for (loss, expected) in column("validation_loss").into_iter().zip(losses) {
        assert!((loss - expected).abs() < 1e-12, "{loss} {expected}");
    }
    let without = train(&super::settings());
    assert!(
        !without
            .history
            .columns()
            .contains(&"train_summary".to_string())
    );
}

#[test]
fn a_task_that_is_not_set_has_no_decoder_and_no_column() {
    let mut settings = settings_with_tasks();
    if let Some(tasks) = &mut settings.tasks {
        tasks.forecast = None;
    }
    let trained = train(&settings);
    assert!(
        !trained
            .history
            .columns()
            .contains(&"train_forecast".to_string())
    );
    let has = |prefix: &str| {
        trained
            .parameters
            .keys()
            .any(|name| name.starts_with(prefix))
    };
    assert!(has("readout.") && has("summary_decoder.") && !has("forecast_decoder."));
}

#[test]
fn tasks_give_the_same_bits_for_any_number_of_threads_and_any_accumulation() {
    let settings = settings_with_tasks();
    let of_threads = |threads: usize, settings: &PretrainSettings| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| train(settings))
    };
    let one = of_threads(1, &settings);
    for threads in [2, 4] {
        let more = of_threads(threads, &settings);
        assert_eq!(more.parameters, one.parameters);
        assert_eq!(more.history, one.history);
    }
    let whole = of_threads(
        2,
        &PretrainSettings {
            batch_size: 8,
            ..settings.clone()
        },
    );
    let parts = PretrainSettings {
        options: LoopOptions {
            accumulate: 2,
            ..LoopOptions::default()
        },
        ..settings
    };
    assert_eq!(of_threads(2, &parts).parameters, whole.parameters);
}
