//! Issue 22: a remote cache gives what other machines have made, and nothing wrong lands whatever it does.

mod bucket;
mod faults;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod opened;
mod signed;

use std::fs;

use serde_json::Value;

use crate::document::{digests, statuses};
use crate::harness::{Outcome, Test};
use crate::recipes::PRETRAIN;
use crate::secrets::assert_nowhere;
use bucket::Bucket;

/// Two stages of programs, with an artifact of one bit and one of 100 KB.
const RECIPE: &str = r#"
format = 1
[stages.first]
kind = "command"
run = "seq 20000 > {outputs.a}; echo b > {outputs.b}"
outputs = { a = "a", b = "b" }
[stages.second]
kind = "command"
run = "wc -c < {inputs.a} > {outputs.c}"
inputs = { a = { stage = "first", artifact = "a" } }
outputs = { c = "c" }
"#;

const RUN: [&str; 4] = ["run", "recipe.toml", "--format", "json"];
const PULL: [&str; 5] = ["run", "recipe.toml", "--format", "json", "--pull"];

const KEY: &str = "AKIDEXAMPLE4711";
const SECRET: &str = "wJalr-s3cr3t-EXAMPLEKEY";
const TOKEN: &str = "s3ssion-t0ken-EXAMPLE";

/// A machine that has a recipe with a table `[remote]`.
fn machine(recipe: &str, remote: &str) -> Test {
    Test::new().recipe(&format!("{recipe}\n[remote]\n{remote}\n"))
}

/// The lines of a table for a bucket, all kinds of which are put there.
fn bucket_lines(more: &str) -> String {
    format!("url = \"s3://cache/some/prefix\"\nkinds = [\"command\"]\n{more}")
}

/// A machine that has the bucket.
fn with_bucket(bucket: &Bucket, recipe: &str, remote: &str) -> Test {
    machine(recipe, remote)
        .env("AWS_ENDPOINT_URL_S3", &bucket.endpoint)
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_SESSION_TOKEN", TOKEN)
        .env("PIPELINE_REMOTE_SECONDS", "2")
}

/// A bucket with the results of the recipe, and what these are.
fn filled() -> (Bucket, Value) {
    let bucket = Bucket::new();
    let mut test = with_bucket(&bucket, RECIPE, &bucket_lines("push = true"));
    let document = test.run_with(RUN).success().json();
    bucket.asked();
    (bucket, document)
}

fn all(document: &Value, status: &str) -> bool {
    statuses(document).iter().all(|(_, found)| *found == status)
}

#[track_caller]
fn assert_sound(test: &mut Test) {
    test.run_with(["cache", "verify"]).success();
}

#[test]
fn a_clean_machine_pulls_what_another_pushed_and_executes_nothing() {
    let folder = Test::new();
    let shared = folder.folder().join("shared");
    fs::create_dir(&shared).expect("a folder");
    let lines = format!(
        "url = \"file://{}\"\nkinds = [\"command\"]",
        shared.display()
    );
    let push = format!("{lines}\npush = true");
    let mut first = machine(RECIPE, &push);
    let made = first.run_with(RUN).success().json();
    assert!(all(&made, "executed"));

    // The recipe states no cache here; the user does, and takes from it by default.
    let settings = format!("[remote]\n{lines}\npull = true\n");
    let mut clean = Test::new()
        .recipe(RECIPE)
        .file("config/pipeline/config.toml", settings);
    let run = clean.run_with(RUN).success();
    assert!(all(&run.json(), "cached"), "{run}");
    assert_eq!(digests(&run.json()), digests(&made));
    let pulled = format!("pulled from file://{}", shared.display());
    run.stderr_has(&pulled);
    assert_sound(&mut clean);
    let again = clean.run_with(RUN).success();
    assert!(!again.stderr.contains("pulled"), "{again}");

    let mut other = machine(RECIPE, &lines);
    let run = other.run_with(RUN).success();
    assert!(all(&run.json(), "executed"), "nobody asked for it: {run}");
}

#[test]
fn a_bucket_gives_and_takes_the_same_and_a_run_never_lists_it() {
    let (bucket, made) = filled();
    let mut clean = with_bucket(&bucket, RECIPE, &bucket_lines(""));
    let run = clean.run_with(PULL).success();
    assert!(all(&run.json(), "cached"), "{run}");
    assert_eq!(digests(&run.json()), digests(&made));
    run.stderr_has("pulled from s3://cache/some/prefix");
    assert_sound(&mut clean);
    let asked = bucket.asked();
    assert!(
        asked
            .iter()
            .all(|it| it.method == "GET" && !it.query.contains("list-type"))
    );
    // An action and its blobs, once each.
    assert_eq!(asked.len(), 2 + 3, "{asked:#?}");

    clean.run_with(PULL).success();
    assert!(bucket.asked().is_empty(), "what is there is not asked for");

    let ls = [
        "cache",
        "ls",
        "--remote",
        "--recipe",
        "recipe.toml",
        "--format",
        "json",
    ];
    let listed = clean.run_with(ls).success().json();
    assert_eq!(
        (&listed["entries"], &listed["blobs"]),
        (&2.into(), &3.into())
    );
    assert!(listed["bytes"].as_u64() > Some(100_000));
}

#[test]
fn blobs_are_put_there_before_the_action_that_only_the_first_may_put() {
    let bucket = Bucket::new();
    let mut test = with_bucket(&bucket, RECIPE, &bucket_lines("push = true"));
    test.run_with([&RUN[..], &["first"]].concat()).success();
    let asked = bucket.asked();
    let puts: Vec<_> = asked.iter().filter(|it| it.method == "PUT").collect();
    assert_eq!(puts.len(), 3);
    for (at, put) in puts.iter().enumerate() {
        let is_action = put.name.starts_with("some/prefix/actions/v1/");
        assert_eq!(is_action, at == 2, "{}", put.name);
        assert!(is_action || put.name.starts_with("some/prefix/blobs/v1/"));
        assert_eq!(put.headers.contains_key("if-none-match"), is_action);
        assert_eq!(
            put.query.contains("if-none-match"),
            is_action,
            "it is signed"
        );
    }
    // Nothing is sent twice, neither by who has it nor by who makes it again.
    let push = |test: &mut Test, status: &str| {
        let push = ["cache", "push", "recipe.toml", "first", "--format", "json"];
        let document = test.run_with(push).success().json();
        assert_eq!(statuses(&document), [("first", status)]);
        assert!(bucket.asked().iter().all(|it| it.method != "PUT"));
    };
    push(&mut test, "there");
    let mut other = with_bucket(&bucket, RECIPE, &bucket_lines("push = true"));
    let run = other.run_with([&RUN[..], &["first"]].concat()).success();
    assert!(all(&run.json(), "executed"));
    push(&mut other, "there");
}

#[test]
fn what_may_hold_patients_is_pushed_only_if_its_kind_is_named() {
    let shared = Test::new();
    let url = format!("url = \"file://{}\"", shared.folder().display());
    let mut test = machine(PRETRAIN, &format!("{url}\npush = true"));
    test.run_with(["run", "recipe.toml", "--quiet"]).success();
    let actions = || {
        fs::read_dir(shared.folder().join("actions/v1"))
            .expect("actions")
            .count()
    };
    assert_eq!(actions(), 1);
    let push = ["cache", "push", "recipe.toml", "--format", "json"];
    let document = test.run_with(push).success().json();
    assert_eq!(
        statuses(&document),
        [("events", "withheld"), ("pretrain", "there")]
    );
    let named = format!("{PRETRAIN}\n[remote]\n{url}\nkinds = [\"data\"]\n");
    let document = test.recipe(&named).run_with(push).success().json();
    assert_eq!(
        statuses(&document),
        [("events", "pushed"), ("pretrain", "withheld")]
    );
    assert_eq!(actions(), 2);

    let pull = ["cache", "pull", "recipe.toml", "--format", "json"];
    let mut clean = Test::new().recipe(&named);
    let document = clean.run_with(pull).success().json();
    assert_eq!(
        statuses(&document),
        [("events", "pulled"), ("pretrain", "pulled")]
    );
    let run = clean.run_with(RUN).success();
    assert!(all(&run.json(), "cached"), "{run}");
    assert_sound(&mut clean);
}

/// The same key gives other bytes on each machine.
const RANDOM: &str = "format = 1\n[stages.a]\nkind = \"command\"\nrun = \"head -c 9 /dev/urandom > {outputs.o}\"\noutputs = { o = \"o\" }\n";

#[test]
fn a_second_writer_adopts_the_first() {
    let bucket = Bucket::new();
    let both = bucket_lines("push = true\npull = true");
    let first = with_bucket(&bucket, RANDOM, &both)
        .run_with(RUN)
        .success()
        .json();
    // The other one has looked before that was there: twice, as it began and as it ended.
    bucket.fault("GET", "/actions/", 2, bucket::Fault::Gone);
    let mut other = with_bucket(&bucket, RANDOM, &both);
    let second = other.run_with(RUN).success();
    assert_eq!(digests(&second.json()), digests(&first), "{second}");
    let second = second.stderr_has("had another result of this stage first");
    second.stderr_has("pulled from");
    assert_sound(&mut other);

    // Who does not take from there keeps its own.
    let mut third = with_bucket(&bucket, RANDOM, &bucket_lines("push = true"));
    let own = third.run_with(RUN).success();
    assert_ne!(digests(&own.json()), digests(&first));
    own.stderr_has("and it stays there");
}

/// Everything that a run leaves and says.
fn assert_no_secret(test: &Test, run: &Outcome) {
    for secret in [SECRET, TOKEN, KEY, "X-Amz-Signature"] {
        let said = run.stdout.clone() + &run.stderr;
        assert!(!said.contains(secret), "{run}");
        assert_nowhere(test.folder(), secret);
    }
}

#[test]
fn no_credential_is_recorded_or_shown_whatever_fails() {
    let bucket = Bucket::new();
    let verbose = [&RUN[..], &["--verbose"]].concat();
    let both = bucket_lines("push = true\npull = true");
    let mut test = with_bucket(&bucket, RECIPE, &both);
    let run = test.run_with(verbose.clone()).success();
    assert_no_secret(&test, &run);
    for fault in [
        bucket::Fault::Status(403, "SignatureDoesNotMatch"),
        bucket::Fault::Status(500, "InternalError"),
        bucket::Fault::Break,
    ] {
        bucket.without_faults();
        bucket.fault("GET", "", 9, fault);
        let mut test = with_bucket(&bucket, RECIPE, &both);
        let run = test.run_with(verbose.clone()).success();
        assert_no_secret(&test, &run);
        let pull = test.run_with(["cache", "push", "recipe.toml"]).failure(3);
        assert_no_secret(&test, &pull);
    }
}

#[test]
fn credentials_and_endpoint_are_found_in_the_files_of_aws() {
    let (bucket, _) = filled();
    let config = format!(
        "[profile icu]\nregion = eu-central-1\nendpoint_url = {}\n",
        bucket.endpoint
    );
    let keys = format!("[icu]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n");
    let mut test = machine(RECIPE, &bucket_lines(""))
        .file(".aws/config", config)
        .file(".aws/credentials", keys);
    let home = test.folder().display().to_string();
    test = test.env("HOME", &home).env("AWS_PROFILE", "icu");
    let run = test.run_with(PULL).success();
    assert!(all(&run.json(), "cached"), "{run}");
    let query = &bucket.asked()[0].query;
    assert!(
        query.contains(KEY) && query.contains("eu-central-1"),
        "{query}"
    );
    assert_nowhere(&test.folder().join(".pipeline"), SECRET);
}

#[test]
fn a_cache_that_is_not_to_be_asked_is_not() {
    let (bucket, _) = filled();
    let mut test = with_bucket(&bucket, RECIPE, &bucket_lines("push = true\npull = true"));
    let run = test
        .run_with([&RUN[..], &["--no-remote"]].concat())
        .success();
    assert!(all(&run.json(), "executed"));
    // No credentials are looked for, either.
    let mut poor = machine(RECIPE, &bucket_lines("")).env("HOME", "/nowhere");
    poor.run_with(RUN).success();
    poor.run_with(["plan", "recipe.toml"]).success();
    assert!(bucket.asked().is_empty());
}

#[test]
fn what_is_wrong_with_the_settings_is_told_before_anything_runs() {
    let none = Test::new().recipe(RECIPE).run_with(PULL).failure(2);
    none.stderr_has("no remote cache is stated")
        .stderr_has("config/pipeline/config.toml");
    let both = [&PULL[..], &["--no-remote"]].concat();
    Test::new().recipe(RECIPE).run_with(both).failure(2);
    let refused = |lines: &str, told: &str| {
        let mut test = machine(RECIPE, lines).env("HOME", "/nowhere");
        test.run_with(PULL).failure(2).stderr_has(told);
        assert!(!test.folder().join(".pipeline").exists());
        let settings = format!("[remote]\n{lines}\n");
        let mut test = Test::new().recipe(RECIPE).env("HOME", "/nowhere");
        test = test.file("config/pipeline/config.toml", settings);
        test.run_with(PULL).failure(2).stderr_has(told);
    };
    for url in [
        "gs://bucket",
        "s3://key:secret@bucket",
        "file://host/x",
        "s3://",
        "s3:///prefix",
    ] {
        refused(
            &format!("url = \"{url}\""),
            "`remote.url` is no remote cache",
        );
    }
    refused("url = \"s3://bucket\"", "AWS_ACCESS_KEY_ID");
    refused(
        "url = \"file:///x\"\nkinds = [\"pretain\"]",
        "did you mean `pretrain`?",
    );
    refused("url = \"file:///x\"\npulls = true", "unknown key `pulls`");
    refused("url = \"file:///x\"\ntrusted_keys = [\"no.pub\"]", "no.pub");
    let settings = "[remotes]\nurl = \"file:///x\"\n";
    let mut test = Test::new()
        .recipe(RECIPE)
        .file("config/pipeline/config.toml", settings);
    test.run_with(RUN).failure(2).stderr_has("config.toml");
    test.run_with([&RUN[..], &["--no-remote"]].concat())
        .success();
}

#[test]
fn variants_of_a_sweep_are_shared_as_well() {
    let shared = Test::new();
    let recipe = format!(
        r#"format = 1
[stages.a]
kind = "command"
run = "none"
outputs = {{ o = "o", scores = "m.json" }}
metrics = "scores"
[sweep.grid]
"stages.a.run" = ["echo 1 > o; echo '{{\"m\": 1}}' > m.json", "echo 2 > o; echo '{{\"m\": 2}}' > m.json"]
[sweep.objective]
stage = "a"
metric = "m"
direction = "maximize"
[remote]
url = "file://{}"
kinds = ["command"]
"#,
        shared.folder().display(),
    );
    let sweep = ["sweep", "recipe.toml", "--format", "json"];
    let mut first = Test::new().recipe(&format!("{recipe}push = true\n"));
    let made = first.run_with(sweep).success().json();
    assert_eq!(made["counts"]["executed"]["command"], 2);
    let mut clean = Test::new().recipe(&recipe);
    let pulled = clean
        .run_with([&sweep[..], &["--pull"]].concat())
        .success()
        .json();
    assert_eq!(pulled["counts"]["cached"]["command"], 2, "{pulled:#}");
    assert_eq!(digests(&pulled), digests(&made));
}
