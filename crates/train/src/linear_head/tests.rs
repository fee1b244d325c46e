use serde::Deserialize;

use super::*;
use crate::watch::Unwatched;

/// What `tests/fixtures/linear-head/make.py` wrote.
#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

/// A head of scikit-learn's.
#[derive(Deserialize)]
struct Case {
    classes: usize,
    class_weights: ClassWeights,
    penalty: f64,
    /// Of columns as they are.
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    /// Of the first five rows.
    probabilities: Vec<f64>,
}

fn expected() -> Expected {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/linear-head/expected.json"
    );
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Uniform numbers in [0, 1) with 24 bits, as in `make.py`.
fn splitmix(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f64 / (1 << 24) as f64
    };
    (0..count).map(|_| next()).collect()
}

/// As `rows` in `make.py`: columns of different means and spreads, the last constant.
fn rows(seed: u64, count: usize, width: usize, classes: usize) -> LabelledFeatures {
    let uniform = splitmix(seed, count * width);
    let noise = splitmix(seed + 1, count);
    let values = uniform
        .iter()
        .enumerate()
        .map(|(at, number)| match at % width {
            last if last == width - 1 => 7.0,
            column => (number * (1 + column) as f64 + 3.0 * column as f64) as f32,
        });
    let labels = (0..count).map(|row| {
        let score = uniform[row * width] + uniform[row * width + 1] + 0.7 * noise[row];
        ((score / 2.7 * classes as f64 * 1.2) as u32).min(classes as u32 - 1)
    });
    LabelledFeatures {
        ids: (0..count).map(|row| format!("s{row}")).collect(),
        truth: Truth::Classes(labels.collect()),
        features: Tensor::from_vec(values.collect(), (count, width), &Device::Cpu).unwrap(),
        shards: Vec::new(),
    }
}

fn solved(case: &Case, penalties: Vec<f64>, threads: usize) -> SolvedHead {
    let train = rows(case.classes as u64, 203, 7, case.classes);
    let validation = rows(99, 60, 7, case.classes);
    let settings = LinearHeadSettings {
        optimizer: Lbfgs {
            penalties,
            scaling: vec![FeatureScaling::Standard],
        },
        class_weights: case.class_weights.clone(),
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let solve = || solve_head(&settings, case.classes, &train, &validation, &Unwatched);
    pool.build().unwrap().install(solve).unwrap()
}

#[track_caller]
fn near(found: f64, expected: f64, what: &str) {
    let error = (found - expected).abs();
    assert!(
        error < 1e-5 * expected.abs().max(1.0),
        "{what}: {found} {expected}"
    );
}

#[test]
fn heads_are_scikit_learns() {
    for case in expected().cases {
        let head = solved(&case, vec![case.penalty], 2).head.parameters;
        let [weight, bias] = Head::LINEAR.map(|name| &head[name]);
        assert_eq!(weight.shape, [case.classes, 7]);
        let of = |tensor: &FloatTensor, index: usize| f64::from(tensor.values[index]);
        let outputs = case.intercepts.len();
        for output in 0..outputs {
            // Of two classes, scikit-learn has the odds.
            let number = |tensor: &FloatTensor, stride: usize, at: usize| match outputs {
                1 => of(tensor, stride + at) - of(tensor, at),
                _ => of(tensor, output * stride + at),
            };
            near(number(bias, 1, 0), case.intercepts[output], "intercept");
            for column in 0..7 {
                let expected = case.coefficients[output * 7 + column];
                near(number(weight, 7, column), expected, "coefficient");
            }
        }
        let linear = rounded(&head);
        let first = rows(case.classes as u64, 203, 7, case.classes).rows(&[0, 1, 2, 3, 4]);
        let logits = linear.outputs(&numbers_of(&first.unwrap()).unwrap(), 7);
        for (row, expected) in logits
            .chunks(case.classes)
            .zip(case.probabilities.chunks(case.classes))
        {
            let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
            for (logit, expected) in row.iter().zip(expected) {
                near(logit.exp() / sum, *expected, "probability");
            }
        }
    }
}

#[test]
fn the_last_bit_depends_on_no_number_of_threads_and_no_order_of_penalties() {
    for case in expected().cases {
        let penalties = vec![3.0, 100.0, 30.0];
        let one = solved(&case, penalties.clone(), 1);
        let more = solved(&case, vec![100.0, 30.0, 3.0], 3);
        assert_eq!(one.head.parameters, more.head.parameters);
        assert_eq!(one.head.history, more.head.history);
    }
}

#[test]
fn the_penalty_with_the_least_validation_loss_is_kept_and_each_has_a_row() {
    let case = &expected().cases[0];
    let solved = solved(case, vec![1e4, 1.0, 30.0], 2);
    let history = &solved.head.history;
    assert_eq!(history.column("penalty"), [1e4, 30.0, 1.0].map(Some));
    let losses = history.column("validation_loss");
    let best = losses[solved.head.best_epoch - 1];
    assert!(losses.iter().all(|loss| *loss >= best));
    assert_eq!(best, Some(solved.head.best.loss));
    assert_eq!(
        history.column("penalty")[solved.head.best_epoch - 1],
        Some(solved.penalty)
    );
    let train = history.column("train_loss");
    assert!(train.windows(2).all(|pair| pair[0] > pair[1]), "{train:?}");
    let steps = history.column("step");
    assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
}

#[test]
fn validation_of_one_class_or_of_the_same_labels_chooses_no_penalty() {
    let train = rows(2, 40, 3, 2);
    let mut validation = rows(99, 10, 3, 2);
    let labels = Truth::Labels {
        has: vec![false; 20],
        labels: 2,
    };
    for (truth, outcome) in [
        (Truth::Classes(vec![0; 10]), "are of class 0"),
        (labels, "have the same labels"),
    ] {
        validation.truth = truth;
        refuses_to_choose(&train, &validation, outcome);
    }
}

fn refuses_to_choose(train: &LabelledFeatures, validation: &LabelledFeatures, outcome: &str) {
    let train = match &validation.truth {
        Truth::Labels { labels, .. } => {
            let classes = train.truth.classes().unwrap_or_default().iter();
            let has = classes.flat_map(|class| [*class == 1, *class == 0]);
            let truth = Truth::Labels {
                has: has.collect(),
                labels: *labels,
            };
            &LabelledFeatures {
                truth,
                ..train.clone()
            }
        }
        _ => train,
    };
    let solved = |penalties: Vec<f64>| {
        let settings = LinearHeadSettings {
            optimizer: Lbfgs {
                penalties,
                scaling: vec![FeatureScaling::Standard],
            },
            class_weights: ClassWeights::default(),
        };
        solve_head(&settings, 2, train, validation, &Unwatched)
    };
    let error = solved(vec![1.0, 10.0]).err().map(|error| error.to_string());
    let error = error.unwrap_or_default();
    let named = format!("all 10 stays of the validation split {outcome}");
    assert!(error.contains(&named), "{error}");
    assert!(solved(vec![1.0]).is_ok(), "nothing is to be chosen");
}

#[test]
fn what_does_not_vary_has_no_weight_and_what_is_not_finite_is_named() {
    let case = &expected().cases[3];
    let head = solved(case, vec![1.0], 1).head.parameters;
    let weights = &head[Head::LINEAR[0]].values;
    assert!(weights.chunks(7).all(|row| row[6] == 0.0 && row[0] != 0.0));
    let mut broken = rows(1, 20, 7, 2);
    let mut values = numbers_of(&broken).unwrap();
    values[7 * 3 + 2] = f32::NAN;
    broken.features = Tensor::from_vec(values, (20, 7), &Device::Cpu).unwrap();
    let settings = LinearHeadSettings {
        optimizer: Lbfgs::default(),
        class_weights: ClassWeights::Equal,
    };
    let error = solve_head(&settings, 2, &broken, &rows(1, 20, 7, 2), &Unwatched);
    let error = error.err().unwrap().to_string();
    assert!(error.contains("stay s3: feature 2 is NaN"), "{error}");
}

/// `rows` with every column divided by its standard deviation over `of`.
fn divided(rows: &LabelledFeatures, of: &LabelledFeatures) -> LabelledFeatures {
    let scaling = Scaling::of(&numbers_of(of).unwrap(), 7);
    let values = numbers_of(rows).unwrap();
    let divided = values.iter().enumerate();
    let divided: Vec<f32> = divided
        .map(|(at, value)| (f64::from(*value) * scaling.scales[at % 7]) as f32)
        .collect();
    LabelledFeatures {
        ids: rows.ids.clone(),
        truth: rows.truth.clone(),
        features: Tensor::from_vec(divided, (rows.truth.len(), 7), &Device::Cpu).unwrap(),
        shards: Vec::new(),
    }
}

#[test]
fn without_scaling_a_penalty_counts_weights_of_features_as_they_are() {
    let (train, validation) = (rows(2, 203, 7, 2), rows(99, 60, 7, 2));
    let solve = |train: &LabelledFeatures, validation: &LabelledFeatures, scaling| {
        let settings = LinearHeadSettings {
            optimizer: Lbfgs {
                penalties: vec![30.0],
                scaling,
            },
            class_weights: ClassWeights::default(),
        };
        solve_head(&settings, 2, train, validation, &Unwatched).unwrap()
    };
    let standard = solve(&train, &validation, vec![FeatureScaling::Standard]);
    let (scaled, asked) = (divided(&train, &train), divided(&validation, &train));
    let none = solve(&scaled, &asked, vec![FeatureScaling::None]);
    near(none.head.best.loss, standard.head.best.loss, "loss");
    let raw = solve(&train, &validation, vec![FeatureScaling::None]);
    assert!((raw.head.best.loss - standard.head.best.loss).abs() > 1e-3);

    let both = vec![FeatureScaling::None, FeatureScaling::Standard];
    let both = solve(&train, &validation, both);
    let history = &both.head.history;
    assert_eq!(history.column("standardised"), [0.0, 1.0].map(Some));
    let losses = [&raw, &standard].map(|solved| Some(solved.head.best.loss));
    assert_eq!(history.column("validation_loss"), losses);
    let least = if losses[0] < losses[1] {
        &raw
    } else {
        &standard
    };
    assert_eq!(both.scaling, least.scaling);
    assert_eq!(both.head.parameters, least.head.parameters);
}

#[test]
fn a_penalty_that_does_not_converge_ends_its_path_and_not_the_stage() {
    let spread = |rows: LabelledFeatures| {
        let values = numbers_of(&rows).unwrap().into_iter().enumerate();
        let values: Vec<f32> = values
            .map(|(at, value)| value * 1000f32.powi(at as i32 % 7))
            .collect();
        let features = Tensor::from_vec(values, (rows.truth.len(), 7), &Device::Cpu).unwrap();
        LabelledFeatures { features, ..rows }
    };
    let (train, validation) = (spread(rows(2, 203, 7, 2)), spread(rows(99, 60, 7, 2)));
    let solve = |penalties: Vec<f64>, scaling| {
        let settings = LinearHeadSettings {
            optimizer: Lbfgs { penalties, scaling },
            class_weights: ClassWeights::default(),
        };
        solve_head(&settings, 2, &train, &validation, &Unwatched)
    };
    let both = vec![FeatureScaling::None, FeatureScaling::Standard];
    let solved = solve(vec![10.0, 1e-9], both).unwrap();
    assert_eq!(solved.scaling, FeatureScaling::Standard);
    let error = solve(vec![1e-9], vec![FeatureScaling::None]).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("no linear head with a penalty of [1e-9] converged")
    );
}

/// Of `y = 3 + 2 x₀` and no penalty to speak of, the head in units is that line; of labels, each is the logistic regression of
/// two classes.
#[test]
fn numbers_and_labels_are_solved_like_classes() {
    let (train, validation) = (rows(2, 203, 7, 2), rows(99, 60, 7, 2));
    let settings = LinearHeadSettings {
        optimizer: Lbfgs {
            penalties: vec![1e-3],
            scaling: vec![FeatureScaling::Standard],
        },
        class_weights: ClassWeights::default(),
    };
    let numbers = |rows: &LabelledFeatures| {
        let values = numbers_of(rows).unwrap();
        let line = values.chunks(7).map(|row| 3.0 + 2.0 * f64::from(row[0]));
        let truth = Truth::Numbers(line.collect());
        LabelledFeatures {
            truth,
            ..rows.clone()
        }
    };
    let (train_on, asked) = (numbers(&train), numbers(&validation));
    let solved = solve_head(&settings, 1, &train_on, &asked, &Unwatched).unwrap();
    let [weight, bias] = Head::LINEAR.map(|name| solved.head.parameters[name].values.clone());
    assert!(
        (weight[0] - 2.0).abs() < 1e-3 && (bias[0] - 3.0).abs() < 1e-3,
        "{weight:?} {bias:?}"
    );
    assert!(
        weight[1..].iter().all(|weight| weight.abs() < 1e-3),
        "{weight:?}"
    );
    let errors = solved.head.best.errors.unwrap();
    assert!(errors.mae < 1e-3 && errors.r2.unwrap() > 0.999);

    let labels = |rows: &LabelledFeatures| {
        let classes = rows.truth.classes().unwrap_or_default().iter();
        let has = classes
            .flat_map(|class| [*class == 1, *class == 0])
            .collect();
        LabelledFeatures {
            truth: Truth::Labels { has, labels: 2 },
            ..rows.clone()
        }
    };
    let (of_labels, asked) = (labels(&train), labels(&validation));
    let both = solve_head(&settings, 2, &of_labels, &asked, &Unwatched).unwrap();
    let one = solve_head(&settings, 2, &train, &validation, &Unwatched).unwrap();
    let [both, one] =
        [both, one].map(|solved| solved.head.parameters[Head::LINEAR[0]].values.clone());
    for column in 0..7 {
        // The odds of class 1 against class 0.
        let odds = one[7 + column] - one[column];
        assert!((both[column] - odds).abs() < 1e-2 * odds.abs().max(1.0));
        assert!((both[column] + both[7 + column]).abs() < 1e-3);
    }
}
