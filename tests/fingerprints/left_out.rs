//! Settings that the pinned recipe leaves out.

use super::keys_of;
use crate::document::repository;
use crate::harness::Test;

/// Settings that the main job's recipe has no value for. Each line, laid over those before it,
/// changes the key of the stage and no other.
const LEFT_OUT: &[&str] = &[
    "max_steps=100",
    "optimizer={ kind = 'sgd', lr = 1e-3 }",
    "optimizer.momentum=0.8",
    "optimizer.nesterov=true",
    "optimizer.groups=[{ pattern = '*.bias', weight_decay = 0.0 }]",
    "optimizer.groups=[{ pattern = '*.bias', weight_decay = 0.0, lr = 1e-4 }]",
    "optimizer.groups=[{ pattern = '*bias', weight_decay = 0.0, lr = 1e-4 }]",
    "schedule.kind='cosine'",
    "schedule.final_factor=0.1",
    "schedule.kind='linear'",
    "schedule={ kind = 'cosine-restarts', period_steps = 10 }",
    "schedule.period_steps=11",
    "schedule.period_factor=2",
    "schedule={ kind = 'plateau' }",
    "schedule.factor=0.3",
    "schedule.patience=3",
    "schedule.threshold=0.1",
    "schedule.min_lr=1e-6",
    "early_stopping.patience=7",
    "early_stopping.metric='loss'",
    "early_stopping.mode='max'",
];

#[test]
fn settings_that_are_left_out_here_change_keys_too() {
    let text = std::fs::read_to_string(repository("tests/fixtures/recipes/mlp-head.toml"))
        .expect("it is there");
    // What AdamW alone has would be a mistake beside another optimizer.
    let text = text
        .replace(", betas = [0.9, 0.999]", "")
        .replace(", betas = [0.9, 0.98]", "");
    let test = Test::new().recipe(&text);
    let path = test.folder().join("recipe.toml");
    for stage in ["pretrain", "classifier"] {
        let mut changes: Vec<String> = Vec::new();
        let mut before = keys_of(&path, &[]);
        for line in LEFT_OUT {
            changes.push(format!("stages.{stage}.{line}"));
            let lines: Vec<&str> = changes.iter().map(String::as_str).collect();
            let keys = keys_of(&path, &lines);
            let changed = keys.iter().filter(|key| !before.contains(key)).count();
            assert_eq!(changed, 1, "{stage}.{line}");
            before = keys;
        }
    }
}
