//! `pipeline schema` and `pipeline completions`.

use std::process::Command;

use crate::document::{artifact, python_with, repository};
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

/// Validates documents, TOML or JSON by their names' endings, each against the schema before it.
const VALIDATOR: &str = r#"
import functools, json, pathlib, sys, tomllib
import jsonschema
@functools.cache
def validator_of(path):
    schema = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)
bad = 0
paths = iter(map(pathlib.Path, sys.argv[1:]))
for schema, path in zip(paths, paths):
    validator = validator_of(schema)
    text = path.read_text()
    document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    for error in validator.iter_errors(document):
        bad += 1
        print(f"{path.name}: {error.json_path}: {error.message}")
sys.exit(bad > 0)
"#;

/// Errors of pairs of a schema's name and a document; none, with a notice, where Python has no validator.
fn validate<'a>(documents: impl IntoIterator<Item = (&'a str, String)>) -> Option<String> {
    let Some(python) = python_with("jsonschema, tomllib") else {
        eprintln!("notice: no python3 with jsonschema and tomllib: documents are not validated");
        return None;
    };
    let mut command = Command::new(python);
    command.args(["-W", "ignore", "-c", VALIDATOR]);
    for (schema, document) in documents {
        let schema = repository(&format!("schemas/{schema}.schema.json"));
        command.args([schema, document]);
    }
    let output = command.output().expect("Python was there a moment ago");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(text(&output.stdout) + &text(&output.stderr))
}

/// Asserts that the documents are valid, where there is a validator.
#[track_caller]
fn assert_valid<'a>(documents: impl IntoIterator<Item = (&'a str, String)>) {
    assert_eq!(validate(documents).unwrap_or_default(), "");
}

fn path_in(test: &Test, file: &str) -> String {
    test.folder().join(file).display().to_string()
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
    assert_valid(recipes.into_iter().map(|path| ("recipe", path)));
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
    let names = ["on.toml", "part.toml", "slip.toml"];
    let paths = names.map(|name| ("recipe", path_in(&test, name)));
    let Some(errors) = validate(paths) else {
        return;
    };
    for (name, is_sound) in names.into_iter().zip([true, false, false]) {
        assert_eq!(!errors.contains(&format!("{name}: ")), is_sound, "{errors}");
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
    let files = [
        ("plan", "plan.json"),
        ("run", "run.json"),
        ("lock", "recipe.lock"),
    ];
    assert_valid(files.map(|(schema, file)| (schema, path_in(&test, file))));
}

#[test]
fn an_audit_and_an_evaluation_are_valid_for_an_independent_validator() {
    let recipe = repository("recipes/reference-evaluate.toml");
    let mut test = Test::new();
    let run = test.run_with(["run", &recipe, "--format", "json"]);
    let run = run.success().json();
    let documents = [
        ("audit", "weights"),
        ("metrics", "test"),
        ("curves", "test"),
    ];
    for (schema, stage) in documents {
        let document = std::fs::read(artifact(&run, stage, schema)).expect("an artifact");
        test = test.file(&format!("{schema}.json"), document);
    }
    assert_valid(documents.map(|(schema, _)| (schema, path_in(&test, &format!("{schema}.json")))));
}

#[test]
fn an_inspection_is_valid_for_an_independent_validator() {
    let good = repository("tests/fixtures/reference-layout/pretrain.lightning.ckpt");
    let bad = repository("tests/fixtures/checkpoint-zoo/bitflip.pth");
    let recipe = repository("recipes/reference-finetune.toml");
    let other = repository("recipes/reference-evaluate.toml");
    let mut test = Test::new();
    for (file, arguments, code) in [
        ("fits.json", vec!["inspect", &good, "--for", &recipe], 0),
        ("misses.json", vec!["inspect", &good, "--for", &other], 4),
        ("broken.json", vec!["inspect", &bad], 4),
    ] {
        let arguments = arguments.into_iter().chain(["--format", "json"]);
        let document = test.run_with(arguments).failure(code).stdout;
        test = test.file(file, document);
    }
    let files = ["fits.json", "misses.json", "broken.json"];
    assert_valid(files.map(|file| ("inspect", path_in(&test, file))));
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
