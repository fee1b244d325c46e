//! What a baseline is worth: measured once for all variants of a sweep that stand beside the same one.

use std::sync::{Arc, Mutex, PoisonError};

use super::score_summary::ScoreSummary;
use pipeline_metrics::{BinaryScores, Bootstrap, CurveSet, Resampled};

/// Baselines that are remembered: those of a sweep over subsamples or folds are several.
const MOST: usize = 8;

/// What was measured of a baseline.
pub struct ScoredBaseline {
    scores: BinaryScores,
    bootstrap: Bootstrap,
    /// Its metrics.
    pub summary: ScoreSummary,
    /// Its metrics in every resample.
    pub resampled: Resampled,
    /// Its curves.
    pub curves: CurveSet,
}

static MEASURED: Mutex<Vec<Arc<ScoredBaseline>>> = Mutex::new(Vec::new());

impl ScoredBaseline {
    /// Measures `scores`, or finds what this process measured of equal ones under the same resamples.
    pub fn of(scores: BinaryScores, bootstrap: &Bootstrap) -> Arc<Self> {
        let is_same =
            |known: &Self| known.scores.says_as(&scores) && known.bootstrap.draws_as(bootstrap);
        let known = || MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().iter().find(|known| is_same(known)).cloned();
        if let Some(found) = found {
            return found;
        }
        // Without the lock: who waits for threads in here may take up another evaluation.
        let (summary, resampled) = ScoreSummary::measured(&scores, None, bootstrap);
        let measured = Arc::new(Self {
            curves: CurveSet::draw(&scores, bootstrap),
            bootstrap: bootstrap.clone(),
            scores,
            summary,
            resampled,
        });
        let mut known = known();
        if known.len() == MOST {
            known.remove(0);
        }
        known.push(measured.clone());
        measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline_metrics::BootstrapSettings;

    #[test]
    fn only_what_is_the_same_is_found_again() {
        let scores = |last: f64| {
            BinaryScores::new(vec![true, false, true, false], vec![0.9, 0.2, 0.6, last]).unwrap()
        };
        let settings = BootstrapSettings {
            resamples: 20,
            level: 0.95,
        };
        let subjects = ["a", "b", "c", "d"];
        let bootstrap = Bootstrap::new(settings, 1, &subjects);
        let first = ScoredBaseline::of(scores(0.3), &bootstrap);
        let again = ScoredBaseline::of(scores(0.3), &Bootstrap::new(settings, 1, &subjects));
        assert!(Arc::ptr_eq(&first, &again));
        let other = ScoredBaseline::of(scores(0.31), &bootstrap);
        assert_ne!(first.summary, other.summary);
        for bootstrap in [
            Bootstrap::new(settings, 2, &subjects),
            Bootstrap::new(settings, 1, &["a", "a", "c", "d"]),
            Bootstrap::new(
                BootstrapSettings {
                    level: 0.9,
                    ..settings
                },
                1,
                &subjects,
            ),
        ] {
            let other = ScoredBaseline::of(scores(0.3), &bootstrap);
            assert!(!Arc::ptr_eq(&first, &other));
        }
    }
}
