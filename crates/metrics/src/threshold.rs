use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ranking::Ranking;
use super::undefined::Undefined;

/// From which score on a stay is predicted positive. All but a fixed threshold are chosen on the
/// scores of one split, to be used on another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ThresholdRule {
    /// This threshold.
    Fixed {
        /// Probability from which a stay is predicted positive.
        #[schemars(range(min = 0.0, max = 1.0))]
        threshold: f64,
    },
    /// The highest threshold with at least this sensitivity.
    Sensitivity {
        /// The share of the positives that must be found.
        #[schemars(range(min = 0.0, max = 1.0))]
        target: f64,
    },
    /// The lowest threshold with at least this specificity.
    Specificity {
        /// The share of the negatives that must be left alone.
        #[schemars(range(min = 0.0, max = 1.0))]
        target: f64,
    },
    /// The highest threshold with the largest sensitivity + specificity − 1 (Youden 1950).
    Youden {},
}

impl ThresholdRule {
    /// Whether it is chosen by scores.
    pub fn is_chosen(self) -> bool {
        !matches!(self, ThresholdRule::Fixed { .. })
    }

    /// The threshold: what is chosen is one of the scores.
    pub fn choose(self, ranking: &Ranking) -> Result<f64, Undefined> {
        if let ThresholdRule::Fixed { threshold } = self {
            return Ok(threshold);
        }
        let ones = vec![1.0; ranking.len()];
        let (mut positives, mut negatives) = (0.0, 0.0);
        for tie in ranking.ties(&ones) {
            positives += tie.positives;
            negatives += tie.negatives;
        }
        if positives == 0.0 && !matches!(self, ThresholdRule::Specificity { .. }) {
            return Err(Undefined::NoPositives);
        }
        if negatives == 0.0 && !matches!(self, ThresholdRule::Sensitivity { .. }) {
            return Err(Undefined::NoNegatives);
        }
        let (mut found, mut in_vain) = (0.0, 0.0);
        let mut chosen = None;
        let mut best = i64::MIN;
        for tie in ranking.ties(&ones) {
            found += tie.positives;
            in_vain += tie.negatives;
            match self {
                ThresholdRule::Sensitivity { target } => {
                    if found / positives >= target {
                        return Ok(tie.score);
                    }
                }
                ThresholdRule::Specificity { target } => {
                    if (negatives - in_vain) / negatives < target {
                        break;
                    }
                    chosen = Some(tie.score);
                }
                ThresholdRule::Fixed { .. } | ThresholdRule::Youden {} => {
                    // Times both counts, in whole numbers: no rounding decides between equally good ones. A ranking
                    // has less than 2^32 items, so that no product is beyond 2^62.
                    let index = found as i64 * negatives as i64 - in_vain as i64 * positives as i64;
                    if index > best {
                        best = index;
                        chosen = Some(tie.score);
                    }
                }
            }
        }
        chosen.ok_or(Undefined::Unreachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0.9+ 0.8- 0.7+ 0.6+ 0.5- 0.4- 0.3+ 0.2-
    fn ranking() -> Ranking {
        let labels = [true, false, true, true, false, false, true, false];
        let scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2];
        Ranking::new(&labels, &scores).unwrap()
    }

    #[test]
    fn targets_are_met_as_tightly_as_the_scores_allow() {
        let ranking = ranking();
        let sensitivity = |target| ThresholdRule::Sensitivity { target }.choose(&ranking);
        assert_eq!(sensitivity(0.75), Ok(0.6));
        assert_eq!(sensitivity(0.8), Ok(0.3));
        assert_eq!(sensitivity(1.0), Ok(0.3));
        let specificity = |target| ThresholdRule::Specificity { target }.choose(&ranking);
        assert_eq!(specificity(0.75), Ok(0.6));
        assert_eq!(specificity(1.0), Ok(0.9));
        assert_eq!(specificity(0.0), Ok(0.2));
        assert_eq!(ThresholdRule::Youden {}.choose(&ranking), Ok(0.6));
    }

    /// Both thresholds find a fifth more of the positives than of the negatives, but 0.3 − 0.1 < 0.4 − 0.2 in floats.
    #[test]
    fn of_equally_good_thresholds_the_highest_is_chosen() {
        let groups = [(0.9, 3, 1), (0.7, 1, 1), (0.1, 6, 8)];
        let (mut labels, mut scores) = (Vec::new(), Vec::new());
        for (score, positives, negatives) in groups {
            labels.extend((0..positives + negatives).map(|stay| stay < positives));
            scores.resize(labels.len(), score);
        }
        let ranking = Ranking::new(&labels, &scores).unwrap();
        assert_eq!(ThresholdRule::Youden {}.choose(&ranking), Ok(0.9));
    }

    #[test]
    fn a_rule_that_nothing_meets_has_no_threshold() {
        let ranking = Ranking::new(&[true, false], &[0.5, 0.5]).unwrap();
        let chosen = ThresholdRule::Specificity { target: 0.5 }.choose(&ranking);
        assert_eq!(chosen, Err(Undefined::Unreachable));
        let negatives = Ranking::new(&[false, false], &[0.5, 0.6]).unwrap();
        assert_eq!(
            ThresholdRule::Youden {}.choose(&negatives),
            Err(Undefined::NoPositives)
        );
        assert_eq!(
            ThresholdRule::Sensitivity { target: 0.5 }.choose(&negatives),
            Err(Undefined::NoPositives)
        );
        let positives = Ranking::new(&[true, true], &[0.5, 0.6]).unwrap();
        assert_eq!(
            ThresholdRule::Sensitivity { target: 0.5 }.choose(&positives),
            Ok(0.6)
        );
    }
}
