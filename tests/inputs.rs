//! Issue 17: weights know what their inputs mean, and are given nothing else.

use std::fmt::Write;

use serde_json::Value;

use crate::document::{artifact, stage};
use crate::harness::{Outcome, Test};

pub const VARIABLES: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

/// Sixty stays with an event of most variables in every hour of four; the values of `scaled` are eight times as large.
fn cohort(test: Test, folder: &str, scaled: Option<&str>) -> Test {
    let times = |name: &str| if Some(name) == scaled { 8 } else { 1 };
    cohort_of(test, folder, 0, &VARIABLES, times)
}

/// Sixty stays from this id on with these variables; values are so many times as large.
pub fn cohort_of(
    test: Test,
    folder: &str,
    first: usize,
    variables: &[&str],
    times: impl Fn(&str) -> usize,
) -> Test {
    let (mut events, mut stays) = ("id,hour,item,value\n".to_string(), "id,died\n".to_string());
    for stay in 0..60 {
        let id = first + stay;
        writeln!(stays, "{id},{}", u8::from(stay % 3 == 0)).expect("text");
        for hour in 0..4 {
            for name in variables {
                let number = usize::from(name.as_bytes()[0] - b'A');
                let value = times(name) * (10 * number + (stay * 7 + hour * 3 + number) % 9);
                writeln!(events, "{id},{hour},{name},{value}").expect("text");
            }
        }
    }
    let file = |name: &str| format!("{folder}/{name}.csv");
    test.file(&file("events"), events)
        .file(&file("stays"), stays)
}

/// The stage `name`, which reads such a cohort.
pub fn data(name: &str, folder: &str, more: &str) -> String {
    format!(
        r#"
[stages.{name}]
kind = "data"
split = {{ ratio = [0.6, 0.2, 0.2] }}
{more}
[stages.{name}.source]
format = "long"
files = ["{folder}/events.csv"]
id = "id"
time = {{ column = "hour", as = "hours" }}
variable = "item"
value = "value"
stays = {{ path = "{folder}/stays.csv", id = "id" }}
labels = {{ path = "{folder}/stays.csv", id = "id", column = "died" }}
"#
    )
}

pub const MODEL: &str = r#"format = 1
name = "inputs"
seed = 1

[model]
kind = "seqsetvae"
input_dim = 32
reduced_dim = 8
latent_dim = 8
levels = 1
heads = 2
inducing_points = 2
ff_dim = 8
transformer_heads = 2
transformer_layers = 1
"#;

/// Trains on `pretrained`, finetunes on `finetuned`, scores on `scored`.
pub fn stages(pretrained: &str, finetuned: &str, scored: &str) -> String {
    format!(
        r#"
[stages.pretrain]
kind = "pretrain"
data = "{pretrained}"
epochs = 1

[stages.weights]
kind = "import"
from = "pretrain"
into = "classifier"
new = ["cls_head.*"]
ignore = ["decoder.*"]

[stages.frozen]
kind = "freeze"
model = "weights"
trainable = ["cls_head.*"]
max_trainable_fraction = 0.9

[stages.classifier]
kind = "finetune"
model = "frozen"
data = "{finetuned}"
epochs = 2

[stages.test]
kind = "evaluate"
model = "classifier"
data = "{scored}"
split = "test"
bootstrap = {{ resamples = 0 }}
"#
    )
}

const DIFFERENT: &str =
    "the data stage's inputs differ from the inputs that the weights were trained on";

pub fn run(test: &mut Test, more: &[&str]) -> Outcome {
    test.run_with(
        ["run", "recipe.toml", "--format", "json"]
            .iter()
            .chain(more),
    )
}

pub fn auroc(document: &Value) -> Value {
    stage(document, "test")["metrics"]["auroc"].clone()
}

/// A test whose folder holds `classifier.safetensors`, trained under seed 1; what it scored there.
fn exported() -> (Test, Value) {
    let whole = [
        MODEL,
        &data("events", "one", ""),
        &stages("events", "events", "events"),
    ]
    .concat();
    let mut test = cohort(Test::new(), "one", None).recipe(&whole);
    let document = run(&mut test, &[]).success().json();
    let weights = artifact(&document, "classifier", "weights");
    std::fs::copy(weights, test.folder().join("classifier.safetensors")).expect("a copy");
    (test, auroc(&document))
}

/// Imports the exported classifier and scores it on the test stays of `events`.
fn importing(more: &str) -> String {
    format!(
        "\n[stages.weights]\nkind = \"import\"\nfrom = {{ path = \"classifier.safetensors\" }}\ninto = \"classifier\"\n{more}\n\
         [stages.test]\nkind = \"evaluate\"\nmodel = \"weights\"\ndata = \"events\"\nsplit = \"test\"\nbootstrap = {{ resamples = 0 }}\n"
    )
}

#[test]
fn issue17_weights_under_another_seed_s_embeddings_are_refused() {
    let (test, before) = exported();
    let recipe = |more: &str| [MODEL, &data("events", "one", more), &importing("")].concat();
    let mut test = test.recipe(&recipe(""));
    assert_eq!(auroc(&run(&mut test, &[]).success().json()), before);

    // Splits as before, embeddings of another seed.
    run(&mut test, &["--set", "seed=2"])
        .failure(4)
        .stderr_has(DIFFERENT)
        .stderr_has("embeddings: other numbers for `A`, `B`, `C`, `D`, `E`, `F`, `G`, `H`");
}

#[test]
fn issue17_data_of_fewer_variables_and_other_units_are_refused_by_variable() {
    let (test, _) = exported();
    let mut test = cohort(test, "two", Some("B"));
    let two = |more: &str| [MODEL, &data("events", "two", more), &importing("")].concat();
    test = test.recipe(&two("variables = { drop = [\"C\", \"E\", \"F\", \"H\"] }"));
    run(&mut test, &[])
        .failure(4)
        .stderr_has("variables: the weights know, the data do not have `C`, `E`, `F`, `H`")
        .stderr_has("statistics: `B` (mean ");
    test = test.recipe(&two(""));
    let set = ["--set", "stages.weights.input_changes=['statistics']"];
    run(&mut test, &set)
        .success()
        .stderr_has("statistics: `B` (mean ")
        .stderr_has("as `input_changes` allows");
}

#[test]
fn issue17_a_backbone_of_one_hospital_is_not_finetuned_on_another_s_inputs() {
    let both = [data("one", "one", ""), data("two", "two", "")].concat();
    let test = cohort(cohort(Test::new(), "one", None), "two", Some("B"));
    let mut test = test.recipe(&[MODEL, &both, &stages("one", "two", "two")].concat());
    run(&mut test, &[])
        .failure(4)
        .stderr_has("stage `classifier:features`")
        .stderr_has("statistics: `B` (mean ");

    // Once finetuned on the second hospital's, the model's inputs are those.
    let set = ["--set", "stages.weights.input_changes=['statistics']"];
    run(&mut test, &set).success();
    let other = [set[0], set[1], "--set", "stages.test.data='one'"];
    run(&mut test, &other)
        .failure(4)
        .stderr_has("statistics: `B` (mean ")
        .stderr_has("a finetuned model gets an import of its own");
    let moved = "stages.moved={ kind = 'import', from = 'classifier', into = 'classifier', input_changes = ['statistics'] }";
    let test_of = "stages.test={ kind = 'evaluate', model = 'moved', data = 'one', split = 'test', allow_overlap = 'the same ids', bootstrap = { resamples = 0 } }";
    run(
        &mut test,
        &[set[0], set[1], "--set", moved, "--set", test_of],
    )
    .success();
}

#[test]
fn issue17_every_setting_that_changes_a_meaning_is_compared() {
    let (test, _) = exported();
    let mut test = test;
    for (setting, told) in [
        (
            "hours = 3",
            "window: hours is not stated in the weights, 3.0 in the data",
        ),
        ("last_hours = 3", "window: last_hours is not stated"),
        ("gap_hours = 1", "window: gap_hours is not stated"),
        ("set_minutes = 120", "sets: set_minutes is not stated"),
        (
            "max_sets = 3",
            "sets: max_sets is not stated in the weights, 3 in the data",
        ),
        ("max_events = 30", "sets: max_events is not stated"),
        (
            "duplicates = \"last\"",
            "sets: duplicates is \"mean\" in the weights, \"last\" in the data",
        ),
        (
            "clip = 5",
            "clip: clip is not stated in the weights, 5.0 in the data",
        ),
        (
            "categorical = [\"A\"]",
            "categories: categorical is not stated in the weights, [\"A\"] in the data",
        ),
        (
            "cleaning = { A = { log = \"log1p\" } }",
            "cleaning: `A` is not stated in the weights, {\"log\":\"log1p\"} in the data",
        ),
        (
            "cleaning = { A = { range = [0.0, 99.0] } }",
            "cleaning: `A` is not stated",
        ),
        (
            "embeddings = { table = \"own.csv\" }",
            "embeddings: other numbers for `A`",
        ),
        (
            "statistics = { path = \"statistics.csv\" }",
            "statistics: `A` (mean ",
        ),
        (
            "variables = { drop = [\"H\"] }",
            "variables: the weights know, the data do not have `H`",
        ),
    ] {
        let columns: Vec<String> = (0..32).map(|at| format!("e{at}")).collect();
        let mut table = format!("Key,{}\n", columns.join(","));
        let mut statistics = "variable,mean,std\n".to_string();
        for (number, name) in VARIABLES.iter().enumerate() {
            let row: Vec<String> = (0..32)
                .map(|at| u8::from(at == number).to_string())
                .collect();
            writeln!(table, "{name},{}", row.join(",")).expect("text");
            writeln!(statistics, "{name},4,2").expect("text");
        }
        let recipe = [MODEL, &data("events", "one", setting), &importing("")].concat();
        test = test
            .recipe(&recipe)
            .file("own.csv", table)
            .file("statistics.csv", statistics);
        run(&mut test, &[])
            .failure(4)
            .stderr_has(DIFFERENT)
            .stderr_has(told);
    }
    // How this source writes what is meant.
    let same = "cleaning = { A = { missing = [-1.0] } }";
    test = test.recipe(&[MODEL, &data("events", "one", same), &importing("")].concat());
    run(&mut test, &[]).success();
}

#[test]
fn issue17_a_file_that_does_not_say_what_its_inputs_mean_wants_it_stated() {
    let (test, _) = exported();
    let path = test.folder().join("classifier.safetensors");
    let read = pipeline_checkpoint::read(&path).expect("weights");
    let metadata = read.stated.metadata.clone();
    let tensors = read.tensors.into_iter().map(|(name, tensor)| {
        let shape = tensor.shape().to_vec();
        let values = tensor.into_f32(false).expect("F32");
        (name, pipeline_checkpoint::FloatTensor { shape, values })
    });
    let tensors: std::collections::BTreeMap<_, _> = tensors.collect();
    let kept = metadata
        .into_iter()
        .filter(|(name, _)| name != "inputs")
        .collect();
    pipeline_checkpoint::write_safetensors(&path, &tensors, &kept).expect("weights");

    let recipe = |more: &str| [MODEL, &data("events", "one", ""), &importing(more)].concat();
    let mut test = test.recipe(&recipe(""));
    run(&mut test, &[])
        .failure(4)
        .stderr_has("classifier.safetensors: the file does not say what its weights' inputs mean")
        .stderr_has("inputs = { data = \"STAGE\" }")
        .stderr_has("inputs = \"unknown\"");
    test = test.recipe(&recipe("inputs = { data = \"events\" }"));
    run(&mut test, &[]).success();
    test = test.recipe(&recipe("inputs = \"unknown\""));
    let outcome = run(&mut test, &[]).success();
    assert_eq!(
        outcome
            .stderr
            .matches("nobody knows whether the weights' inputs")
            .count(),
        2
    );
    test = test.recipe(&recipe("inputs = { data = \"pretrain\" }"));
    run(&mut test, &[])
        .failure(2)
        .stderr_has("stages.weights.inputs.data");
    test = test.recipe(&recipe("inputs = \"none\""));
    run(&mut test, &[])
        .failure(2)
        .stderr_has("a table with one of `data`, or \"unknown\"");
}

#[test]
fn issue17_statistics_of_another_data_stage_are_read_from_its_artifact() {
    let statistics = "statistics = { path = { stage = \"one\", artifact = \"variables\" } }";
    let both = [data("one", "one", ""), data("two", "two", statistics)].concat();
    let test = cohort(cohort(Test::new(), "one", None), "two", Some("B"));
    let mut test = test.recipe(&[MODEL, &both, &stages("one", "two", "two")].concat());
    run(&mut test, &[]).success();
}

/// The stage `test` scored on a data stage that is split in another way than the one that was trained on.
fn split_twice(more: &str) -> String {
    let both = [
        data("one", "one", ""),
        data("two", "one", "seed = 2\nlike = \"one\""),
    ]
    .concat();
    [MODEL, &both, &stages("one", "one", "two"), more].concat()
}

#[test]
fn issue17_nobody_who_was_trained_on_is_scored_as_test_across_data_stages() {
    let mut test = cohort(Test::new(), "one", None).recipe(&split_twice(""));
    let outcome = run(&mut test, &[]).failure(3);
    outcome
        .stderr_has("the model was fitted on subjects that it is scored on")
        .stderr_has(" of 12 stays are of subjects in the training or validation split of `one`: ")
        .stderr_has("allow_overlap = \"REASON\"");
    let reason = "allow_overlap = \"a test of the tool\"\n";
    let mut test = test.recipe(&split_twice(reason));
    let document = run(&mut test, &[]).success().json();
    let metrics = artifact(&document, "test", "metrics");
    let text = std::fs::read_to_string(metrics).expect("metrics");
    assert!(
        text.contains("as `allow_overlap` allows (a test of the tool)"),
        "{text}"
    );
    test.run_with(["report", "recipe.toml", "--output", "report.html"])
        .success();
    let page = std::fs::read_to_string(test.folder().join("report.html")).expect("a page");
    assert!(page.contains("a test of the tool"));
    // The same split: nobody is in both.
    let mut test = test.recipe(&split_twice("").replace("seed = 2", ""));
    run(&mut test, &[]).success();
}

#[test]
fn issue17_an_inspection_shows_what_the_inputs_mean() {
    let (mut test, _) = exported();
    test.run_with(["inspect", "classifier.safetensors"])
        .success()
        .stdout_has("8 variables, embeddings of 32 numbers: A, B, C")
        .stdout_has("duplicates = \"mean\"");
    let json = ["inspect", "classifier.safetensors", "--format", "json"];
    let document = test.run_with(json).success().json();
    assert_eq!(document["inputs"]["variables"][0]["name"], "A");
}
