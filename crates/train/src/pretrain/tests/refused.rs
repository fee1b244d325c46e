//! Data that cannot be trained on: numbers that are not finite, a split without stays.

use super::*;

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
    let left = pipeline_checkpoint::read(&replay.join("parameters.safetensors")).unwrap();
    assert_eq!(left.tensors.len(), initial(&model()).len());
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

#[test]
fn a_split_in_which_nothing_can_be_forecast_says_so() {
    let mut dataset = dataset();
    for stay in &mut dataset.stays[..TRAIN] {
        stay.sets.end = stay.sets.start + 1;
    }
    let settings = PretrainSettings {
        objective: Objective::Forecast,
        ..settings()
    };
    let folder = tempfile::tempdir().unwrap();
    let error = train_in(folder.path(), &dataset, &settings, usize::MAX).err();
    let error = error.expect("no stay has a next set");
    assert_eq!(
        error.to_string(),
        "every stay of the split train (10) has a single set, and nothing to forecast"
    );
    let hint = error.hint().expect("a hint");
    for setting in ["`objective`", "`max_sets`", "`set_minutes`"] {
        assert!(hint.contains(setting), "{hint}");
    }
}
