//! What runs and what does not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::record::StageStatus::{Cached, Executed};
use crate::run::RunSummary;
use crate::survey;

#[test]
fn a_second_run_executes_nothing_and_says_the_same() {
    let lab = Lab::new();
    let nodes = [lab.node("b", 2, &["a"]), lab.node("a", 1, &[])];
    let first = lab.run(&nodes);
    assert_eq!(statuses(&first), [("a", Executed), ("b", Executed)]);
    assert_eq!(lab.text(&first, "b"), "2|1");
    let start = Instant::now();
    let second = lab.run(&nodes);
    let elapsed = start.elapsed();
    assert_eq!(statuses(&second), [("a", Cached), ("b", Cached)]);
    assert_eq!(lab.executed(), ["a", "b"]);
    for (before, after) in first.stages.iter().zip(&second.stages) {
        assert_eq!(before.outputs, after.outputs);
        assert_eq!(before.metrics, after.metrics);
        assert_eq!(before.seconds.to_bits(), after.seconds.to_bits());
    }
    assert!(elapsed < Duration::from_millis(500), "{elapsed:?}");
}

#[test]
fn a_changed_setting_reruns_only_what_depends_on_it() {
    let lab = Lab::new();
    let nodes = |setting: i32| {
        [
            lab.node("a", 1, &[]),
            lab.node("b", setting, &["a"]),
            lab.node("c", 3, &["a"]),
            lab.node("d", 4, &["b", "c"]),
        ]
    };
    lab.run(&nodes(2));
    lab.executed();
    let record = lab.run(&nodes(20));
    assert_eq!(lab.executed(), ["b", "d"]);
    assert_eq!(lab.text(&record, "d"), "4|20|1|3|1");
    lab.run(&nodes(2));
    assert!(lab.executed().is_empty(), "both results are kept");
}

#[test]
fn a_stage_that_makes_the_same_bytes_again_stops_the_wave() {
    let lab = Lab::new();
    let nodes = |setting: i32| {
        let a = lab.working("a", setting, &[], |_, _| Ok("always this".into()));
        [a, lab.node("b", 2, &["a"]), lab.node("c", 3, &["b"])]
    };
    lab.run(&nodes(1));
    lab.executed();
    lab.run(&nodes(10));
    assert_eq!(lab.executed(), ["a"]);
}

#[test]
fn a_key_depends_on_external_contents_not_on_names_or_paths() {
    let lab = Lab::new();
    let key = |name: &str, file: &Path| {
        let nodes = [lab.reading(name, 1, &[], &[file], |_, text| Ok(text))];
        let surveyed = survey(&nodes, &RunOptions::default(), &lab.store).unwrap();
        surveyed[0].key.unwrap()
    };
    let first = key("events", &lab.file("one.csv", "contents"));
    assert_eq!(key("other name", &lab.file("two.csv", "contents")), first);
    assert_ne!(key("events", &lab.file("one.csv", "Contents")), first);
}

#[test]
fn stages_of_equal_fingerprints_are_executed_once_in_a_run() {
    let lab = Lab::new();
    let nodes = [
        lab.node("a", 1, &[]),
        lab.node("b", 1, &[]),
        lab.node("c", 1, &[]),
    ];
    let options = RunOptions {
        jobs: 3,
        threads: 3,
        ..RunOptions::default()
    };
    let record = lab.try_run(&nodes, &options).unwrap().record;
    assert_eq!(lab.executed().len(), 1);
    let cached = record.stages.iter().filter(|stage| stage.status == Cached);
    assert_eq!(cached.count(), 2);
}

#[test]
fn a_refreshed_stage_runs_again_and_mends_a_damaged_blob() {
    let lab = Lab::new();
    let nodes = [lab.node("a", 1, &[]), lab.node("b", 2, &["a"])];
    let record = lab.run(&nodes);
    lab.executed();
    let blob = &record.stages[0].outputs["out"].path;
    fs::remove_file(blob).unwrap();
    fs::write(blob, "damaged").unwrap();
    let options = RunOptions {
        refresh: vec!["a".into()],
        ..RunOptions::default()
    };
    let outcome = lab.try_run(&nodes, &options).unwrap();
    assert_eq!(statuses(&outcome.record), [("a", Executed), ("b", Cached)]);
    assert_eq!(lab.executed(), ["a"]);
    assert_eq!(lab.text(&outcome.record, "a"), "1");
}

#[test]
fn only_targets_and_what_they_need_are_visited() {
    let lab = Lab::new();
    let nodes = [
        lab.node("a", 1, &[]),
        lab.node("b", 2, &["a"]),
        lab.node("c", 3, &["a"]),
    ];
    let options = RunOptions {
        targets: vec!["b".into()],
        ..RunOptions::default()
    };
    let outcome = lab.try_run(&nodes, &options).unwrap();
    assert_eq!(
        statuses(&outcome.record),
        [("a", Executed), ("b", Executed)]
    );
}

#[test]
fn results_are_the_same_for_any_number_of_jobs_and_threads_are_never_overdrawn() {
    let busy = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let results = [1, 4].map(|jobs| {
        let lab = Lab::new();
        let work = || {
            let (busy, most) = (busy.clone(), most.clone());
            move |context: &StageContext, text| {
                assert_eq!(rayon::current_num_threads(), context.threads);
                let now = busy.fetch_add(context.threads, Ordering::SeqCst) + context.threads;
                most.fetch_max(now, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(30));
                busy.fetch_sub(context.threads, Ordering::SeqCst);
                Ok(text)
            }
        };
        let nodes = [
            lab.working("a", 1, &[], work()),
            lab.working("b", 2, &[], work()),
            lab.working("c", 3, &["a", "b"], work()),
            lab.working("d", 4, &["a"], work()),
            lab.working("e", 5, &["d", "c"], work()),
        ];
        let options = RunOptions {
            jobs,
            threads: 3,
            ..RunOptions::default()
        };
        let outcome = lab.try_run(&nodes, &options).unwrap();
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        digests(&outcome.record)
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn a_run_leaves_its_plan_its_events_and_its_summary() {
    let lab = Lab::new();
    let record = lab.run(&[lab.working("a", 1, &[], |context, text| {
        context.reporter.output("not kept");
        Ok(text)
    })]);
    let folder = lab.store.runs_folder().join(&record.run);
    let plan = fs::read_to_string(folder.join("plan.json")).unwrap();
    assert!(plan.contains("never run"));
    let events = fs::read_to_string(folder.join("events.jsonl")).unwrap();
    let names: Vec<String> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .flat_map(|line| line["event"].as_object().unwrap().clone())
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "run-started",
            "stage-started",
            "stage-finished",
            "run-finished"
        ]
    );
    let told = lab.events.lock().unwrap();
    let output =
        |event: &&Event| matches!(event, Event::StageOutput { line, .. } if line == "not kept");
    assert_eq!(told.iter().filter(output).count(), 1);
    assert_eq!(told.len(), names.len() + 1);
    let summary = fs::read(folder.join("summary.json")).unwrap();
    let summary: RunSummary = serde_json::from_slice(&summary).unwrap();
    assert_eq!((summary.exit_code, summary.record.run), (0, record.run));
}
