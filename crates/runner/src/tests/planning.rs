//! What a plan says.

use super::*;
use crate::record::PlannedStatus::{self, Cached, MayRun, Run};
use crate::survey;
use pipeline_store::digest::Digest;

fn planned(lab: &Lab, nodes: &[Node], options: &RunOptions) -> Vec<(PlannedStatus, Vec<String>)> {
    let surveyed = survey(nodes, options, &lab.store).unwrap();
    let stages = surveyed.into_iter().map(|stage| stage.planned);
    stages.map(|stage| (stage.status, stage.reasons)).collect()
}

fn why(reasons: &[&str]) -> Vec<String> {
    reasons.iter().map(ToString::to_string).collect()
}

#[test]
fn a_plan_tells_what_is_known_and_executes_nothing() {
    let lab = Lab::new();
    let nodes = |setting: f64| [lab.node("a", setting, &[]), lab.node("b", 2, &["a"])];
    let options = RunOptions::default();
    assert_eq!(
        planned(&lab, &nodes(0.1), &options),
        [
            (Run, why(&["never run"])),
            (MayRun, why(&["depends on the output of a"]))
        ]
    );
    assert!(!lab.store.root().exists(), "a plan makes no store");
    lab.run(&nodes(0.1));
    lab.executed();
    assert_eq!(
        planned(&lab, &nodes(0.1), &options),
        [(Cached, why(&[])), (Cached, why(&[]))]
    );
    assert_eq!(
        planned(&lab, &nodes(0.2), &options),
        [
            (Run, why(&["field `stages.a.setting` changed: 0.1 → 0.2"])),
            (MayRun, why(&["depends on the output of a"]))
        ]
    );
    assert!(lab.executed().is_empty());
}

#[test]
fn changed_contents_a_refresh_and_a_lost_artifact_are_reasons() {
    let lab = Lab::new();
    let path = lab.file("in.csv", "1");
    let nodes = [
        lab.reading("a", 1, &[], &[&path], |_, text| Ok(text)),
        lab.node("b", json!({"two": 2}), &["a"]),
    ];
    let record = lab.run(&nodes);
    let refresh = RunOptions {
        refresh: vec!["b".into()],
        ..RunOptions::default()
    };
    assert_eq!(
        planned(&lab, &nodes, &refresh),
        [(Cached, why(&[])), (Run, why(&["refreshed"]))]
    );
    fs::remove_file(&record.stages[0].outputs["out"].path).unwrap();
    let now = planned(&lab, &nodes, &RunOptions::default());
    assert_eq!(
        now[0].1,
        why(&["its artifact `out` is gone from the store"])
    );
    lab.file("in.csv", "2");
    let now = planned(&lab, &nodes, &RunOptions::default());
    let changed = format!(
        "content of input `stages.a.source.0` changed ({})",
        path.display()
    );
    assert_eq!(now[0].1, why(&[&changed]));
}

#[test]
fn a_refresh_does_not_hide_what_changed_and_neither_does_an_unknown_input() {
    let lab = Lab::new();
    let nodes = |a: i32, b: i32| {
        [
            lab.node("a", a, &[]),
            lab.node("b", json!({"n": b}), &["a"]),
        ]
    };
    lab.run(&nodes(1, 2));
    let refresh = RunOptions {
        refresh: vec!["a".into()],
        ..RunOptions::default()
    };
    assert_eq!(
        planned(&lab, &nodes(10, 20), &refresh),
        [
            (
                Run,
                why(&["refreshed", "field `stages.a.setting` changed: 1 → 10"])
            ),
            (
                MayRun,
                why(&[
                    "depends on the output of a",
                    "field `stages.b.setting.n` changed: 2 → 20"
                ])
            )
        ]
    );
}

/// An action as the store writes it, with its checksum.
fn sealed(action: &Value) -> String {
    let body = serde_json::to_string_pretty(action).unwrap();
    let digest = Digest::of_bytes(body.as_bytes());
    let open = body.strip_suffix("\n}").unwrap();
    format!("{open},\n  \"checksum\": \"{digest}\"\n}}")
}

#[test]
fn another_version_of_the_code_another_seed_and_another_device_are_reasons() {
    let lab = Lab::new();
    let nodes = [lab.node("a", 1, &[])];
    lab.run(&nodes);
    let mut actions = fs::read_dir(lab.store.root().join("actions/v1")).unwrap();
    let path = actions.next().unwrap().unwrap().path();
    let mut action: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let fingerprint = &mut action["fingerprint"];
    fingerprint["code_version"] = json!(0);
    fingerprint["seed"] = json!(7);
    fingerprint["device"] = json!("cuda");
    fs::remove_file(&path).unwrap();
    action.as_object_mut().unwrap().remove("checksum");
    fs::write(path.with_file_name("earlier.json"), sealed(&action)).unwrap();
    let now = planned(&lab, &nodes, &RunOptions::default());
    assert_eq!(
        now[0].1,
        why(&["code version 0 → 1", "device cuda → cpu", "seed 7 → none"])
    );
}

#[test]
fn an_input_with_other_contents_names_who_made_it() {
    let lab = Lab::new();
    let nodes = |a: i32| [lab.node("a", a, &[]), lab.node("b", json!("b"), &["a"])];
    lab.run(&nodes(1));
    lab.run(&nodes(2)[..1]);
    let now = planned(&lab, &nodes(2), &RunOptions::default());
    let changed = "content of input `a.out` changed (artifact `out` of stage `a`)";
    assert_eq!(now[1], (Run, why(&[changed])));
}

#[test]
fn wrong_names_and_missing_inputs_are_usage_errors() {
    let lab = Lab::new();
    let missing = lab.folder.path().join("missing.csv");
    let nodes = [lab.node("pretrain", 1, &[])];
    let refuse = |nodes: &[Node], options: &RunOptions| {
        let error = lab.try_run(nodes, options).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let hint = miette::Diagnostic::help(&error).map(|hint| hint.to_string());
        format!("{error}; {}", hint.unwrap_or_default())
    };
    let target = RunOptions {
        targets: vec!["pretrian".into()],
        ..RunOptions::default()
    };
    assert_eq!(
        refuse(&nodes, &target),
        "there is no stage `pretrian`; did you mean `pretrain`?"
    );
    let two = [lab.node("a", 1, &[]), lab.node("b", 2, &[])];
    let useless = RunOptions {
        targets: vec!["a".into()],
        refresh: vec!["b".into()],
        ..RunOptions::default()
    };
    assert!(refuse(&two, &useless).starts_with("`b` is to be refreshed"));
    let dangling = [lab.node("b", 2, &["a"])];
    assert!(refuse(&dangling, &RunOptions::default()).contains("b needs a, which does not exist"));
    let absent = [
        lab.node("a", 1, &[]),
        lab.reading("b", 2, &[], &[&missing], |_, text| Ok(text)),
    ];
    let text = refuse(&absent, &RunOptions::default());
    let expected = format!(
        "stage `b`: source.0: {}: does not exist;",
        missing.display()
    );
    assert!(text.starts_with(&expected), "{text}");
    assert!(lab.executed().is_empty(), "nothing ran");
}
