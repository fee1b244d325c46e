//! The metrics beside scikit-learn's: `tests/fixtures/metrics/make.py` computed the numbers.

use pipeline_metrics::curves::{precision_recall, roc};
use pipeline_metrics::{
    self as metrics, BinaryMetrics, BinaryScores, ClassScores, Interval, Recalibration,
    RecalibrationMethod,
};
use serde_json::Value;

use crate::document::repository;

const TOLERANCE: f64 = 1e-9;

fn fixture() -> Value {
    let path = repository("tests/fixtures/metrics/expected.json");
    let bytes = std::fs::read(path).expect("the fixture is there");
    serde_json::from_slice(&bytes).expect("the fixture is JSON")
}

/// Number `k` of item `item`, as the script makes it (splitmix64).
pub fn uniform(seed: u64, item: usize, k: u64) -> f64 {
    let mut z = (seed << 32) + 4 * item as u64 + k;
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

/// Labels, probabilities and weights.
struct Case {
    labels: Vec<bool>,
    probabilities: Vec<f64>,
    weights: Vec<f64>,
}

impl Case {
    fn new(case: &Value) -> Self {
        let number = |name: &str| case[name].as_u64().expect("a number");
        let (seed, levels) = (number("seed"), number("levels") as f64);
        let prevalence = case["prevalence"].as_f64().expect("a number");
        let items = || 0..number("rows") as usize;
        let label = |item| uniform(seed, item, 0) < prevalence;
        let probability = |item| {
            let shift = if label(item) { 0.5 } else { 0.0 };
            let p = (uniform(seed, item, 1) + shift) / 1.5;
            match levels {
                0.0 => p,
                1.0 => 0.25,
                _ => (p * levels).floor() / levels,
            }
        };
        let weighted = case["weighted"] == true;
        let weight = |item| match weighted {
            true => 0.5 + uniform(seed, item, 2),
            false => 1.0,
        };
        Self {
            labels: items().map(label).collect(),
            probabilities: items().map(probability).collect(),
            weights: items().map(weight).collect(),
        }
    }

    fn named(fixture: &Value, name: &str) -> Self {
        Self::new(&fixture["cases"][name]["case"])
    }
}

#[track_caller]
fn assert_near(what: &str, ours: Option<f64>, expected: &Value) {
    match (ours, expected.as_f64()) {
        (None, None) => assert!(expected.is_null(), "{what}"),
        (Some(ours), Some(expected)) => {
            assert!(
                (ours - expected).abs() <= TOLERANCE,
                "{what}: {ours}, scikit-learn has {expected}"
            );
        }
        (ours, _) => panic!("{what}: {ours:?}, scikit-learn has {expected}"),
    }
}

#[test]
fn binary_metrics_are_those_of_scikit_learn() {
    let fixture = fixture();
    let threshold = fixture["threshold"].as_f64().expect("a number");
    let cases = fixture["cases"].as_object().expect("a table");
    assert_eq!(cases.len(), 11);
    for (name, entry) in cases {
        let case = Case::new(&entry["case"]);
        let expected = &entry["expected"];
        let positives = case.labels.iter().filter(|label| **label).count();
        assert_eq!(
            expected["positives"], positives,
            "{name}: not the same labels"
        );
        let scores = BinaryScores::new(case.labels, case.probabilities).expect("probabilities");
        scores.check_weights(&case.weights).expect("weights");
        let measured = scores.measure(&case.weights);
        for (metric, value) in BinaryMetrics::NAMES.iter().zip(measured.values()) {
            // scikit-learn has no error over bins of equal mass.
            if *metric != "ece_equal_mass" {
                assert_near(&format!("{name} {metric}"), value, &expected[*metric]);
            }
        }
        let table = scores.confusion(threshold, &case.weights);
        let cells = [
            table.true_positives,
            table.false_positives,
            table.true_negatives,
            table.false_negatives,
        ];
        for (cell, expected) in cells
            .iter()
            .zip(expected["confusion"].as_array().expect("a list"))
        {
            let (cell, expected) = (*cell, expected.as_f64().expect("a number"));
            assert!(
                (cell - expected).abs() <= TOLERANCE * expected.max(1.0),
                "{name}"
            );
        }
        for (metric, value) in [
            ("accuracy", table.accuracy()),
            ("sensitivity", table.sensitivity()),
            ("specificity", table.specificity()),
            ("ppv", table.ppv()),
            ("npv", table.npv()),
            ("f1", table.f1()),
        ] {
            assert_near(&format!("{name} {metric}"), value.ok(), &expected[metric]);
        }
        if entry["case"]["weighted"] == false {
            let (labels, scores) = (scores.labels(), scores.probabilities());
            let area = metrics::auroc(labels, scores).expect("scores");
            assert_near(name, area, &expected["auroc"]);
            let precision = metrics::average_precision(labels, scores).expect("scores");
            assert_near(name, precision, &expected["average_precision"]);
        }
    }
}

#[track_caller]
fn assert_all_near(ours: &[f64], expected: &Value, tolerance: f64) {
    let expected = expected.as_array().expect("a list");
    assert_eq!(ours.len(), expected.len());
    for (ours, expected) in ours.iter().zip(expected) {
        let expected = expected.as_f64().expect("a number");
        assert!(
            (ours - expected).abs() <= tolerance,
            "{ours}, scikit-learn has {expected}"
        );
    }
}

#[test]
fn curves_are_those_of_scikit_learn() {
    let fixture = fixture();
    let case = Case::named(&fixture, "weighted ties");
    let ranking = metrics::Ranking::new(&case.labels, &case.probabilities).expect("scores");
    let expected = &fixture["curves"];
    let points = roc(&ranking, &case.weights);
    let of = |field: fn(&metrics::curves::RocPoint) -> f64| -> Vec<f64> {
        points.iter().map(field).collect()
    };
    assert_all_near(
        &of(|point| point.false_positive_rate),
        &expected["fpr"],
        TOLERANCE,
    );
    assert_all_near(&of(|point| point.sensitivity), &expected["tpr"], TOLERANCE);
    let thresholds: Vec<f64> = points.iter().filter_map(|point| point.threshold).collect();
    assert_all_near(&thresholds, &expected["thresholds"], TOLERANCE);
    let points = precision_recall(&ranking, &case.weights);
    let precision: Vec<f64> = points.iter().map(|point| point.precision).collect();
    assert_all_near(&precision, &expected["precision"], TOLERANCE);
    let recall: Vec<f64> = points.iter().map(|point| point.recall).collect();
    assert_all_near(&recall, &expected["recall"], TOLERANCE);
}

#[test]
fn recalibrations_are_those_of_scikit_learn() {
    let fixture = fixture();
    let case = Case::named(&fixture, "plain");
    let expected = &fixture["recalibration"];
    let fit = |method| {
        let fit = Recalibration::fit(method, &case.labels, &case.probabilities);
        fit.expect("probabilities").expect("a fit")
    };
    let Recalibration::Platt { intercept, slope } = fit(RecalibrationMethod::Platt) else {
        panic!("a line was asked for");
    };
    // Its own optimizer stops at a gradient of 1e-6.
    assert_all_near(&[intercept, slope], &expected["platt"], 1e-5);
    let isotonic = fit(RecalibrationMethod::Isotonic);
    let grid: Vec<f64> = (0..=20)
        .map(|step| isotonic.apply(f64::from(step) / 20.0))
        .collect();
    assert_all_near(&grid, &expected["isotonic"], TOLERANCE);
    let Recalibration::Temperature(temperature) = fit(RecalibrationMethod::Temperature) else {
        panic!("a temperature was asked for");
    };
    assert_near("temperature", Some(temperature), &expected["temperature"]);
}

#[test]
fn metrics_of_many_classes_are_those_of_scikit_learn() {
    const ROWS: usize = 300;
    const CLASSES: usize = 4;
    let label = |row| ((uniform(21, row, 0) * CLASSES as f64) as usize).min(CLASSES - 1);
    let mut probabilities = Vec::new();
    for row in 0..ROWS {
        let logit = |class: usize| {
            let own = if label(row) == class { 1.0 } else { 0.0 };
            uniform(20, row, class as u64) * 3.0 + own
        };
        let powers: Vec<f64> = (0..CLASSES).map(|class| logit(class).exp()).collect();
        let sum: f64 = powers.iter().sum();
        probabilities.extend(powers.iter().map(|power| power / sum));
    }
    let labels = (0..ROWS).map(|row| label(row) as u32).collect();
    let weights: Vec<f64> = (0..ROWS).map(|row| 0.5 + uniform(21, row, 1)).collect();
    let scores = ClassScores::new(labels, probabilities, CLASSES).expect("probabilities");
    let measured = scores.measure(&weights);
    let expected = &fixture()["multiclass"];
    let aurocs: Vec<f64> = measured
        .aurocs
        .iter()
        .map(|area| area.expect("two classes"))
        .collect();
    assert_all_near(&aurocs, &expected["aurocs"], TOLERANCE);
    for (name, value) in [
        ("auroc", measured.macro_auroc()),
        ("average_precision", measured.macro_average_precision()),
        ("accuracy", measured.accuracy),
        ("log_loss", measured.log_loss),
        ("brier", measured.brier),
    ] {
        assert_near(name, value.ok(), &expected[name]);
    }
}

/// The script is given the same resamples of subjects and measures the repeated stays.
#[test]
fn intervals_are_those_of_numpy_on_the_same_resamples() {
    const SUBJECTS: usize = 30;
    let fixture = fixture();
    let mut case = fixture["cases"]["ties"]["case"].clone();
    case["rows"] = (2 * SUBJECTS).into();
    let case = Case::new(&case);
    let scores = BinaryScores::new(case.labels, case.probabilities).expect("probabilities");
    let mut drawn = Vec::new();
    for resample in 0..100 {
        let mut weights = vec![0.0; 2 * SUBJECTS];
        for draw in 0..SUBJECTS {
            let subject = uniform(30, resample * SUBJECTS + draw, 0) * SUBJECTS as f64;
            let stay = 2 * subject as usize;
            weights[stay] += 1.0;
            weights[stay + 1] += 1.0;
        }
        let measured = scores.measure(&weights);
        if measured.auroc.is_ok() {
            drawn.push(measured.values());
        }
    }
    for (at, name) in BinaryMetrics::NAMES.iter().enumerate().take(3) {
        let values: Vec<Option<f64>> = drawn.iter().map(|values| values[at]).collect();
        let interval = Interval::of(&values, 0.95).expect("resamples");
        let expected = &fixture["bootstrap"][*name];
        assert_all_near(&[interval.lower, interval.upper], expected, TOLERANCE);
    }
}
