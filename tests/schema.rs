//! `pipeline schema` and `pipeline completions`.

use std::process::Command;

use crate::document::{artifact, repository};
use crate::harness::Test;
use crate::recipes::PRETRAIN;

const NAMES: [&str; 12] = [
    "recipe",
    "lock",
    "run",
    "plan",
    "sweep",
    "sweep-plan",
    "compare",
    "inspect",
    "audit",
    "metrics",
    "curves",
    "diagnosis",
];

/// Validates documents, TOML or JSON by their names' endings, against the schema before them.
const VALIDATOR: &str = r#"
import json, pathlib, sys, tomllib
import jsonschema
schema, *documents = map(pathlib.Path, sys.argv[1:])
schema = json.loads(schema.read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
bad = 0
for path in documents:
    text = path.read_text()
    document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    for error in validator.iter_errors(document):
        bad += 1
        print(f"{path.name}: {error.json_path}: {error.message}")
sys.exit(bad > 0)
"#;

fn python(script: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-W", "ignore", "-c", script]);
    command
}

fn has_validator() -> bool {
    let available = python("import jsonschema, tomllib").output();
    available.is_ok_and(|output| output.status.success())
}

/// Errors of `documents`; none, with a notice, where Python has no validator.
fn validate(schema: &str, documents: &[String]) -> String {
    if !has_validator() {
        eprintln!("notice: no python3 with jsonschema and tomllib: {schema} is not tested");
        return String::new();
    }
    let schema = repository(&format!("schemas/{schema}.schema.json"));
    let output = python(VALIDATOR).arg(schema).args(documents).output();
    let output = output.expect("python3 was there a moment ago");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn every_schema_is_printed_as_it_is_committed() {
    let mut test = Test::new();
    for name in NAMES {
        let path = repository(&format!("schemas/{name}.schema.json"));
        let committed = std::fs::read_to_string(path).expect("a schema is committed");
        let outcome = test.run_with(["schema", name]).success();
        outcome.stdout_is(&committed).stderr_is("");
    }
    let recipe = test.run_with(["schema", "recipe"]).success();
    test.run_with(["schema"])
        .success()
        .stdout_is(&recipe.stdout);
    let outcome = test.run_with(["schema", "locks"]).failure(2);
    outcome.stderr_has("'lock'");
}

#[test]
fn every_shipped_recipe_is_valid_for_an_independent_validator() {
    let folder = std::fs::read_dir(repository("recipes")).expect("recipes are shipped");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let recipes: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| path.display().to_string())
        .collect();
    assert!(!recipes.is_empty());
    assert_eq!(validate("recipe", &recipes), "");
}

#[test]
fn only_a_recipe_that_extends_others_may_leave_out_what_is_required() {
    let part = "format = 1\nstages.events.split = { ratio = [0.8, 0.1, 0.1] }\n";
    let test = Test::new()
        .file("part.toml", part)
        .file("on.toml", format!("extends = [\"a.toml\"]\n{part}"))
        .file(
            "slip.toml",
            format!("extends = [\"a.toml\"]\n{part}stages.events.spilt = 1\n"),
        );
    let errors = |name: &str| {
        let path = test.folder().join(name).display().to_string();
        validate("recipe", &[path])
    };
    assert_eq!(errors("on.toml"), "");
    // Where there is no validator, nothing is found.
    for name in ["part.toml", "slip.toml"] {
        let errors = errors(name);
        assert_eq!(errors.is_empty(), !has_validator(), "{name}: {errors}");
    }
}

#[test]
fn what_is_written_is_valid_for_an_independent_validator() {
    let mut test = Test::new().recipe(PRETRAIN);
    let plan = test.run_with(["plan", "recipe.toml", "--format", "json"]);
    test.run_with(["run", "recipe.toml"]).success();
    test.run_with(["lock", "recipe.toml"]).success();
    let run = test.run_with(["run", "recipe.toml", "--locked", "--format", "json"]);
    let test = test.file("plan.json", plan.success().stdout);
    let test = test.file("run.json", run.success().stdout);
    for (schema, file) in [
        ("plan", "plan.json"),
        ("run", "run.json"),
        ("lock", "recipe.lock"),
    ] {
        let path = test.folder().join(file).display().to_string();
        assert_eq!(validate(schema, &[path]), "");
    }
}

#[test]
fn an_audit_and_an_evaluation_are_valid_for_an_independent_validator() {
    let recipe = repository("recipes/reference-evaluate.toml");
    let mut test = Test::new();
    let run = test.run_with(["run", &recipe, "--format", "json"]);
    let run = run.success().json();
    for (schema, stage) in [
        ("audit", "weights"),
        ("metrics", "test"),
        ("curves", "test"),
    ] {
        let document = std::fs::read(artifact(&run, stage, schema)).expect("an artifact");
        test = test.file("document.json", document);
        let path = test.folder().join("document.json").display().to_string();
        assert_eq!(validate(schema, &[path]), "");
    }
}

#[test]
fn an_inspection_is_valid_for_an_independent_validator() {
    let good = repository("tests/fixtures/reference-layout/pretrain.lightning.ckpt");
    let bad = repository("tests/fixtures/checkpoint-zoo/bitflip.pth");
    let recipe = repository("recipes/reference-finetune.toml");
    let other = repository("recipes/reference-evaluate.toml");
    let mut test = Test::new();
    for (arguments, code) in [
        (vec!["inspect", &good, "--for", &recipe], 0),
        (vec!["inspect", &good, "--for", &other], 4),
        (vec!["inspect", &bad], 4),
    ] {
        let arguments = arguments.into_iter().chain(["--format", "json"]);
        let document = test.run_with(arguments).failure(code).stdout;
        test = test.file("document.json", document);
        let path = test.folder().join("document.json").display().to_string();
        assert_eq!(validate("inspect", &[path]), "");
    }
}

#[test]
fn completions_know_the_commands() {
    let mut test = Test::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = test.run_with(["completions", shell]).success();
        script
            .stdout_has("outputs")
            .stdout_has("locked")
            .stderr_is("");
    }
    test.run_with(["completions", "tcl"])
        .failure(2)
        .stdout_is("");
}
