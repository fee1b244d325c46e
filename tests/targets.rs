//! Issue 20: several targets on one backbone; numbers and labels beside classes.

mod compared;
mod imported;
mod mistakes;

use std::fmt::Write;

use serde_json::Value;

use crate::document::{artifact, stage, statuses};
use crate::harness::{Outcome, Test};
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run};

const STAYS: usize = 60;

/// Hours of a stay, which its first value tells; stay 7 has none.
fn hours(stay: usize) -> String {
    match stay {
        7 => String::new(),
        _ => format!("{}", 40.0 + 12.5 * ((stay * 7) % 9) as f64),
    }
}

/// The cohort `one` with a table of hours, of three findings, and of a grade of 0, 1 or 2.
fn cohort() -> Test {
    let mut table = "id,hours,high,low,odd,grade\n".to_string();
    for stay in 0..STAYS {
        let value = (stay * 7) % 9;
        let finding = |is: bool| u8::from(is);
        writeln!(
            table,
            "{stay},{},{},{},{},{}",
            hours(stay),
            finding(value > 5),
            finding(value < 4),
            finding(value % 2 == 1),
            value / 3
        )
        .expect("text");
    }
    cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1).file("targets.csv", table)
}

const TARGETS: &str = r#"
[stages.one.targets.hours]
task = "regression"
path = "targets.csv"
id = "id"
without_value = "drop"

[stages.one.targets.findings]
task = "multi-label"
path = "targets.csv"
id = "id"
columns = ["high", "low", "odd"]

[stages.one.targets.grade]
task = "classification"
classes = 3
path = "targets.csv"
id = "id"
"#;

/// One backbone; nothing learns the label.
fn backbone() -> String {
    let backbone = r#"
[model.classifier]
head = "linear"

[stages.pretrain]
kind = "pretrain"
data = "one"
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
"#;
    [MODEL, &data("one", "one", ""), TARGETS, backbone].concat()
}

/// Learns `target` and scores it.
fn head(target: &str, finetune: &str, evaluate: &str) -> String {
    format!(
        r#"
[stages.{target}]
kind = "finetune"
model = "frozen"
data = "one"
target = "{target}"
{finetune}

[stages.{target}_test]
kind = "evaluate"
model = "{target}"
data = "one"
split = "test"
bootstrap = {{ resamples = 20 }}
{evaluate}
"#
    )
}

/// Takes the solved head over.
const TAKEN_OVER: &str = r#"
[stages.solved]
kind = "import"
from = "hours"
into = "classifier"
"#;

const SOLVED: &str = "optimizer = { kind = \"lbfgs\" }";

fn metrics(outcome: &Outcome, name: &str) -> Value {
    stage(&outcome.json(), name)["metrics"].clone()
}

fn check(recipe: &str) -> Outcome {
    cohort().recipe(recipe).run_with(["check", "recipe.toml"])
}

#[test]
fn targets_on_one_backbone_read_the_source_once() {
    let heads = [
        head(
            "hours",
            SOLVED,
            "baseline = \"ridge\"\nsubgroups = [\"label\"]",
        ),
        head("findings", SOLVED, "baseline = \"logistic-regression\""),
        head("grade", SOLVED, ""),
    ];
    let mut test = cohort().recipe(&[backbone(), heads.concat()].concat());
    let outcome = run(&mut test, &[]).success();
    let document = outcome.json();
    let kinds = statuses(&document);
    // One data stage, one pretraining, and one table of features for the three heads.
    let executed = |name: &str| {
        kinds
            .iter()
            .filter(|(stage, _)| stage.ends_with(name))
            .count()
    };
    assert_eq!((executed("one"), executed("pretrain")), (1, 1));
    let features = ["hours:features", "findings:features", "grade:features"]
        .map(|name| stage(&document, name)["outputs"]["features"]["digest"].clone());
    assert!(features.iter().all(|digest| *digest == features[0]));

    let hours = metrics(&outcome, "hours_test");
    for name in [
        "mae",
        "rmse",
        "r2",
        "bias",
        "calibration_slope",
        "baseline.mae",
    ] {
        assert!(hours[name].is_number(), "{name}: {hours}");
    }
    assert!(hours["r2"].as_f64() > Some(0.5), "{hours}");
    assert!(metrics(&outcome, "hours")["validation_mae"].is_number());
    let findings = metrics(&outcome, "findings_test");
    for name in [
        "auroc",
        "average_precision",
        "micro_auroc",
        "brier",
        "baseline.auroc",
    ] {
        assert!(findings[name].is_number(), "{name}: {findings}");
    }
    let grade = metrics(&outcome, "grade_test");
    assert!(
        grade["auroc"].is_number() && grade["accuracy"].is_number(),
        "{grade}"
    );

    let whole = std::fs::read_to_string(artifact(&document, "hours_test", "metrics")).unwrap();
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["task"], "regression");
    assert_eq!(whole["n"].as_u64(), hours["n"].as_u64());
    assert!(
        whole["calibration"]
            .as_array()
            .is_some_and(|bins| bins.len() == 10)
    );
    assert!(
        whole["subgroups"]
            .as_array()
            .is_some_and(|groups| groups.len() == 2)
    );
    assert!(whole["baseline"]["differences"]["mae"]["interval"].is_object());

    let page = test.run_with(["report", "recipe.toml", "--output", "report.html"]);
    page.success();
    let page = std::fs::read_to_string(test.folder().join("report.html")).unwrap();
    for text in [
        "Ridge regression",
        "Every label by itself",
        "AUROC, micro",
        "Calibration intercept",
    ] {
        assert!(page.contains(text), "{text}");
    }
    // A new target leaves the backbone as it is.
    let one_more = TARGETS
        .replace("targets.grade", "targets.other")
        .replace("classes = 3", "classes = 3\ncolumn = \"grade\"");
    let one_more = one_more.split("\n[stages").last().unwrap_or_default();
    let one_more = format!("\n[stages{one_more}");
    let mut test = test.recipe(&[backbone(), one_more, heads.concat()].concat());
    let executed = executed_in(&mut test);
    let of_backbone = |stage: &&String| {
        ["pretrain", "weights", "frozen"].contains(&stage.as_str()) || stage.ends_with("features")
    };
    assert_eq!(executed.iter().find(of_backbone), None);
    // Another head on the same features computes nothing else anew.
    let more = head("grade", "epochs = 2", "").replace("stages.grade", "stages.again");
    let more = more.replace("model = \"grade\"", "model = \"again\"");
    let mut test = test.recipe(&[backbone(), heads.concat(), more].concat());
    assert_eq!(executed_in(&mut test), ["again", "again_test"]);
}

/// The stages that a run executes.
fn executed_in(test: &mut Test) -> Vec<String> {
    let document = run(test, &[]).success().json();
    let executed = statuses(&document).into_iter();
    let executed = executed.filter(|(_, status)| *status == "executed");
    executed.map(|(stage, _)| stage.to_string()).collect()
}

#[test]
fn heads_in_steps_learn_numbers_and_labels_too() {
    let mlp = backbone().replace("head = \"linear\"", "head = \"mlp\"");
    let heads = [
        head(
            "hours",
            "epochs = 3\noptimizer = { lr = 1e-2 }\nloss = { kind = \"huber\" }",
            "",
        ),
        head("findings", "epochs = 2\nselect = \"average_precision\"", ""),
    ];
    let mut test = cohort().recipe(&[mlp, heads.concat()].concat());
    let outcome = run(&mut test, &[]).success();
    // The mean of the hours is 90: a head that has learned anything is nearer to it than 0 is.
    assert!(metrics(&outcome, "hours_test")["mae"].as_f64() < Some(45.0));
    assert!(metrics(&outcome, "findings")["validation_average_precision"].is_number());
}

#[test]
fn a_trained_head_goes_on_learning_its_number_with_the_backbone_opened() {
    let opened = r#"
[stages.opened]
kind = "freeze"
model = "solved"
trainable = ["cls_head.*", "transformer.layers.0.*"]
max_trainable_fraction = 1.0

[stages.further]
kind = "finetune"
model = "opened"
data = "one"
target = "hours"
epochs = 1
optimizer = { lr = 1e-9 }

[stages.further_test]
kind = "evaluate"
model = "further"
data = "one"
split = "test"
"#;
    let mut test =
        cohort().recipe(&[&backbone(), &head("hours", SOLVED, ""), TAKEN_OVER, opened].concat());
    let outcome = run(&mut test, &[]).success();
    let [before, after] = ["hours_test", "further_test"]
        .map(|name| metrics(&outcome, name)["mae"].as_f64().expect("a number"));
    // So small a rate changes nothing that counts: the head was taken over in its unit.
    assert!((before - after).abs() < 0.05 * before, "{before} {after}");
}

#[test]
fn a_bundle_predicts_the_number_and_the_labels() {
    for (target, column) in [("hours", "predicted"), ("findings", "probability_low")] {
        let predict =
            format!("[stages.said]\nkind = \"predict\"\nmodel = \"{target}\"\ndata = \"one\"\n");
        let mut test = cohort().recipe(&[backbone(), head(target, SOLVED, ""), predict].concat());
        run(&mut test, &[]).success();
        test.run_with(["bundle", "recipe.toml", "said", "bundle"])
            .success();
        let source = r#"format = 1

[source]
format = "long"
files = ["one/events.csv"]
id = "id"
time = { column = "hour", as = "hours" }
variable = "item"
value = "value"
"#;
        let mut test = test.file("source.toml", source);
        let fixed = [
            "predict",
            "bundle",
            "--source",
            "source.toml",
            "--output",
            "said.csv",
        ];
        test.run_with(fixed).success();
        let said = std::fs::read_to_string(test.folder().join("said.csv")).unwrap();
        let header = said.lines().next().unwrap_or_default();
        assert!(header.split(',').any(|name| name == column), "{header}");
        assert_eq!(said.lines().count(), STAYS + 1);
    }
}

#[test]
fn a_table_of_someone_else_says_numbers_or_labels() {
    let mut said = "stay_id,value,a,b,c\n".to_string();
    for stay in 0..STAYS {
        let value = (stay * 7) % 9;
        writeln!(
            said,
            "{stay},{},0.{value},0.5,0.25",
            42.0 + 12.0 * value as f64
        )
        .expect("text");
    }
    let given = |target: &str, columns: &str, more: &str| {
        format!(
            "[stages.{target}_given]\nkind = \"evaluate\"\ndata = \"one\"\nsplit = \"test\"\ntarget = \"{target}\"\n\
             predictions = {{ path = \"said.csv\", {columns} }}\n{more}\n"
        )
    };
    let test_rows: String = said
        .lines()
        .take(1)
        .map(|line| format!("{line}\n"))
        .collect();
    let recipe = [MODEL, &data("one", "one", ""), TARGETS].concat();
    // Only the stays that are scored may stand in the table.
    let splits = "split = { ratio = [0.6, 0.2, 0.2] }";
    let mut of_splits = "id,split\n".to_string();
    for stay in 0..STAYS {
        let split = ["test", "train", "train", "validation"][stay % 4];
        writeln!(of_splits, "{stay},{split}").expect("text");
    }
    let recipe = recipe.replace(splits, "split = { file = \"splits.csv\" }");
    let rows = said.lines().skip(1).enumerate();
    let rows: String = rows
        .filter(|(stay, _)| stay % 4 == 0)
        .map(|(_, line)| format!("{line}\n"))
        .collect();
    let test = cohort()
        .file("splits.csv", of_splits)
        .file("said.csv", test_rows + &rows);
    let both = [
        recipe.clone(),
        given("hours", "value = \"value\"", ""),
        given("findings", "probabilities = [\"a\", \"b\", \"c\"]", ""),
    ];
    let mut test = test.recipe(&both.concat());
    let outcome = run(&mut test, &[]).success();
    let hours = metrics(&outcome, "hours_given");
    assert!(hours["mae"].as_f64() < Some(6.1), "{hours}");
    assert!(metrics(&outcome, "findings_given")["micro_auroc"].is_number());

    let wrong = [recipe, given("hours", "probability = \"a\"", "")].concat();
    let mut test = test.recipe(&wrong);
    test.run_with(["check", "recipe.toml"])
        .failure(2)
        .stderr_has("predictions.value is not stated, and a regression is scored");
}
