use super::*;
use crate::Ranking;

/// Labels, scores and subjects of some stays; every third stay is of its neighbour's subject.
fn stays(count: usize) -> (Vec<bool>, Vec<f64>, Vec<String>) {
    let mut draws = Stream::new(5, "test").at(&[]);
    let labels: Vec<bool> = (0..count).map(|_| draws.uniform() < 0.3).collect();
    let scores = labels.iter().map(|&label| {
        let noise = draws.uniform();
        ((noise + if label { 0.2 } else { 0.0 }) * 20.0).round() / 25.0
    });
    let scores = scores.collect();
    let subjects = (0..count).map(|stay| format!("p{}", stay - usize::from(stay % 3 == 1)));
    (labels, scores, subjects.collect())
}

fn settings(resamples: usize) -> BootstrapSettings {
    BootstrapSettings {
        resamples,
        level: 0.9,
    }
}

/// The resample as a list of stays, each as often as its subject was drawn, and the metric of that list.
fn by_repetition(bootstrap: &Bootstrap, labels: &[bool], scores: &[f64]) -> Vec<f64> {
    let values = (0..bootstrap.settings().resamples).map(|resample| {
        let weights = bootstrap.weights(resample);
        let (mut y, mut s) = (Vec::new(), Vec::new());
        for stay in 0..labels.len() {
            for _ in 0..weights[stay] as usize {
                y.push(labels[stay]);
                s.push(scores[stay]);
            }
        }
        crate::auroc(&y, &s).unwrap().unwrap()
    });
    values.collect()
}

#[test]
fn an_interval_is_that_of_the_repeated_stays() {
    let (labels, scores, subjects) = stays(90);
    let bootstrap = Bootstrap::new(settings(200), 3, &subjects);
    let ranking = Ranking::new(&labels, &scores).unwrap();
    let ours = bootstrap.intervals(|weights| vec![ranking.auroc(weights).ok()]);
    let mut naive = by_repetition(&bootstrap, &labels, &scores);
    naive.sort_by(f64::total_cmp);
    // 5 % of 199 steps is 9.95.
    let expected = naive[9] + 0.95 * (naive[10] - naive[9]);
    let ours = ours[0].unwrap();
    assert!((ours.lower - expected).abs() < 1e-12);
    assert!(ours.lower < ours.upper && ours.undefined == 0);
}

#[test]
fn stays_of_a_subject_are_drawn_together_and_as_many_subjects_as_there_are() {
    let (_, _, subjects) = stays(90);
    let bootstrap = Bootstrap::new(settings(20), 3, &subjects);
    assert_eq!(bootstrap.subjects(), 60);
    for resample in 0..20 {
        let weights = bootstrap.weights(resample);
        let mut drawn = BTreeMap::new();
        for (subject, weight) in subjects.iter().zip(&weights) {
            assert_eq!(*drawn.entry(subject).or_insert(*weight), *weight);
        }
        assert_eq!(drawn.values().sum::<f64>(), 60.0);
    }
    assert_ne!(bootstrap.weights(0), bootstrap.weights(1));
    let other = Bootstrap::new(settings(20), 4, &subjects);
    assert_ne!(bootstrap.weights(0), other.weights(0));
}

#[test]
fn resamples_that_are_kept_are_those_that_are_drawn_again() {
    let (_, _, subjects) = stays(90);
    let bootstrap = Bootstrap::new(settings(20), 3, &subjects);
    bootstrap.keep();
    assert!(bootstrap.drawn.get().is_some());
    let afresh = Bootstrap::new(settings(20), 3, &subjects);
    for resample in [0, 7, 19, 20, 1000] {
        let drawn = bootstrap.of_stays(&bootstrap.draw(resample));
        assert_eq!(bootstrap.weights(resample), drawn);
        if resample < 20 {
            for block in [
                bootstrap.block(resample / LANES),
                afresh.block(resample / LANES),
            ] {
                let lane = block
                    .counts
                    .iter()
                    .map(|row| f64::from(row[resample % LANES]));
                assert_eq!(lane.collect::<Vec<f64>>(), drawn);
            }
        }
    }
    // The last block is not full: its other lanes hold nothing.
    assert!(
        bootstrap
            .block(2)
            .counts
            .iter()
            .all(|row| row[4..] == [0; 4])
    );
    let counts = |bootstrap: &Bootstrap| bootstrap.drawn.get().map(Arc::as_ptr);
    afresh.keep();
    let other = Bootstrap::new(settings(20), 4, &subjects);
    other.keep();
    assert_ne!(counts(&bootstrap), counts(&other));
    assert_ne!(bootstrap.weights(0), other.weights(0));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (labels, scores, subjects) = stays(60);
    let ranking = Ranking::new(&labels, &scores).unwrap();
    let drawn = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let bootstrap = Bootstrap::new(settings(64), 1, &subjects);
        let values = || bootstrap.distribution(|w| ranking.average_precision(w).map(f64::to_bits));
        pool.build().unwrap().install(values)
    };
    assert_eq!(drawn(1), drawn(3));
}

#[test]
fn a_model_does_not_differ_from_itself_and_a_better_one_is_larger_everywhere() {
    let (labels, scores, subjects) = stays(60);
    let bootstrap = Bootstrap::new(settings(100), 1, &subjects);
    let ranking = Ranking::new(&labels, &scores).unwrap();
    let perfect: Vec<f64> = labels.iter().map(|y| f64::from(u8::from(*y))).collect();
    let perfect = Ranking::new(&labels, &perfect).unwrap();
    let own = |weights: &[f64]| vec![ranking.auroc(weights).ok(), None];
    let ours = bootstrap.resample(own);
    let same = ours.minus(&ours);
    let first = same[0].unwrap();
    assert_eq!((first.difference, first.share_larger), (0.0, Some(0.0)));
    assert_eq!(same[1], None);
    let better = bootstrap.resample(|w| vec![perfect.auroc(w).ok(), None]);
    let better = better.minus(&ours);
    let better = better[0].unwrap();
    assert_eq!(better.share_larger, Some(1.0));
    assert!(better.interval.unwrap().lower > 0.0);
}

#[test]
fn without_resamples_there_are_no_intervals() {
    let bootstrap = Bootstrap::new(settings(0), 1, &["a", "b"]);
    assert_eq!(bootstrap.intervals(|_| vec![Some(1.0)]), [None]);
}

#[test]
fn one_subject_has_no_resamples_and_no_intervals() {
    let bootstrap = Bootstrap::new(settings(20), 1, &["a", "a", "a"]);
    assert_eq!(
        (bootstrap.settings().resamples, bootstrap.subjects()),
        (0, 1)
    );
    assert_eq!(bootstrap.intervals(|_| vec![Some(1.0)]), [None]);
    let bootstrap = Bootstrap::new(settings(20), 1, &["a", "a", "b"]);
    let resampled = bootstrap.resample(|weights| vec![Some(weights[0])]);
    let known = |members: Option<&[bool]>| bootstrap.intervals_of(&resampled, members)[0].is_some();
    assert!(known(None) && known(Some(&[true, false, true])));
    assert!(!known(Some(&[true, true, false])) && !known(Some(&[false; 3])));
}
