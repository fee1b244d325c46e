//! Selection, cleaning and limits as a whole: what is lost is counted by reason, variable and split.

use serde_json::{Value, json};

use super::{Built, refusal, synthetic};
use crate::config::*;
use crate::dataset::Split;

fn profile(built: &Built) -> Value {
    let text = std::fs::read_to_string(built.folder.path().join("profile.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The sum over splits of what a variable lost for a reason.
fn lost(profile: &Value, reason: &str, variable: &str) -> u64 {
    let splits = profile["lost"][reason][variable].as_object();
    splits
        .into_iter()
        .flatten()
        .filter_map(|(_, count)| count.as_u64())
        .sum()
}

fn events(profile: &Value, variable: &str) -> u64 {
    let of = |split: Split| profile["variables"][variable][split.name()]["events"].as_u64();
    [Split::Train, Split::Validation, Split::Test]
        .into_iter()
        .filter_map(of)
        .sum()
}

#[test]
fn nothing_is_dropped_that_the_profile_does_not_count() {
    let whole = profile(&Built::of(&synthetic(60), 1).unwrap());
    let mut config = synthetic(60);
    config.variables.drop = vec!["Glucose".into()];
    let rule = |low: f64, high: f64, outside| CleaningRule {
        range: Some([low, high]),
        outside,
        ..CleaningRule::default()
    };
    config
        .cleaning
        .insert("GCS".into(), rule(5.0, 15.0, Outside::Drop));
    config
        .cleaning
        .insert("HR".into(), rule(60.0, 100.0, Outside::Clip));
    config.cleaning.insert(
        "Temp".into(),
        CleaningRule {
            missing: vec![37.0],
            factor: Some(1.8),
            ..CleaningRule::default()
        },
    );
    config.cleaning.insert(
        "Lactate".into(),
        CleaningRule {
            log: Some(Logarithm::Ln),
            ..CleaningRule::default()
        },
    );
    let found = profile(&Built::of(&config, 1).unwrap());
    assert_eq!(
        lost(&found, "not_selected", "Glucose"),
        events(&whole, "Glucose")
    );
    assert!(found["variables"].get("Glucose").is_none());
    for (variable, reason) in [("GCS", "out_of_range"), ("Temp", "missing")] {
        let dropped = lost(&found, reason, variable);
        assert!(dropped > 0);
        assert_eq!(events(&found, variable) + dropped, events(&whole, variable));
    }
    assert!(lost(&found, "clipped_to_range", "HR") > 0);
    assert_eq!(events(&found, "HR"), events(&whole, "HR"));
    let heart_rate = &found["variables"]["HR"]["train"];
    assert_eq!(
        (&heart_rate["min"], &heart_rate["max"]),
        (&json!(60.0), &json!(100.0))
    );
    let warmer = found["variables"]["Temp"]["mean"].as_f64().unwrap();
    assert!((60.0..72.0).contains(&warmer), "{warmer}");
    let logarithm = found["variables"]["Lactate"]["mean"].as_f64().unwrap();
    assert!((0.0..1.5).contains(&logarithm), "{logarithm}");
    assert_eq!(
        found["counts"]["events_not_selected"],
        lost(&found, "not_selected", "Glucose")
    );
}

#[test]
fn a_variable_of_too_few_stays_is_left_out_by_name() {
    let mut config = synthetic(60);
    config.variables.min_stays = 35;
    let built = Built::of(&config, 1).unwrap();
    let found = profile(&built);
    let whole = profile(&Built::of(&synthetic(60), 1).unwrap());
    let stays = |name: &str| whole["variables"][name]["train"]["stays"].as_u64().unwrap();
    let rare: Vec<&String> = (whole["variables"].as_object().unwrap().keys())
        .filter(|name| stays(name) < 35)
        .collect();
    assert!(!rare.is_empty());
    for name in rare {
        assert!(found["variables"].get(name).is_none());
        assert_eq!(lost(&found, "rare", name), events(&whole, name));
        assert!(
            built
                .notes
                .iter()
                .any(|note| note.contains(&format!("`{name}`")))
        );
    }
}

#[test]
fn rules_for_names_are_idle_and_told() {
    let mut config = synthetic(60);
    config.categorical = vec!["GCS".into()];
    config.embeddings = Some(Embeddings::Orthonormal(64));
    for name in ["GCS", "HR"] {
        let rule = CleaningRule {
            missing: vec![8.0],
            ..CleaningRule::default()
        };
        config.cleaning.insert(name.into(), rule);
    }
    let idle = |config: &DataConfig| {
        let notes = Built::of(config, 1).unwrap().notes;
        let told = notes
            .into_iter()
            .filter(|note| note.contains("`cleaning` changes nothing of"));
        told.collect::<Vec<_>>()
    };
    let told = idle(&config);
    assert!(
        told[0].contains("`GCS`") && !told[0].contains("`HR`"),
        "{told:?}"
    );
    config.cleaning.remove("GCS");
    assert!(idle(&config).is_empty());
}

#[test]
fn a_limited_stay_keeps_its_most_recent_sets() {
    let mut config = synthetic(40);
    config.max_sets = Some(5);
    let limited = Built::of(&config, 1).unwrap();
    let (few, all) = (limited.load(), Built::of(&synthetic(40), 1).unwrap().load());
    for (few_of, all_of) in few.stays.iter().zip(&all.stays) {
        let minutes = &all.set_minute[all_of.sets.clone()];
        let kept = &few.set_minute[few_of.sets.clone()];
        assert_eq!(kept, &minutes[minutes.len().saturating_sub(5)..]);
    }
    assert!(limited.report.counts["events_truncated"] > 0);
}

#[test]
fn buckets_make_sets_of_their_minutes() {
    let mut config = synthetic(40);
    config.set_minutes = Some(60.0);
    let data = Built::of(&config, 1).unwrap().load();
    assert!(data.set_minute.iter().all(|minute| minute % 60.0 == 0.0));
    for stay in &data.stays {
        assert!(data.set_minute[stay.sets.clone()].is_sorted_by(|a, b| a < b));
    }
}

#[test]
fn memory_is_no_part_of_the_result() {
    let mut config = synthetic(300);
    let ample = Built::of(&config, 2).unwrap().digests();
    config.memory = MemorySize(1);
    assert_eq!(Built::of(&config, 3).unwrap().digests(), ample);
}

#[test]
fn settings_of_variables_that_are_not_there_are_named_with_the_nearest() {
    let mut config = synthetic(30);
    config.variables.drop = vec!["Creatinin".into()];
    assert!(refusal(&config).contains("variables.drop: the source has no variable `Creatinin`"));
    let mut config = synthetic(30);
    config.cleaning.insert("hr".into(), CleaningRule::default());
    assert!(refusal(&config).contains("cleaning: the source has no variable `hr`"));
    let mut config = synthetic(30);
    (config.hours, config.last_hours) = (Some(1.0), Some(1.0));
    assert!(refusal(&config).contains("contradict each other"));
}
