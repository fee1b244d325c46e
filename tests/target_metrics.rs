//! Metrics of numbers and labels, and ridge regression, beside scikit-learn's: `tests/fixtures/target-metrics/make.py`
//! computed the numbers.

use pipeline_data::target::Truth;
use pipeline_metrics::{MultiLabelMetrics, MultiLabelScores, RegressionMetrics, RegressionScores};
use pipeline_train::baseline::{TrueRows, fit_on_validation};
use serde_json::Value;

use crate::document::repository;
use crate::metrics::uniform;

const TOLERANCE: f64 = 1e-9;

fn fixture(name: &str) -> Value {
    let path = repository("tests/fixtures/target-metrics/expected.json");
    let bytes = std::fs::read(path).expect("the fixture is there");
    let whole: Value = serde_json::from_slice(&bytes).expect("the fixture is JSON");
    whole[name].clone()
}

/// Seed, rows, and weights of a case.
fn case(case: &Value) -> (u64, usize, Vec<f64>) {
    let number = |name: &str| case[name].as_u64().expect("a number");
    let (seed, rows) = (number("seed"), number("rows") as usize);
    let weight = |item| match case["weighted"] == true {
        true => 0.5 + uniform(seed, item, 2),
        false => 1.0,
    };
    (seed, rows, (0..rows).map(weight).collect())
}

#[track_caller]
fn assert_equal(found: impl IntoIterator<Item = Option<f64>>, names: &[&str], expected: &Value) {
    for (found, name) in found.into_iter().zip(names) {
        let (found, wanted) = (
            found.expect("a value"),
            expected[*name].as_f64().expect("a number"),
        );
        assert!(
            (found - wanted).abs() <= TOLERANCE * wanted.abs().max(1.0),
            "{name}: {found} {wanted}"
        );
    }
}

#[test]
fn metrics_of_numbers_are_those_of_scikit_learn() {
    for expected in fixture("numbers").as_array().expect("cases") {
        let (seed, rows, weights) = case(expected);
        let observed = |item| 50.0 + 100.0 * uniform(seed, item, 0);
        let predicted = |item| 0.7 * observed(item) + 40.0 * uniform(seed, item, 1);
        let scores = RegressionScores::new(
            (0..rows).map(observed).collect(),
            (0..rows).map(predicted).collect(),
        );
        let found = scores.expect("scores").measure(&weights).values();
        assert_equal(found, &RegressionMetrics::NAMES, expected);
    }
}

#[test]
fn metrics_of_labels_are_those_of_scikit_learn() {
    for expected in fixture("labels").as_array().expect("cases") {
        let (seed, rows, weights) = case(expected);
        let count = expected["count"].as_u64().expect("a number") as usize;
        let entries = || (0..rows).flat_map(|item| (0..count).map(move |label| (item, label)));
        let has = |(item, label): (usize, usize)| {
            uniform(seed + 10 * label as u64, item, 0) < 0.2 + 0.1 * label as f64
        };
        let said = |(item, label): (usize, usize)| {
            let shift = if has((item, label)) { 0.5 } else { 0.0 };
            (uniform(seed + 10 * label as u64, item, 1) + shift) / 1.5
        };
        let (has, said): (Vec<bool>, Vec<f64>) =
            (entries().map(has).collect(), entries().map(said).collect());
        let scores = MultiLabelScores::new(&has, &said, count).expect("scores");
        let found = scores.measure(&weights).values();
        assert_equal(found, &MultiLabelMetrics::NAMES, expected);
    }
}

/// Validation on the rows that were learned from chooses the weakest penalty, 1.
#[test]
fn ridge_is_that_of_scikit_learn() {
    let expected = fixture("ridge");
    let (seed, rows, _) = case(&expected);
    let x: Vec<f64> = (0..rows)
        .flat_map(|row| [0, 1, 2].map(|k| uniform(seed, row, k)))
        .collect();
    let y = (0..rows).map(|row| {
        let [a, b] = [x[3 * row], x[3 * row + 1]];
        100.0 + 40.0 * a - 10.0 * b + 5.0 * uniform(seed + 1, row, 0)
    });
    let truth = Truth::Numbers(y.collect());
    let rows = TrueRows {
        rows: &x,
        truth: &truth,
    };
    let fit = fit_on_validation(&rows, &rows, &[]).expect("a fit");
    assert_eq!(Some(fit.penalty()), expected["alpha"].as_f64());
    let said = fit.says(&x[..15]);
    for (found, wanted) in said.iter().zip(expected["first"].as_array().expect("five")) {
        let wanted = wanted.as_f64().expect("a number");
        assert!(
            (found - wanted).abs() < 1e-5 * wanted.abs(),
            "{found} {wanted}"
        );
    }
}
