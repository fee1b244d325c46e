//! Issue 20: several targets on one backbone; numbers and labels beside classes.

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

#[test]
fn what_a_target_does_not_say_is_named() {
    let broken = |from: &str, to: &str| {
        let mut test = cohort().recipe(
            &[backbone(), head("hours", SOLVED, "")]
                .concat()
                .replace(from, to),
        );
        run(&mut test, &["one"])
    };
    broken("without_value = \"drop\"", "")
        .failure(3)
        .stderr_has("targets.csv: line 9: stay 7: hours `` is no value")
        .stderr_has("without_value = \"drop\"");
    broken("classes = 3", "")
        .failure(3)
        .stderr_has("grade `2` is not one of the classes 0 to 1");
    broken(
        "columns = [\"high\", \"low\", \"odd\"]",
        "columns = [\"high\", \"grade\"]",
    )
    .failure(3)
    .stderr_has("grade `2` is not 0 or 1, true or false");
    broken(
        "columns = [\"high\", \"low\", \"odd\"]",
        "columns = [\"high\", \"absent\"]",
    )
    .failure(3)
    .stderr_has("absent");
    let mut test = cohort()
        .file(
            "targets.csv",
            "id,hours,high,low,odd,grade\n0,1,0,0,0,0\n0,1,0,0,0,0\n",
        )
        .recipe(&backbone());
    run(&mut test, &["one"])
        .failure(3)
        .stderr_has("line 3: stay 0 again, as on");
    let of_hours = TARGETS.split("\n[stages").nth(1).unwrap_or_default();
    let of_hours = format!("\n[stages{of_hours}");
    let mut test = cohort()
        .file(
            "targets.csv",
            "id,hours,high,low,odd,grade\n0,inf,0,0,0,0\n",
        )
        .recipe(&[MODEL, &data("one", "one", ""), &of_hours].concat());
    run(&mut test, &["one"])
        .failure(3)
        .stderr_has("hours `inf` is not a finite number");
}

#[test]
fn a_variable_that_is_called_like_a_target_is_refused() {
    let table = (0..STAYS).map(|stay| format!("{stay},{}\n", stay % 5));
    let table = format!("id,A\n{}", table.collect::<String>());
    let target = "\n[stages.one.targets.A]\ntask = \"regression\"\npath = \"a.csv\"\nid = \"id\"\n";
    let mut test = cohort()
        .file("a.csv", table)
        .recipe(&[MODEL, &data("one", "one", ""), target].concat());
    run(&mut test, &["one"])
        .failure(3)
        .stderr_has("variable `A` is called like a column of the labels");
}

#[test]
fn settings_of_another_task_are_mistakes() {
    let of = |target: &str, finetune: &str, evaluate: &str| {
        check(&[backbone(), head(target, finetune, evaluate)].concat())
    };
    of("hourz", SOLVED, "")
        .failure(2)
        .stderr_has("names `hourz`, which is no target of `one`")
        .stderr_has("did you mean `hours`?");
    of(
        "hours",
        "loss = { kind = \"focal\", alpha = 0.25, gamma = 2.0 }",
        "",
    )
    .failure(2)
    .stderr_has("loss is one of classes, and `hours` is a regression");
    of("hours", "select = \"auroc\"", "")
        .failure(2)
        .stderr_has("select ranks classes, and `hours` is a regression");
    of("findings", "class_weights = \"balanced\"", "")
        .failure(2)
        .stderr_has("class_weights is said of classes, and `findings` is a multi-label");
    of("hours", SOLVED, "baseline = \"logistic-regression\"")
        .failure(2)
        .stderr_has("baseline says a class, and a number is scored");
    of("findings", SOLVED, "baseline = \"ridge\"")
        .failure(2)
        .stderr_has("baseline says a number, and classes are scored");
    of("hours", SOLVED, "recalibrate = \"platt\"")
        .failure(2)
        .stderr_has("recalibrate needs two classes, and the target `hours` is a regression");
    of("grade", SOLVED, "baseline = \"logistic-regression\"")
        .failure(2)
        .stderr_has("baseline needs two classes, and the target `grade` has 3");
    of("hours", SOLVED, "target = \"grade\"")
        .failure(2)
        .stderr_has("scores the target `grade`, and `hours` learned another one");
    let targets = |from: &str, to: &str| check(&backbone().replace(from, to));
    targets(
        "columns = [\"high\", \"low\", \"odd\"]",
        "column = \"high\"",
    )
    .failure(2)
    .stderr_has("targets.findings.column is one column, and the task is multi-label");
    targets("targets.hours", "targets.label")
        .failure(2)
        .stderr_has("targets.label is called like a column of `stays`");
    targets("targets.hours", "targets.\"h o\"")
        .failure(2)
        .stderr_has("has a name of other characters than letters");
    targets(
        "task = \"regression\"",
        "task = \"regression\"\nclasses = 2",
    )
    .failure(2)
    .stderr_has("classes are those of a classification, and the task is regression");
}

#[test]
fn a_head_of_one_target_is_not_asked_for_another() {
    let again = r#"
[stages.opened]
kind = "freeze"
model = "solved"
trainable = ["cls_head.*"]
max_trainable_fraction = 0.9

[stages.other]
kind = "finetune"
model = "opened"
data = "one"
target = "grade"
epochs = 1
"#;
    let mut test =
        cohort().recipe(&[&backbone(), &head("hours", SOLVED, ""), TAKEN_OVER, again].concat());
    run(&mut test, &["other"]).failure(4).stderr_has(
        "the head was trained to say the target `hours`, and the target `grade` is asked",
    );
    let diagnosed = "[stages.look]\nkind = \"diagnose\"\nmodel = \"hours\"\ndata = \"one\"\nsplit = \"validation\"\n";
    check(&[&backbone(), &head("hours", SOLVED, ""), diagnosed].concat())
        .failure(2)
        .stderr_has("which says the target `hours`");
}
