//! Heads that come from a file: each is asked what it learned, and nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use pipeline_checkpoint::{self as checkpoint, FloatTensor};
use pipeline_data::parquet_file;
use serde_json::Value;

use crate::document::{artifact, repository};
use crate::harness::{Outcome, Test};
use crate::inputs::{MODEL, data, run};
use crate::meds_layout;

use super::{SOLVED, TARGETS, backbone, check, cohort, head, metrics};

/// Two questions of two classes each.
const CLASSES: &str = r#"
[stages.one.targets.high]
task = "classification"
path = "targets.csv"
id = "id"

[stages.one.targets.odd]
task = "classification"
path = "targets.csv"
id = "id"
"#;

/// A head of the label.
const DIED: &str = r#"
[stages.died]
kind = "finetune"
model = "frozen"
data = "one"
optimizer = { kind = "lbfgs" }
"#;

/// The AUROC of an evaluate stage.
fn auroc(outcome: &Outcome, name: &str) -> Value {
    let auroc = metrics(outcome, name)["auroc"].clone();
    assert!(auroc.is_number(), "{name}: {outcome}");
    auroc
}

/// A recipe that trains these heads.
fn training(more: &str) -> String {
    let heads = ["high", "odd", "grade"].map(|target| head(target, SOLVED, ""));
    [&backbone(), CLASSES, &heads.concat(), DIED, more].concat()
}

/// A test whose folder holds the weights of each head; what the run that trained them said.
fn trained() -> (Test, Outcome) {
    let mut test = cohort().recipe(&training(""));
    let outcome = run(&mut test, &[]).success();
    let document = outcome.json();
    for name in ["high", "odd", "grade", "died"] {
        let weights = artifact(&document, name, "weights");
        let copy = test.folder().join(format!("{name}.safetensors"));
        std::fs::copy(weights, copy).expect("a copy");
    }
    (test, outcome)
}

/// The tensors of a file of weights, and its metadata.
fn weights(path: &Path) -> (BTreeMap<String, FloatTensor>, BTreeMap<String, String>) {
    let read = checkpoint::read(path).expect("weights");
    let tensors = read.tensors.into_iter().map(|(name, tensor)| {
        let shape = tensor.shape().to_vec();
        let values = tensor.into_f32(false).expect("F32");
        (name, FloatTensor { shape, values })
    });
    (tensors.collect(), read.stated.metadata)
}

/// What an import has to state of a file without metadata.
const UNTOLD: &str = "inputs = { data = \"one\" }\nassume = [\"heads\", \"transformer_heads\"]";

/// Runs the stage `asked` beside imports of these weights, each called like its file.
fn ask(test: &mut Test, imports: &[&str], more: &str, asked: &str) -> Outcome {
    let imports = imports.iter().map(|name| {
        format!(
            "\n[stages.{name}]\nkind = \"import\"\nfrom = {{ path = \"{name}.safetensors\" }}\ninto = \"classifier\"\n{more}\n"
        )
    });
    let imports: String = imports.collect();
    let classifier = "\n[model.classifier]\nhead = \"linear\"\n";
    let one = data("one", "one", "");
    let asked = format!("\n[stages.asked]\ndata = \"one\"\n{asked}\n");
    let recipe = [MODEL, classifier, &one, TARGETS, CLASSES, &imports, &asked].concat();
    std::fs::write(test.folder().join("recipe.toml"), recipe).expect("a recipe");
    run(test, &["asked"])
}

fn evaluate(model: &str, more: &str) -> String {
    format!(
        "kind = \"evaluate\"\nmodel = {model}\nsplit = \"test\"\nbootstrap = {{ resamples = 0 }}\n{more}"
    )
}

#[test]
fn a_head_from_a_file_is_scored_by_the_target_that_it_learned_alone() {
    let (mut test, before) = trained();
    let mut score = |model: &str, more: &str| {
        let names: Vec<&str> = (model.split('"'))
            .filter(|name| name.starts_with(char::is_alphabetic))
            .collect();
        ask(&mut test, &names, "", &evaluate(model, more))
    };
    score("\"high\"", "")
        .failure(3)
        .stderr_has("the model's head says the target `high`, and the label is asked")
        .stderr_has("hint: target = \"high\" scores what the head learned");
    let scored = score("\"high\"", "target = \"high\"").success();
    assert_eq!(auroc(&scored, "asked"), auroc(&before, "high_test"));
    score("\"high\"", "target = \"odd\"")
        .failure(3)
        .stderr_has("the model's head says the target `high`, and the target `odd` is asked");
    score("[\"high\", \"odd\"]", "target = \"high\"")
        .failure(3)
        .stderr_has("the model's head says the target `odd`, and the target `high` is asked")
        .stderr_has("heads of several targets need a stage each");
    score("\"grade\"", "")
        .failure(3)
        .stderr_has("the model's head says the target `grade`, and the label is asked");
    score("\"died\"", "target = \"high\"")
        .failure(3)
        .stderr_has("the model's head says the label, and the target `high` is asked")
        .stderr_has("hint: leave `target` out");
    score("\"died\"", "").success();
}

#[test]
fn a_target_of_the_same_name_with_other_classes_is_another() {
    let (mut test, _) = trained();
    let grade = evaluate("\"grade\"", "target = \"grade\"");
    ask(&mut test, &["grade"], "", &grade).success();
    let recipe = std::fs::read_to_string(test.folder().join("recipe.toml")).expect("a recipe");
    let mut test = test.recipe(&recipe.replace("classes = 3", "classes = 4"));
    run(&mut test, &["asked"])
        .failure(3)
        .stderr_has("the model's head says one of 3 classes, and one of 4 classes is asked")
        .stderr_has("hint: the target of the data stage needs the classes or columns");
}

#[test]
fn a_prediction_by_a_head_from_a_file_is_chosen_by_no_label_and_mixed_with_no_other() {
    let (mut test, _) = trained();
    let mut predict = |models: &[&str], more: &str| {
        let asked = format!("kind = \"predict\"\nmodel = {models:?}\n{more}");
        ask(&mut test, models, "", &asked)
    };
    let on_data = "recalibrate_on = \"data\"\n";
    let points = "operating_points = [{ kind = \"sensitivity\", target = 0.8 }]\n";
    let chosen = "would be chosen by the label, and the head says the target `high`";
    for (field, more) in [
        ("recalibrate", "recalibrate = \"platt\"\n"),
        ("operating_points", points),
    ] {
        predict(&["high"], &[on_data, more].concat())
            .failure(3)
            .stderr_has(&format!("{field} {chosen}"));
    }
    predict(&["high", "odd"], "").failure(3).stderr_has(
        "say different things: the target `high` (one of 2 classes) and the target `odd` (one of 2 classes)",
    );
    predict(&["high", "died"], "").failure(3).stderr_has(
        "say different things: the target `high` (one of 2 classes) and the label (one of 2 classes)",
    );
    predict(&["high"], "threshold = 0.3\n").success();
    predict(&["died"], &[on_data, points].concat()).success();
}

#[test]
fn heads_of_several_questions_are_a_mistake_before_they_are_trained() {
    let of = |asked: &str| {
        let asked = format!("\n[stages.asked]\ndata = \"one\"\n{asked}\n");
        check(&training(&asked))
    };
    of("kind = \"predict\"\nmodel = [\"high\", \"odd\"]")
        .failure(2)
        .stderr_has("averages `high` and `odd`, which learned different things");
    of("kind = \"predict\"\nmodel = [\"died\", \"odd\"]")
        .failure(2)
        .stderr_has("averages `died` and `odd`, which learned different things");
    of(&evaluate("[\"died\", \"high\"]", ""))
        .failure(2)
        .stderr_has("scores the label, and `high` learned a target");
    of(&evaluate("[\"high\", \"died\"]", ""))
        .failure(2)
        .stderr_has("scores the target `high`, and `died` learned the label");
    // The second head's validation split is another one, too.
    let elsewhere = [
        data("two", "one", "like = \"one\""),
        CLASSES.replace("stages.one.", "stages.two."),
        head("high", SOLVED, "")
            .replace("stages.high", "stages.second")
            .replace("model = \"high\"", "model = \"second\"")
            .replace("data = \"one\"", "data = \"two\""),
    ];
    let chosen = evaluate("[\"high\", \"second\"]", "recalibrate = \"platt\"");
    of(&[chosen, elsewhere.concat()].concat())
        .failure(2)
        .stderr_has("recalibrate_on has to be \"data\" where a target of other data is scored");
}

#[test]
fn a_head_whose_target_cannot_be_read_is_refused_and_one_without_is_noted() {
    let (mut test, _) = trained();
    let path = test.folder().join("high.safetensors");
    let (tensors, mut metadata) = weights(&path);
    let target = metadata.get_mut("target").expect("a target");
    *target = target.replace('}', ",\"unit\":\"x\"}");
    checkpoint::write_safetensors(&path, &tensors, &metadata).expect("weights");
    let scored = evaluate("\"high\"", "");
    ask(&mut test, &["high"], "", &scored)
        .failure(4)
        .stderr_has(
            "high.safetensors: the metadata target, which is what the head says, cannot be read",
        )
        .stderr_has("new = [\"cls_head.*\"]");

    checkpoint::write_safetensors(&path, &tensors, &BTreeMap::new()).expect("weights");
    ask(&mut test, &["high"], UNTOLD, &scored)
        .success()
        .stderr_has("the head is taken to say the label: its file does not tell");
    let told = ask(&mut test, &["died"], "", &evaluate("\"died\"", "")).success();
    let is_noted = told.stderr.contains("is taken to say the label");
    assert!(!is_noted, "{told}");
}

#[test]
fn a_head_of_a_foreign_file_is_scored_by_a_target_that_its_outputs_can_say() {
    let (mut test, before) = trained();
    let path = test.folder().join("high.safetensors");
    let (tensors, _) = weights(&path);
    checkpoint::write_safetensors(&path, &tensors, &BTreeMap::new()).expect("weights");
    let target = |name: &str| evaluate("\"high\"", &format!("target = \"{name}\""));
    let taken =
        "the head is taken to say the target `high`: its file does not tell what it was trained on";
    let scored = ask(&mut test, &["high"], UNTOLD, &target("high"))
        .success()
        .stderr_has(taken);
    assert_eq!(auroc(&scored, "asked"), auroc(&before, "high_test"));
    let document = scored.json();
    let report = std::fs::read_to_string(artifact(&document, "asked", "metrics")).expect("text");
    assert!(report.contains(taken), "{report}");
    for (name, other) in [
        ("grade", "one of 3 classes (outputs: 3)"),
        ("findings", "the labels high, low, odd (outputs: 3)"),
        ("hours", "the number `hours` (outputs: 1)"),
    ] {
        ask(&mut test, &["high"], UNTOLD, &target(name))
            .failure(3)
            .stderr_has(&format!(
                "it is taken to say one of 2 classes (outputs: 2), and the target `{name}` is {other}"
            ))
            .stderr_has("hint: leave `target` out, which scores the label, or state a classification of 2 classes");
    }

    // The weights that the import wrote know as little.
    let weights = artifact(&document, "high", "weights");
    std::fs::copy(weights, test.folder().join("again.safetensors")).expect("a copy");
    let asked = evaluate("\"again\"", "target = \"grade\"");
    ask(&mut test, &["again"], "", &asked)
        .failure(3)
        .stderr_has("the head is taken to say the label: its file does not tell")
        .stderr_has("the head's file does not tell what it was trained on: it is taken to say");
}

#[test]
fn a_head_of_a_foreign_file_is_trained_further_on_a_target_that_its_outputs_can_say() {
    let (mut test, _) = trained();
    let path = test.folder().join("high.safetensors");
    let (tensors, _) = weights(&path);
    checkpoint::write_safetensors(&path, &tensors, &BTreeMap::new()).expect("weights");
    let further = |target: &str| {
        format!(
            "kind = \"finetune\"\nmodel = \"opened\"\ntarget = \"{target}\"\nepochs = 1\n\n[stages.opened]\nkind = \"freeze\"\n\
             model = \"high\"\ntrainable = [\"cls_head.*\"]\nmax_trainable_fraction = 0.9\n"
        )
    };
    ask(&mut test, &["high"], UNTOLD, &further("high")).success();
    ask(&mut test, &["high"], UNTOLD, &further("grade"))
        .failure(4)
        .stderr_has("the head's file does not tell what it was trained on");
}

#[test]
fn predictions_of_a_target_have_no_label_beside_them_in_the_schema_of_meds() {
    let late = (1..=11).map(|stay| format!("{stay},{}\n", u8::from(stay % 2 == 0)));
    let base = repository("recipes/meds.toml");
    let recipe = format!(
        r#"format = 1
extends = ["{base}"]

[stages.pretrain]
epochs = 1

[stages.events.targets.late]
task = "classification"
path = "late.csv"

[stages.classifier]
target = "late"

[stages.predictions]
kind = "predict"
model = "classifier"
data = "events"
format = "meds"
"#
    );
    let table = format!("stay_id,late\n{}", late.collect::<String>());
    let mut test = meds_layout::write(Test::new()).file("late.csv", table);
    test = test.recipe(&recipe);
    let document = run(&mut test, &["predictions"]).success().json();
    let path = artifact(&document, "predictions", "predictions");
    let reader = parquet_file::open(&path).expect("a table");
    let fields = reader.schema().fields().iter();
    let names: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
    let expected = [
        "subject_id",
        "prediction_time",
        "predicted_boolean_value",
        "predicted_boolean_probability",
    ];
    assert_eq!(names, expected);
}
