//! Stages that fail, and stores that are damaged.

use std::sync::atomic::Ordering;

use super::*;
use crate::record::RunStatus;
use crate::record::StageStatus::{Cached, Executed, Failed, Skipped};

fn refuse(_: &StageContext, _: String) -> Result<String, Error> {
    Err(Error::Audit {
        message: "cls_head.0.weight is missing".into(),
        hint: Some("declare it new".into()),
    })
}

#[test]
fn a_failure_skips_what_depends_on_it_and_keeps_its_exit_code() {
    let lab = Lab::new();
    let nodes = [
        lab.working("a", 1, &[], refuse),
        lab.node("b", 2, &["a"]),
        lab.node("c", 3, &["b"]),
        lab.node("d", 4, &[]),
    ];
    let stopped = lab.try_run(&nodes, &RunOptions::default()).unwrap();
    let error = stopped.error.unwrap();
    assert_eq!(error.exit_code(), 4);
    assert_eq!(error.to_string(), "stage `a`: cls_head.0.weight is missing");
    assert_eq!(stopped.record.status, RunStatus::Failed);
    assert_eq!(
        statuses(&stopped.record),
        [
            ("a", Failed),
            ("b", Skipped),
            ("c", Skipped),
            ("d", Skipped)
        ]
    );
    assert_eq!(lab.executed(), ["a"]);

    let options = RunOptions {
        keep_going: true,
        ..RunOptions::default()
    };
    let kept = lab.try_run(&nodes, &options).unwrap();
    assert_eq!(kept.error.unwrap().exit_code(), 4);
    assert_eq!(
        statuses(&kept.record),
        [
            ("a", Failed),
            ("b", Skipped),
            ("c", Skipped),
            ("d", Executed)
        ]
    );
    let why = |index: usize| kept.record.stages[index].error.clone().unwrap();
    assert_eq!(why(0), "cls_head.0.weight is missing\nhint: declare it new");
    assert_eq!(why(1), "it needs `a`, which failed");
    assert_eq!(why(2), "it needs `b`, which was skipped");
}

#[test]
fn a_panic_is_a_failure_that_names_the_stage_and_releases_its_key() {
    let lab = Lab::new();
    let first = AtomicBool::new(true);
    let nodes = [lab.working("a", 1, &[], move |_, text| {
        assert!(!first.swap(false, Ordering::SeqCst), "index 7 of 3");
        Ok(text)
    })];
    let outcome = lab.try_run(&nodes, &RunOptions::default()).unwrap();
    let error = outcome.error.unwrap();
    assert_eq!(error.exit_code(), 70);
    assert_eq!(
        error.to_string(),
        "stage `a`: the program panicked: index 7 of 3"
    );
    assert_eq!(statuses(&lab.run(&nodes)), [("a", Executed)]);
}

#[test]
fn an_interrupted_stage_keeps_its_checkpoint_and_publishes_nothing() {
    let lab = Lab::new();
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let nodes = [
        lab.working("a", 1, &[], move |context, text| {
            let checkpoint = context.work.join("checkpoint");
            if checkpoint.exists() {
                return Ok(text + " resumed");
            }
            fs::write(checkpoint, "").unwrap();
            flag.store(true, Ordering::SeqCst);
            Err(Error::Interrupted)
        }),
        lab.node("b", 2, &[]),
    ];
    let outcome = lab
        .run_until(&nodes, &RunOptions::default(), &stop)
        .unwrap();
    assert_eq!(outcome.error.unwrap().exit_code(), 130);
    assert_eq!(outcome.record.status, RunStatus::Interrupted);
    assert_eq!(statuses(&outcome.record), [("a", Failed), ("b", Skipped)]);
    assert!(lab.store.actions().is_empty());
    let record = lab.run(&nodes);
    assert_eq!(lab.text(&record, "a"), "1 resumed");
    let left = fs::read_dir(lab.store.root().join("work")).unwrap();
    assert_eq!(left.count(), 0, "work folders go with the commit");
}

#[test]
fn an_artifact_that_was_not_written_is_named() {
    struct Empty;
    impl Stage for Empty {
        fn kind(&self) -> &'static str {
            "empty"
        }
        fn code_version(&self) -> u32 {
            1
        }
        fn fields(&self) -> Value {
            Value::Null
        }
        fn inputs(&self) -> Vec<StageInput> {
            Vec::new()
        }
        fn run(&self, _: &StageContext) -> Result<StageOutput, Error> {
            let artifacts = BTreeMap::from([("events".into(), "events.parquet".into())]);
            Ok(StageOutput {
                artifacts,
                ..StageOutput::default()
            })
        }
    }
    let lab = Lab::new();
    let node = Node {
        name: "data".into(),
        states_seed: false,
        stage: Box::new(Empty),
    };
    let outcome = lab.try_run(&[node], &RunOptions::default()).unwrap();
    let error = outcome.error.unwrap();
    assert_eq!(error.exit_code(), 3);
    let text = error.to_string();
    assert!(text.starts_with("stage `data`: the artifact `events` was declared but not written"));
}

#[test]
fn an_input_that_changes_during_the_run_discards_the_result() {
    let lab = Lab::new();
    let path = lab.file("in.csv", "before");
    let changed = path.clone();
    let nodes = [lab.reading("a", 1, &[], &[&path], move |_, text| {
        fs::write(&changed, "after").unwrap();
        Ok(text)
    })];
    let outcome = lab.try_run(&nodes, &RunOptions::default()).unwrap();
    let error = outcome.error.unwrap();
    assert_eq!(error.exit_code(), 3);
    assert!(
        error
            .to_string()
            .contains("in.csv: (source.0) changed while")
    );
    assert!(lab.store.actions().is_empty());
}

#[test]
fn a_missing_blob_is_made_again_and_a_cut_one_is_refused() {
    let lab = Lab::new();
    let nodes = [lab.node("a", 1, &[]), lab.node("b", 2, &["a"])];
    let record = lab.run(&nodes);
    lab.executed();
    let blob = &record.stages[0].outputs["out"].path;
    fs::remove_file(blob).unwrap();
    assert_eq!(statuses(&lab.run(&nodes)), [("a", Executed), ("b", Cached)]);
    assert_eq!(lab.executed(), ["a"]);

    fs::remove_file(blob).unwrap();
    fs::write(blob, "").unwrap();
    let error = lab.try_run(&nodes, &RunOptions::default()).unwrap_err();
    assert_eq!(error.exit_code(), 6);
    assert!(error.to_string().contains(&*blob.to_string_lossy()));
    assert!(lab.executed().is_empty());
}

#[test]
fn a_flipped_byte_in_an_input_is_refused_before_a_stage_reads_it() {
    let lab = Lab::new();
    let record = lab.run(&[lab.node("a", 1, &[])]);
    lab.executed();
    let blob = &record.stages[0].outputs["out"].path;
    fs::remove_file(blob).unwrap();
    fs::write(blob, "2").unwrap();
    let nodes = [lab.node("a", 1, &[]), lab.node("b", 2, &["a"])];
    let outcome = lab.try_run(&nodes, &RunOptions::default()).unwrap();
    assert_eq!(outcome.error.unwrap().exit_code(), 6);
    assert!(lab.executed().is_empty());
}
