//! How long ranking metrics take: `cargo bench --bench metrics`.
//!
//! AUROC and average precision of 10 million scores, each sorting for itself, and the intervals
//! of all metrics of 4,000 stays.

use std::time::Instant;

use pipeline_metrics::{self as metrics, BinaryScores, Bootstrap, BootstrapSettings};
use pipeline_random::Stream;

const ROUNDS: usize = 7;

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!(
        "seconds, median (min–max) of {ROUNDS} rounds, on {} threads",
        rayon::current_num_threads()
    );
    for (what, resolution) in [("distinct", f64::INFINITY), ("1,000 values", 1e3)] {
        let (labels, scores) = items(10_000_000, resolution);
        let title = |metric: &str| format!("{metric} of 10,000,000 scores, {what}");
        time(&title("AUROC"), || metrics::auroc(&labels, &scores).is_ok());
        time(&title("average precision"), || {
            metrics::average_precision(&labels, &scores).is_ok()
        });
    }
    let (labels, scores) = items(4000, f64::INFINITY);
    let subjects: Vec<String> = (0..4000).map(|stay| stay.to_string()).collect();
    let scores = BinaryScores::new(labels, scores).expect("probabilities");
    time("1,000 resamples of all metrics of 4,000 stays", || {
        let bootstrap = Bootstrap::new(BootstrapSettings::default(), 1, &subjects);
        let intervals = scores.resample(None, &bootstrap).1.intervals();
        intervals.iter().all(Option::is_some)
    });
}

fn items(count: usize, resolution: f64) -> (Vec<bool>, Vec<f64>) {
    let mut draws = Stream::new(1, "scores").at(&[]);
    let items = (0..count).map(|_| {
        let score = draws.uniform();
        let label = draws.uniform() < 0.2 * score;
        let rounded = match resolution.is_finite() {
            true => (score * resolution).floor() / resolution,
            false => score,
        };
        (label, rounded)
    });
    items.unzip()
}

fn time(what: &str, run: impl Fn() -> bool) {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            assert!(run(), "{what} is defined");
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let (min, max) = (times[0], times[ROUNDS - 1]);
    println!("{what:55} {:.3} ({min:.3}–{max:.3})", times[ROUNDS / 2]);
}
