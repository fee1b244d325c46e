//! The stage kind `command`: what a program sees and what it must leave.

use serde_json::Value;

use crate::document::{artifact, stage, statuses};
use crate::harness::{Outcome, Test};
use crate::physionet_layout;

const HEAD: &str = "format = 1\nname = \"demo\"\n";

/// A recipe whose only stage is this command.
pub(crate) fn recipe(fields: &str) -> String {
    format!("{HEAD}[stages.clean]\nkind = \"command\"\n{fields}\n")
}

pub(crate) fn command(fields: &str) -> Test {
    Test::new().recipe(&recipe(fields))
}

pub(crate) fn run(test: &mut Test) -> Outcome {
    test.run_with(["run", "recipe.toml", "--format", "json"])
}

pub(crate) fn text(document: &Value, stage: &str, name: &str) -> String {
    std::fs::read_to_string(artifact(document, stage, name)).expect("the artifact is text")
}

const CHAIN: &str = r#"
format = 1
name = "demo"

[stages.clean]
kind = "command"
run = ["sh", "{inputs.script}", "{inputs.raw}", "{outputs.table}"]
inputs = { script = "scripts/clean.sh", raw = "raw" }
outputs = { table = "table.csv" }

[stages.count]
kind = "command"
run = "wc -l < {inputs.table} > {outputs.rows}; ls inputs > names"
inputs = { table = { stage = "clean", artifact = "table" } }
outputs = { rows = "rows.txt", names = "names" }
"#;

fn chain() -> Test {
    Test::new()
        .recipe(CHAIN)
        .file("scripts/clean.sh", "cat \"$1\"/*.csv | sort > \"$2\"\n")
        .file("raw/a.csv", "2,b\n")
        .file("raw/b.csv", "1,a\n")
}

#[test]
fn programs_read_files_folders_and_each_other_s_artifacts() {
    let mut test = chain();
    let document = run(&mut test).success().json();
    assert_eq!(text(&document, "clean", "table"), "1,a\n2,b\n");
    assert_eq!(text(&document, "count", "rows").trim(), "2");
    // The ending is that of the file the other stage declares.
    assert_eq!(text(&document, "count", "names"), "table.csv\n");
    let document = run(&mut test).success().json();
    assert_eq!(
        statuses(&document),
        [("clean", "cached"), ("count", "cached")]
    );
}

#[test]
fn a_changed_input_is_read_again_and_an_equal_result_stops_the_wave() {
    let mut test = chain();
    run(&mut test).success();
    // Other files, the same rows.
    let test = test.file("raw/a.csv", "2,b\n1,a\n").file("raw/b.csv", "");
    let mut test = test;
    let plan = test.run_with(["plan", "recipe.toml"]).success();
    let plan = plan.stdout_has("content of input `stages.clean.inputs.raw` changed");
    plan.stdout_has("depends on the output of clean");
    let document = run(&mut test).success().json();
    assert_eq!(
        statuses(&document),
        [("clean", "executed"), ("count", "cached")]
    );
}

#[test]
fn where_an_input_lies_is_no_part_of_the_key_but_what_the_program_sees_is() {
    let key = |test: Test| {
        let mut test = test;
        let document = run(&mut test).success().json();
        stage(&document, "clean")["key"].clone()
    };
    let first = key(chain());
    let recipe = CHAIN.replace("scripts/clean.sh", "elsewhere/c.sh");
    let script = "cat \"$1\"/*.csv | sort > \"$2\"\n";
    let moved = chain().recipe(&recipe).file("elsewhere/c.sh", script);
    assert_eq!(key(moved), first);
    let recipe = CHAIN.replace("scripts/clean.sh", "clean");
    assert_ne!(key(chain().recipe(&recipe).file("clean", script)), first);
    let patient = CHAIN.replace(
        "[stages.count]",
        "retries = 3\ntimeout_seconds = 60\n[stages.count]",
    );
    assert_eq!(key(chain().recipe(&patient)), first);
    let seeded = CHAIN.replace("[stages.count]", "seed = 3\n[stages.count]");
    assert_ne!(key(chain().recipe(&seeded)), first);
    let other = CHAIN.replace("[stages.count]", "env = { LANG = \"C\" }\n[stages.count]");
    assert_ne!(key(chain().recipe(&other)), first);
}

#[test]
fn the_environment_is_cleared_but_for_what_is_declared() {
    let fields = r#"
run = "env | cut -d= -f1 | sort > names; echo $GREETING $PASSED $PIPELINE_SEED $PIPELINE_THREADS > values"
outputs = { names = "names", values = "values" }
env = { GREETING = "hello" }
pass_env = ["PASSED"]
seed = 7
"#;
    let mut test = command(fields).env("SECRET", "x").env("PASSED", "through");
    let arguments = ["run", "recipe.toml", "--format", "json", "--threads", "1"];
    let document = test.run_with(arguments).success().json();
    assert_eq!(text(&document, "clean", "values"), "hello through 7 1\n");
    let names = text(&document, "clean", "names");
    let names: Vec<&str> = names
        .lines()
        // Set by the shell itself.
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name))
        .collect();
    assert_eq!(
        names,
        [
            "GREETING",
            "HOME",
            "MKL_NUM_THREADS",
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "PASSED",
            "PATH",
            "PIPELINE_DEVICE",
            "PIPELINE_RESUME",
            "PIPELINE_SEED",
            "PIPELINE_THREADS",
            "PYTHONDONTWRITEBYTECODE",
            "PYTHONHASHSEED",
            "RAYON_NUM_THREADS",
            "TMPDIR",
        ]
    );
}

#[test]
fn a_variable_that_is_to_be_handed_through_must_be_set() {
    let outcome = run(&mut command(
        "run = [\"true\"]\npass_env = [\"NOT_SET_ANYWHERE\"]",
    ));
    outcome
        .failure(3)
        .stderr_has("stage `clean`: pass_env names `NOT_SET_ANYWHERE`, which is not set");
}

#[test]
fn outputs_that_are_missing_or_not_declared_are_named_and_nothing_is_kept() {
    let fields = r#"
run = "echo done; echo 1 > tabel.csv; mkdir more; touch more/x; touch $TMPDIR/scratch"
outputs = { table = "table.csv" }
"#;
    let mut test = command(fields);
    let outcome = run(&mut test).failure(3);
    let outcome = outcome.stderr_has(
        "the program ended well, but did not write `table` (table.csv), and left files that are not declared: more/x, tabel.csv",
    );
    outcome
        .stderr_has("  | done")
        .stderr_has("what need not be kept belongs into $TMPDIR");
    assert!(!test.folder().join(".pipeline/actions").exists());
    let fields = "run = \"mkdir table.csv\"\noutputs = { table = \"table.csv\" }";
    run(&mut command(fields))
        .failure(3)
        .stderr_has("did not write `table` (table.csv is a folder, and an artifact is one file)");
}

#[test]
fn metrics_are_taken_from_a_declared_output() {
    let fields = |json: &str| {
        format!(
            "run = \"echo '{json}' > m.json\"\noutputs = {{ scores = \"m.json\" }}\nmetrics = \"scores\""
        )
    };
    let good = fields("{\\\"auroc\\\": 0.75, \\\"slope\\\": null}");
    let document = run(&mut command(&good)).success().json();
    let metrics = &stage(&document, "clean")["metrics"];
    assert_eq!(metrics["auroc"], 0.75);
    assert!(metrics["slope"].is_null());
    let bad = fields("{\\\"auroc\\\": \\\"high\\\"}");
    let outcome = run(&mut command(&bad)).failure(3);
    outcome.stderr_has("the output `scores` holds no metrics: `auroc` is \"high\"");
}

#[test]
fn issue16_a_metric_that_stands_twice_is_an_error_with_its_name() {
    let fields = "run = \"echo '{\\\"auroc\\\": 0.9, \\\"n\\\": 1, \\\"auroc\\\": 0.1}' > m.json\"\noutputs = { scores = \"m.json\" }\nmetrics = \"scores\"";
    let outcome = run(&mut command(fields)).failure(3);
    outcome.stderr_has("holds no metrics: the key `auroc` stands twice");
}

#[test]
fn issue16_paths_are_one_word_for_the_shell_and_words_stay_as_they_are() {
    let names = [
        "a b.txt",
        "it's; rm x.txt",
        "$HOME `date`.txt",
        "\\\"q\\\" & *.txt",
    ];
    for name in names {
        let fields = format!(
            "run = \"cat {{inputs.x}} > {{outputs.o}}; cat {{outputs.o}} > '{{outputs.p}}'\"\ninputs = {{ x = \"x.txt\" }}\noutputs = {{ o = \"{name}\", p = \"sub {name}\" }}"
        );
        let mut test = command(&fields).file("x.txt", "seen");
        let document = run(&mut test).success().json();
        assert_eq!(text(&document, "clean", "o"), "seen", "{name}");
        assert_eq!(text(&document, "clean", "p"), "seen", "{name}");
        let fields = format!(
            "run = [\"cp\", \"{{inputs.x}}\", \"{{outputs.o}}\"]\ninputs = {{ x = \"x.txt\" }}\noutputs = {{ o = \"{name}\" }}"
        );
        let mut test = command(&fields).file("x.txt", "seen");
        let document = run(&mut test).success().json();
        assert_eq!(text(&document, "clean", "o"), "seen", "{name}");
    }
}

#[test]
fn issue16_a_file_that_a_program_links_is_not_the_stored_one() {
    let fields = "run = \"ln $(readlink -f {inputs.x}) o.txt; ln o.txt p.txt; ln -s $(readlink -f {inputs.x}) s; rm s\"\ninputs = { x = \"raw.csv\" }\noutputs = { o = \"o.txt\", p = \"p.txt\" }";
    let mut test = command(fields).file("raw.csv", "one\n");
    let document = run(&mut test).success().json();
    let raw = test.folder().join("raw.csv");
    let may_write = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).expect("a file");
        !metadata.permissions().readonly()
    };
    assert!(may_write(&raw));
    std::fs::write(&raw, "two\n").expect("the user's file is the user's");
    for name in ["o", "p"] {
        assert_eq!(text(&document, "clean", name), "one\n");
        assert!(!may_write(&artifact(&document, "clean", name)));
    }
    test.run_with(["cache", "verify"]).success();
    let document = run(&mut test).success().json();
    assert_eq!(text(&document, "clean", "o"), "two\n");
}

#[test]
fn a_program_that_writes_to_an_artifact_it_reads_is_found_out() {
    let recipe = CHAIN.replace(
        "wc -l < {inputs.table} > {outputs.rows}; ls inputs > names",
        "chmod u+w $(readlink {inputs.table}); echo more >> {inputs.table}; touch rows.txt names",
    );
    let mut test = chain().recipe(&recipe);
    let outcome = run(&mut test).failure(6);
    outcome
        .stderr_has("has 13 bytes where 8 were stored")
        .stderr_has("a program may write to its outputs only");
    test.run_with(["cache", "verify"]).failure(6);
}

#[test]
fn issue19_what_a_program_did_to_its_input_reaches_no_later_stage() {
    // The times are set back, and a stage that needs not what was written reads the same blob afterwards.
    let recipe = CHAIN.replace(
        "wc -l < {inputs.table} > {outputs.rows}; ls inputs > names",
        "f=$(readlink {inputs.table}); cp -p $f $TMPDIR/old; chmod u+w $f; printf 9 | dd of=$f conv=notrunc; touch -r $TMPDIR/old $f; touch rows.txt names",
    );
    let later = "\n[stages.later]\nkind = \"command\"\nrun = \"cat {inputs.table} > {outputs.copy}\"\ninputs = { table = { stage = \"clean\", artifact = \"table\" } }\noutputs = { copy = \"copy.txt\" }\n";
    let mut test = chain().recipe(&[recipe.as_str(), later].concat());
    let one_by_one = [
        "run",
        "recipe.toml",
        "--keep-going",
        "--jobs",
        "1",
        "--format",
        "json",
    ];
    let outcome = test.run_with(one_by_one).failure(6);
    let document = outcome.json();
    assert_eq!(
        statuses(&document),
        [
            ("clean", "executed"),
            ("count", "failed"),
            ("later", "failed")
        ]
    );
    outcome.stderr_has("its contents have changed");
}

#[test]
fn a_data_stage_reads_what_a_program_made() {
    let recipe = r#"
format = 1

[model]
input_dim = 8

[stages.splits]
kind = "command"
run = "cat {inputs.splits} > splits.csv"
inputs = { splits = "cohort/splits.csv" }
outputs = { splits = "splits.csv" }

[stages.events]
kind = "data"
source = { format = "physionet-2012", records = ["cohort/set-a", "cohort/set-b"], outcomes = ["cohort/Outcomes-a.txt", "cohort/Outcomes-b.txt"] }
split = { file = { stage = "splits", artifact = "splits" } }
"#;
    let recipe = recipe.replace("cohort", physionet_layout::FOLDER);
    let mut test = physionet_layout::write(Test::new()).recipe(&recipe);
    let document = run(&mut test).success().json();
    assert_eq!(
        statuses(&document),
        [("splits", "executed"), ("events", "executed")]
    );
    test.run_with(["explain", "recipe.toml", "events"])
        .success();
    // What `check --resolved` prints is a recipe that resolves to itself, tables in it too.
    let resolved = test
        .run_with(["check", "recipe.toml", "--resolved"])
        .success();
    let mut again = physionet_layout::write(Test::new()).recipe(&resolved.stdout);
    let second = run(&mut again).success().json();
    assert_eq!(
        stage(&second, "events")["key"],
        stage(&document, "events")["key"]
    );
}

#[test]
fn mistakes_of_a_command_s_recipe_are_told_before_anything_runs() {
    let fields = r#"
run = ["cat", "{inputs.tabel}", "{outputs.out}"]
inputs = { table = { stage = "claen", artifact = "x" }, rows = { stage = "other", artifact = "row" }, bad-name = { stage = "other" } }
outputs = { a = "x/../y", b = "inputs/z", c = "same", d = "same" }
metrics = "e"
timeout_seconds = 0
[stages.other]
kind = "command"
run = []
outputs = { rows = "rows" }
"#;
    let outcome = run(&mut command(fields)).failure(2);
    let outcome = outcome
        .stderr_has("`stages.clean.timeout_seconds` must be greater than 0, not 0")
        .stderr_has("`stages.other.run` must have at least 1 items, not 0");
    outcome.stderr_has("`artifact`");
    let sound = fields
        .replace("timeout_seconds = 0\n", "")
        .replace("run = []", "run = [\"true\"]")
        .replace(", bad-name = { stage = \"other\" }", "");
    let outcome = run(&mut command(&sound)).failure(2);
    let outcome = outcome
        .stderr_has("stages.clean.run.1 names `tabel`, which `inputs` does not declare")
        .stderr_has("did you mean `table`?")
        .stderr_has("stages.clean.run.2 names `out`, which `outputs` does not declare")
        .stderr_has("stages.clean.metrics names `e`, which `outputs` does not declare");
    let outcome = outcome
        .stderr_has("stages.clean.inputs.table.stage names `claen`, and there is no such stage")
        .stderr_has(
            "stages.clean.inputs.rows.artifact is `row`, and `other` makes no such artifact",
        )
        .stderr_has("did you mean `rows`?");
    outcome
        .stderr_has("stages.clean.outputs.a must be a file below the folder the program runs in, not `x/../y`")
        .stderr_has("stages.clean.outputs.b is `inputs/z`, in a folder that is not kept")
        .stderr_has("stages.clean.outputs.d is `same`, which is the output `c` already");
}

#[test]
fn an_artifact_of_every_kind_is_known_by_its_name() {
    let recipe = crate::recipes::PRETRAIN.to_string()
        + r#"
[stages.look]
kind = "command"
run = "ls -L inputs > names"
outputs = { names = "names" }
[stages.look.inputs]
stays = { stage = "events", artifact = "stays" }
history = { stage = "pretrain", artifact = "history" }
weights = { stage = "pretrain", artifact = "checkpoint" }
"#;
    let mut test = Test::new().recipe(&recipe);
    let document = run(&mut test).success().json();
    assert_eq!(
        text(&document, "look", "names"),
        "history.parquet\nstays.parquet\nweights.safetensors\n"
    );
}
