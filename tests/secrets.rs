//! A secret reaches the program that needs it, and nothing that is kept.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::document::stage;
use crate::harness::Test;

const SECRET: &str = "s3cr3t-Zx81-value";

fn recipe(fields: &str) -> String {
    format!("format = 1\nname = \"demo\"\n[stages.fetch]\nkind = \"command\"\n{fields}\n")
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

#[track_caller]
pub fn assert_nowhere(folder: &Path, secret: &str) {
    let files = files(folder);
    assert!(files.len() > 1, "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).expect("a file");
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{} holds the secret", file.display());
    }
}

#[test]
fn a_secret_variable_reaches_the_program_and_no_record() {
    // The recipe, which is recorded, must not hold the value itself: the shell joins what the quotes part.
    let fields = "run = \"test \\\"$TOKEN\\\" = s3cr3t-Zx81''-value && echo \\\"it is $TOKEN, $TOKEN\\\" >&2 && echo fine > {outputs.o}\"\n\
        outputs = { o = \"o\" }\nsecret_env = [\"TOKEN\"]";
    let mut test = Test::new().recipe(&recipe(fields)).env("TOKEN", SECRET);
    let run = test.run_with(["run", "recipe.toml", "-v"]).success();
    assert!(
        !(run.stdout.clone() + &run.stderr).contains(SECRET),
        "{run}"
    );
    run.stderr_has("it is [TOKEN], [TOKEN]");
    test.run_with(["report", "recipe.toml", "--output", "page.html"]);
    assert_nowhere(test.folder(), SECRET);
}

#[test]
fn what_a_failing_program_prints_of_a_secret_is_hidden_in_every_tail() {
    // In two writes, and in a file's name.
    let fields = "run = \"printf %s s3cr3t-; sleep 0.1; echo Zx81-value; echo x$TOKEN > out-$TOKEN; echo $TOKEN >&2\"\nsecret_env = [\"TOKEN\"]";
    let mut test = Test::new().recipe(&recipe(fields)).env("TOKEN", SECRET);
    let run = test
        .run_with(["run", "recipe.toml", "--format", "json"])
        .failure(3);
    assert!(
        !(run.stdout.clone() + &run.stderr).contains(SECRET),
        "{run}"
    );
    let run = run.stderr_has("out-[TOKEN]");
    assert!(
        stage(&run.json(), "fetch")["error"]
            .to_string()
            .contains("[TOKEN]")
    );
    assert_nowhere(&test.folder().join(".pipeline/runs"), SECRET);
}

#[test]
fn another_value_of_a_secret_is_the_same_stage_and_another_name_is_not() {
    let fields = "run = \"echo 1 > {outputs.o}\"\noutputs = { o = \"o\" }\n";
    let mut test = Test::new()
        .recipe(&recipe(&format!("{fields}secret_env = [\"TOKEN\"]")))
        .env("TOKEN", "one");
    test.run_with(["run", "recipe.toml"]).success();
    let mut test = test.env("TOKEN", "two");
    test.run_with(["plan", "recipe.toml", "--check"]).success();
    let mut test = test.recipe(&recipe(&format!("{fields}secret_env = [\"OTHER\"]")));
    test.run_with(["plan", "recipe.toml", "--check"]).failure(5);
}

#[test]
fn a_secret_that_is_not_set_is_named() {
    let fields = "run = \"true\"\nsecret_env = [\"NOT_SET_ANYWHERE\"]";
    Test::new()
        .recipe(&recipe(fields))
        .args(["run", "recipe.toml"])
        .run()
        .failure(3)
        .stderr_has("stage `fetch`: secret_env names `NOT_SET_ANYWHERE`, which is not set")
        .stderr_has("hint: set it where pipeline is started: export NOT_SET_ANYWHERE=…");
}

#[test]
fn a_variable_has_one_origin() {
    for other in ["env = { A = \"1\" }", "pass_env = [\"A\"]"] {
        Test::new()
            .recipe(&recipe(&format!(
                "run = \"true\"\nsecret_env = [\"A\"]\n{other}"
            )))
            .args(["check", "recipe.toml"])
            .run()
            .failure(2)
            .stderr_has("stages.fetch.secret_env.0 is `A`, which `");
    }
}

#[test]
fn what_looks_like_a_credential_in_a_recipe_warns_with_its_field() {
    for (fields, field) in [
        (
            "env = { API_TOKEN = \"abc\" }",
            "stages.fetch.env.API_TOKEN",
        ),
        ("env = { X = \"${env:DB_PASSWORD}\" }", "stages.fetch.env.X"),
        (
            "env = { X = \"ghp_0123456789abcdefghij\" }",
            "stages.fetch.env.X",
        ),
        (
            "env = { X = \"https://me:pw@example.org/\" }",
            "stages.fetch.env.X",
        ),
    ] {
        let recipe = recipe(&format!("run = \"true\"\n{fields}"));
        let mut test = Test::new().recipe(&recipe).env("DB_PASSWORD", SECRET);
        for command in ["check", "plan", "run"] {
            test.run_with([command, "recipe.toml"])
                .success()
                .stderr_has(&format!("note: {field} looks like a password or a token"))
                .stderr_has("secret_env");
        }
    }
    let tame = "run = \"true\"\nenv = { MAX_TOKENS = \"512\", KEYBOARD = \"de\" }";
    let outcome = Test::new()
        .recipe(&recipe(tame))
        .args(["check", "recipe.toml"])
        .run();
    outcome.success().stderr_is("");
}

#[test]
fn records_with_values_of_the_environment_are_for_their_user_alone() {
    for (fields, private) in [
        ("env = { X = \"1\" }", true),
        ("outputs = { o = \"${env:FILE}\" }", true),
        ("outputs = { o = \"o\" }", false),
    ] {
        let fields = format!("run = \"echo 1 > o\"\noutputs = {{ o = \"o\" }}\n{fields}");
        let fields = match fields.matches("outputs").count() {
            2 => fields.replacen("outputs = { o = \"o\" }\n", "", 1),
            _ => fields,
        };
        let mut test = Test::new().recipe(&recipe(&fields)).env("FILE", "o");
        test.run_with(["run", "recipe.toml"]).success();
        let records = files(&test.folder().join(".pipeline/runs"));
        assert!(records.len() >= 5, "{records:?}");
        for record in records {
            let mode = std::fs::metadata(&record)
                .expect("a record")
                .permissions()
                .mode();
            let is_log = record.extension().is_some_and(|ending| ending == "log");
            let expected = private || is_log;
            assert_eq!(
                mode & 0o077 == 0,
                expected,
                "{}: {mode:o}",
                record.display()
            );
        }
    }
}
