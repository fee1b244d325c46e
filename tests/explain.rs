//! `pipeline explain`, and what `pipeline plan` says of the same changes.

use serde_json::{Value, json};

use crate::document::{repository, stage};
use crate::harness::Test;
use crate::physionet_layout::{self, FOLDER};
use crate::recipes::PRETRAIN;

/// A store in which the data stage has run.
fn with_events() -> Test {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml", "events"]).success();
    test
}

fn explained(test: &mut Test, recipe: &str, stage: &str, set: &[&str]) -> Value {
    let mut arguments = vec!["explain", recipe, stage, "--format", "json"];
    arguments.extend(set.iter().flat_map(|set| ["--set", set]));
    test.run_with(arguments).success().stderr_is("").json()
}

fn reasons(test: &mut Test, recipe: &str, name: &str, set: &[&str]) -> Value {
    let mut arguments = vec!["plan", recipe, name, "--format", "json"];
    arguments.extend(set.iter().flat_map(|set| ["--set", set]));
    let plan = test.run_with(arguments).success().json();
    stage(&plan, name)["reasons"].clone()
}

#[test]
fn a_stage_that_never_ran_has_nothing_to_be_compared_with() {
    let mut test = Test::new().recipe(PRETRAIN);
    let explanation = explained(&mut test, "recipe.toml", "events", &[]);
    assert_eq!(explanation["recipe"], "demo");
    assert_eq!(explanation["stage"], "events");
    assert_eq!(explanation["kind"], "data");
    assert_eq!(explanation["status"], "run");
    assert_eq!(explanation["key"].as_str().map(str::len), Some(64));
    assert_eq!(explanation["nearest"], Value::Null);
    assert_eq!(explanation["differences"], json!([]));
    let human = test.run_with(["explain", "recipe.toml", "events"]);
    human
        .success()
        .stdout_has("events (data): would run\nkey      ")
        .stdout_has("\n\nno earlier result of kind data to compare with\n");
    assert!(!test.folder().join(".pipeline/actions").exists());
}

#[test]
fn a_cached_stage_is_its_own_nearest() {
    let mut test = with_events();
    let explanation = explained(&mut test, "recipe.toml", "events", &[]);
    assert_eq!(explanation["status"], "cached");
    assert_eq!(explanation["nearest"]["key"], explanation["key"]);
    assert_eq!(explanation["differences"], json!([]));
    let created = explanation["nearest"]["created"].as_str();
    assert!(created.is_some_and(|created| created.ends_with('Z')));
}

#[test]
fn a_changed_field_and_a_changed_seed_are_named_with_what_they_were() {
    let mut test = with_events();
    let set = ["stages.events.source.stays=41", "seed=2"];
    assert_eq!(
        reasons(&mut test, "recipe.toml", "events", &set),
        json!([
            "field `stages.events.source.stays` changed: 40 → 41",
            "seed 1 → 2"
        ])
    );
    let explanation = explained(&mut test, "recipe.toml", "events", &set);
    assert_eq!(
        explanation["differences"],
        json!([
            {
                "path": "fields.source.stays",
                "recipe_path": "stages.events.source.stays",
                "earlier": 40,
                "now": 41,
            },
            {"path": "seed", "recipe_path": "seed", "earlier": 1, "now": 2},
        ])
    );
    let arguments = ["explain", "recipe.toml", "events"].into_iter();
    let outcome = test.run_with(arguments.chain(["--set", set[0]])).success();
    outcome.stdout_has(
        "
path                        earlier  now
stages.events.source.stays  40       41
",
    );
    let human = test.run_with([
        "plan",
        "recipe.toml",
        "events",
        "--set",
        set[0],
        "--set",
        set[1],
    ]);
    let lines =
        "field `stages.events.source.stays` changed: 40 → 41\n                    seed 1 → 2\n";
    human.success().stdout_has(lines);
}

#[test]
fn changed_contents_of_a_file_are_named_by_the_setting_that_names_the_file() {
    let recipe = repository("recipes/physionet2012.toml");
    let mut test = physionet_layout::point_at(physionet_layout::write(Test::new()));
    test.run_with(["run", &recipe, "events"]).success();
    let test = test.file(&format!("{FOLDER}/Outcomes-b.txt"), "other contents\n");
    let mut test = test;
    let path = test.folder().join(FOLDER).join("Outcomes-b.txt");
    assert_eq!(
        reasons(&mut test, &recipe, "events", &[]),
        json!([format!(
            "content of input `stages.events.source.outcomes.1` changed ({})",
            path.display()
        )])
    );
    let explanation = explained(&mut test, &recipe, "events", &[]);
    let differences = explanation["differences"].as_array().expect("a list");
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0]["path"], "inputs.external:source.outcomes.1");
    let recipe_path = "stages.events.source.outcomes.1";
    assert_eq!(differences[0]["recipe_path"], recipe_path);
    assert_ne!(differences[0]["earlier"], differences[0]["now"]);
    assert_eq!(differences[0]["now"].as_str().map(str::len), Some(64));
}

#[test]
fn an_input_that_is_not_known_yet_is_said_and_all_else_is_compared() {
    let mut test = with_events();
    test.run_with(["run", "recipe.toml"]).success();
    let set = ["stages.events.source.stays=41", "stages.pretrain.epochs=2"];
    assert_eq!(
        reasons(&mut test, "recipe.toml", "pretrain", &set),
        json!([
            "depends on the output of events",
            "field `stages.pretrain.epochs` changed: 1 → 2"
        ])
    );
    let explanation = explained(&mut test, "recipe.toml", "pretrain", &set);
    assert_eq!(explanation["status"], "may-run");
    assert_eq!(explanation["key"], Value::Null);
    assert_eq!(
        explanation["differences"],
        json!([{
            "path": "fields.settings.epochs",
            "recipe_path": "stages.pretrain.epochs",
            "earlier": 1,
            "now": 2,
        }])
    );
    let unknown = explanation["unknown"].as_array().expect("a list");
    assert!(unknown.iter().all(|input| input["stage"] == "events"));
    assert_eq!(unknown[0]["path"], "inputs.data.events");

    test.run_with(["run", "recipe.toml", "events", "--set", set[0]])
        .success();
    let now = reasons(&mut test, "recipe.toml", "pretrain", &set[..1]);
    let changed = "content of input `data.events` changed (artifact `events` of stage `events`)";
    assert!(
        now.as_array()
            .is_some_and(|now| now.contains(&json!(changed))),
        "{now}"
    );
}

#[test]
fn an_unknown_stage_is_answered_with_the_nearest() {
    let mut test = Test::new().recipe(PRETRAIN);
    let outcome = test.run_with(["explain", "recipe.toml", "pretrian"]);
    outcome
        .failure(2)
        .stdout_is("")
        .stderr_has("hint: did you mean `pretrain`?");
}

#[test]
fn what_the_model_says_is_named_by_its_place_under_model() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml"]).success();
    let set = ["model.levels=2", "stages.pretrain.seed=7"];
    assert_eq!(
        reasons(&mut test, "recipe.toml", "pretrain", &set),
        json!([
            "field `model.levels` changed: 1 → 2",
            "field `stages.pretrain.seed` changed: 1 → 7"
        ])
    );
    let explanation = explained(&mut test, "recipe.toml", "pretrain", &set);
    let differences = explanation["differences"].as_array().expect("a list");
    let paths: Vec<(&Value, &Value)> = differences
        .iter()
        .map(|difference| (&difference["path"], &difference["recipe_path"]))
        .collect();
    assert_eq!(
        paths,
        [
            (&json!("fields.model.levels"), &json!("model.levels")),
            (&json!("seed"), &json!("stages.pretrain.seed")),
        ]
    );
}

/// Every path that a fingerprint of the main job has for a setting is one that a recipe can state.
#[test]
fn every_setting_of_a_fingerprint_has_its_place_in_the_recipe() {
    let path = repository("tests/fixtures/recipes/mlp-head.toml");
    let path = std::path::Path::new(&path);
    let (recipe, resolved) = pipeline_kinds::resolve(path, &[]).expect("the recipe is sound");
    let stated: Vec<String> = resolved
        .values
        .iter()
        .map(|value| match value.table.as_str() {
            "" => value.key.clone(),
            table => format!("{table}.{}", value.key),
        })
        .collect();
    let mut checked = 0;
    for node in pipeline_kinds::nodes_of(&recipe) {
        let mut settings = vec![("fields".to_string(), node.stage.fields())];
        while let Some((path, value)) = settings.pop() {
            match value {
                Value::Object(map) => {
                    let below = map.into_iter();
                    settings.extend(below.map(|(name, value)| (format!("{path}.{name}"), value)));
                }
                Value::Null => {}
                _ => {
                    let place = node.path_in_recipe(&path).expect("a setting is stated");
                    assert!(stated.contains(&place), "{}: {path} is {place}", node.name);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 40, "{checked}");
}
