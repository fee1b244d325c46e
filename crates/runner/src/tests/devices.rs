//! Several GPUs, whose work is made up.

use std::collections::BTreeSet;
use std::sync::Condvar;
use std::time::Duration;

use super::*;

/// Who is on which device now, and who was.
#[derive(Default)]
struct Occupancy {
    now: Vec<String>,
    most: usize,
    ever: BTreeSet<String>,
}

#[test]
fn each_gpu_has_one_stage_at_a_time_and_none_waits_for_another() {
    let lab = Lab::new();
    let seen = Arc::new((Mutex::new(Occupancy::default()), Condvar::new()));
    let node = |name: &str, setting: i32| {
        let seen = seen.clone();
        lab.working(name, setting, &[], move |context, text| {
            let (occupancy, changed) = &*seen;
            let device = context.device.to_string();
            let mut held = occupancy.lock().unwrap();
            assert!(
                device == "cpu" || !held.now.contains(&device),
                "{device} is taken"
            );
            held.now.push(device.clone());
            held.most = held.most.max(held.now.len());
            held.ever.insert(device.clone());
            changed.notify_all();
            // Whoever is beside it comes soon, or nobody does.
            let patience = Duration::from_secs(2);
            let crowded = |held: &mut Occupancy| held.most < 3;
            let (mut held, _) = changed.wait_timeout_while(held, patience, crowded).unwrap();
            let place = held.now.iter().position(|name| *name == device);
            held.now.remove(place.unwrap());
            Ok(text)
        })
    };
    let nodes = [
        node("gpu a", 1),
        node("gpu b", 2),
        node("gpu c", 3),
        node("gpu d", 4),
        node("head", 5),
    ];
    let options = RunOptions {
        jobs: 5,
        threads: 5,
        device: "cuda:0,cuda:1".into(),
        ..RunOptions::default()
    };
    let outcome = lab.try_run(&nodes, &options).unwrap();
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    assert_eq!(lab.executed().len(), 5);
    let occupancy = seen.0.lock().unwrap();
    // Both GPUs and the CPU, which the head needs alone.
    assert_eq!(occupancy.most, 3);
    let ever: Vec<&str> = occupancy.ever.iter().map(String::as_str).collect();
    assert_eq!(ever, ["cpu", "cuda:0", "cuda:1"]);
    let notes = lab.events.lock().unwrap();
    let on = |note: &Event| match note {
        Event::StageNote { line, .. } => line.starts_with("computes on cuda:"),
        _ => false,
    };
    assert_eq!(notes.iter().filter(|event| on(event)).count(), 4);
}

#[test]
fn a_failed_stage_leaves_its_gpu_to_the_next() {
    let lab = Lab::new();
    let nodes = [
        lab.working("gpu a", 1, &[], |_, _| panic!("out of memory")),
        lab.node("gpu b", 2, &[]),
    ];
    let options = RunOptions {
        keep_going: true,
        device: "cuda:0".into(),
        ..RunOptions::default()
    };
    let outcome = lab.try_run(&nodes, &options).unwrap();
    assert!(outcome.error.is_some());
    assert_eq!(lab.executed(), ["gpu a", "gpu b"]);
}

#[test]
fn what_only_a_gpu_computes_is_refused_on_a_cpu_before_anything_runs() {
    let lab = Lab::new();
    let nodes = [
        lab.node("data", 1, &[]),
        lab.node("gpu a", "tf32", &["data"]),
    ];
    let error = lab.try_run(&nodes, &RunOptions::default()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let message = error.to_string();
    assert!(
        message.contains("stage `gpu a`: precision = \"tf32\" needs an NVIDIA GPU"),
        "{message}"
    );
    assert!(lab.executed().is_empty());
    let options = RunOptions {
        device: "cuda:0".into(),
        ..RunOptions::default()
    };
    assert!(lab.try_run(&nodes, &options).unwrap().error.is_none());
}
