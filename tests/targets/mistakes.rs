//! Targets, and settings of their tasks, that are refused.

use crate::inputs::{MODEL, data, run};

use super::{SOLVED, STAYS, TAKEN_OVER, TARGETS, backbone, check, cohort, head};

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
        .stderr_has("grade `2` is not one of the classes 0 to 1")
        .stderr_has("`classes` says how many there are");
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
    for meant in ["", "variables = { only = [\"A\"] }\n"] {
        let of_stage = data("one", "one", meant);
        let mut test = cohort()
            .file("a.csv", &table)
            .recipe(&[MODEL, &of_stage, target].concat());
        run(&mut test, &["one"])
            .failure(3)
            .stderr_has("variable `A` is called like a column of the labels");
    }
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
    let stops = "select = \"loss\"\nearly_stopping = { patience = 1, metric = \"auroc\" }";
    of("hours", stops, "")
        .failure(2)
        .stderr_has("early_stopping.metric ranks classes, and `hours` is a regression");
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
