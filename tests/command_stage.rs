//! The stage kind `command`: what a program sees, what it must leave, and how it may fail.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::document::{artifact, stage, statuses};
use crate::harness::{Outcome, Test};
use crate::physionet_layout;
use crate::running::Running;

const HEAD: &str = "format = 1\nname = \"demo\"\n";

/// A recipe whose only stage is this command.
fn command(fields: &str) -> Test {
    Test::new().recipe(&format!(
        "{HEAD}[stages.clean]\nkind = \"command\"\n{fields}\n"
    ))
}

fn run(test: &mut Test) -> Outcome {
    test.run_with(["run", "recipe.toml", "--format", "json"])
}

fn text(document: &Value, stage: &str, name: &str) -> String {
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
}

#[test]
fn a_failure_shows_the_log_s_end_and_where_the_rest_is() {
    let fields = "run = [\"sh\", \"-c\", \"seq 100; echo no such column: age >&2; exit 7\"]";
    let mut test = command(fields);
    let outcome = run(&mut test).failure(3);
    let document = outcome.json();
    let error = stage(&document, "clean")["error"]
        .as_str()
        .expect("an error");
    assert!(
        error.contains("ended with exit code 7\nits last lines:\n  | 82\n"),
        "{error}"
    );
    assert!(
        error.contains("  | 100\n  | no such column: age\n"),
        "{error}"
    );
    let run = document["run"].as_str().expect("an id");
    let log = test
        .folder()
        .join(".pipeline/runs")
        .join(run)
        .join("logs/clean.log");
    assert!(
        error.contains(&format!("all of them: {}", log.display())),
        "{error}"
    );
    let log = std::fs::read_to_string(log).expect("the log is kept");
    assert!(log.starts_with("1\n2\n") && log.ends_with("no such column: age\n"));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let outcome = run(&mut command("run = [\"no-such-program\", \"x\"]")).failure(3);
    let outcome =
        outcome.stderr_has("`no-such-program` cannot be started: there is no such program");
    outcome.stderr_has("looked up in PATH");
}

#[test]
fn a_program_that_takes_too_long_is_stopped_with_all_it_started() {
    let fields = r#"
run = "sleep 60 & echo $! > {inputs.place}/pid; wait"
inputs = { place = "place" }
timeout_seconds = 0.3
"#;
    let mut test = command(fields).file("place/empty", "");
    let start = Instant::now();
    let outcome = run(&mut test).failure(3);
    assert!(start.elapsed() < Duration::from_secs(30));
    outcome
        .stderr_has("did not end within 0.3 s")
        .stderr_has("raise `timeout_seconds`");
    let pid = std::fs::read_to_string(test.folder().join("place/pid")).expect("it started");
    wait_until_gone(pid.trim());
}

/// A killed process is gone once its new parent has taken note.
fn wait_until_gone(pid: &str) {
    let status = format!("/proc/{pid}/stat");
    let runs = || std::fs::read_to_string(&status).is_ok_and(|stat| !stat.contains(") Z "));
    let start = Instant::now();
    while runs() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{pid} still runs"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Fails as often as there are no marks yet.
const FLAKY: &str = r#"
run = "echo x >> {inputs.marks}/n; test $(wc -l < {inputs.marks}/n) -ge 3 && echo good > out"
inputs = { marks = "marks" }
outputs = { out = "out" }
retry_delay_seconds = 0.01
"#;

#[test]
fn a_failed_program_is_started_again_as_often_as_declared() {
    let outcome = run(&mut command(&format!("{FLAKY}retries = 1")).file("marks/n", ""));
    let outcome = outcome.failure(3);
    outcome.stderr_has("ended with exit code 1 (attempt 2 of 2)");
    // An input that changes under way is refused in the end: it is not what the key says.
    let mut test = command(&format!("{FLAKY}retries = 3")).file("marks/n", "");
    let outcome = run(&mut test).failure(3);
    let outcome = outcome.stderr_has("ended with exit code 1; attempt 3 of 4 starts in 0.02 s");
    outcome.stderr_has("(inputs.marks) changed while the run was going on");
}

#[test]
fn an_interrupt_reaches_the_program_and_exits_130() {
    let fields = "run = \"trap 'echo told; exit 1' TERM; echo ready > {inputs.place}/x; sleep 60 & wait\"\ninputs = { place = \"place\" }";
    let test = command(fields)
        .file("place/empty", "")
        .args(["run", "recipe.toml"]);
    let running = Running::start(&test);
    let start = Instant::now();
    while !test.folder().join("place/x").exists() {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    running.signal(libc::SIGINT);
    running.finish().failure(130);
    let runs = std::fs::read_dir(test.folder().join(".pipeline/runs")).expect("a run");
    let run = runs.flatten().next().expect("one run").path();
    let log = std::fs::read_to_string(run.join("logs/clean.log")).expect("a log");
    assert_eq!(log, "told\n");
}

/// Regression: what a shell had started outlived a killed run and wrote into the next one's folder.
#[test]
fn what_a_killed_program_left_running_does_not_write_into_the_next_run() {
    // The folder it runs in is `.pipeline/work/KEY/run`. The first time it leaves a process that
    // writes file after file under the folder's name.
    let fields = r#"run = """
started=../../../../started
if [ -e $started ]; then sleep 0.1; echo good > good; exit; fi
(while [ $((i += 1)) -lt 200000 ]; do mkdir -p $HOME; : > $HOME/../late.$i; done) &
echo > $started
sleep 60
"""
outputs = { good = "good" }"#;
    let mut test = command(fields).args(["run", "recipe.toml", "--format", "json"]);
    let killed = Running::start(&test);
    let start = Instant::now();
    while !test.folder().join("started").exists() {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(killed);
    let document = run(&mut test).success().json();
    assert_eq!(text(&document, "clean", "good"), "good\n");
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
fn a_program_that_writes_to_an_artifact_it_reads_is_found_out() {
    let recipe = CHAIN.replace(
        "wc -l < {inputs.table} > {outputs.rows}; ls inputs > names",
        "chmod u+w $(readlink {inputs.table}); echo more >> {inputs.table}; touch rows.txt names",
    );
    let mut test = chain().recipe(&recipe);
    let outcome = run(&mut test).failure(6);
    outcome.stderr_has("the program wrote to its input");
    test.run_with(["cache", "verify"]).failure(6);
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
