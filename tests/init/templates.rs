//! Recipes that are there without any data: templates, and shipped recipes by their names.

use std::path::Path;

use crate::document::{repository, stage};
use crate::harness::Test;
use crate::{meds_layout, physionet_layout};

#[test]
fn every_template_is_sound_and_overwrites_nothing() {
    let data = physionet_layout::point_at(physionet_layout::write(Test::new()));
    let mut test = meds_layout::write(data);
    for name in [
        "synthetic",
        "sweep",
        "meds",
        "own-model",
        "physionet2012",
        "physionet2012-few-labels",
    ] {
        test.run_with(["init", name, "--template", name])
            .success()
            .stdout_has("pipeline run");
        let recipe = format!("{name}/recipe.toml");
        test.run_with(["check", &recipe]).success();
        let again = test.run_with(["init", name, "--template", name]).failure(2);
        again.stderr_has(&format!("{recipe}: it exists"));
    }
    let sweep = test
        .run_with(["check", "sweep/recipe.toml", "--format", "json"])
        .success()
        .json();
    assert_eq!(
        sweep["recipes"][0]["variants"].as_array().map(Vec::len),
        Some(12)
    );
    assert!(test.folder().join("own-model/programs/gru.py").is_file());
}

/// An installed program needs no checkout, and a folder of the name is in nobody's way.
#[test]
fn a_shipped_recipe_is_run_and_extended_by_its_name() {
    let small = ["--set", "vars.stays=40", "--format", "json"];
    let mut test = Test::new()
        .file("finetune/data.csv", "")
        .recipe("format = 1\nextends = ['finetune']\nname = 'mine'\nvars = { stays = 40 }\n");
    let run = ["run", "finetune", "events"].iter().chain(&small);
    let run = test.run_with(run).success().json();
    assert_eq!(run["recipe"], "finetune");
    let extended = test
        .run_with(["run", "recipe.toml", "events", "--format", "json"])
        .success()
        .json();
    assert_eq!(
        stage(&extended, "events")["key"],
        stage(&run, "events")["key"]
    );
    assert_eq!(stage(&extended, "events")["status"], "cached");
    let missing = test.run_with(["run", "finetun"]).failure(2);
    missing.stderr_has("did you mean the shipped recipe `finetune`?");
    let kept = Path::new(run["run"].as_str().expect("a run")).to_path_buf();
    let kept = test
        .folder()
        .join(".pipeline/runs")
        .join(kept)
        .join("recipe.toml");
    let shipped = std::fs::read(repository("recipes/finetune.toml")).expect("the recipe");
    assert_eq!(std::fs::read(kept).expect("the run's recipe"), shipped);
}
