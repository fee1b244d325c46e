//! Curves of binary predictions. Each is computed from items ranked once, under any weights, so
//! that a bootstrap can draw its band.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ranking::Ranking;
use super::tie::Tie;

/// Points that a stored curve has at most.
pub const MAX_POINTS: usize = 200;

/// What a threshold makes of the classes. Who has a score of at least the threshold is predicted positive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RocPoint {
    /// The threshold; null where it lies above every score.
    pub threshold: Option<f64>,
    /// Share of the negatives that are predicted positive: 1 − specificity.
    pub false_positive_rate: f64,
    /// Share of the positives that are predicted positive.
    pub sensitivity: f64,
}

/// What a threshold finds of the positives, and at which cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PrecisionRecallPoint {
    /// The threshold.
    pub threshold: f64,
    /// Share of the positives that are predicted positive.
    pub recall: f64,
    /// Share of those predicted positive that are.
    pub precision: f64,
}

/// What it is worth to act on a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionPoint {
    /// The probability from which one acts: it says how much worse a missed positive is than an action in vain.
    pub threshold: f64,
    /// Net benefit of acting on the model: TP / n − FP / n · t / (1 − t).
    pub model: f64,
    /// Net benefit of acting on everyone. That of acting on no one is 0.
    pub treat_all: f64,
}

/// The stays with the highest scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiftPoint {
    /// The tenth of the stays, by descending score: 1 to 10.
    pub decile: usize,
    /// Share of the stays of this decile that are positive.
    pub rate: f64,
    /// That share over the prevalence.
    pub lift: f64,
    /// Share of all positives that this decile and those before it hold.
    pub cumulative_gain: f64,
    /// That share over the share of the stays: the lift of all these deciles together.
    pub cumulative_lift: f64,
}

/// The ROC curve: scikit-learn's `roc_curve` without its `drop_intermediate`. Empty where a class is absent.
pub fn roc(ranking: &Ranking, weights: &[f64]) -> Vec<RocPoint> {
    roc_of(&ranking.ties(weights).collect::<Vec<Tie>>())
}

fn roc_of(ties: &[Tie]) -> Vec<RocPoint> {
    let mut points = vec![RocPoint {
        threshold: None,
        false_positive_rate: 0.0,
        sensitivity: 0.0,
    }];
    let (mut positives, mut negatives) = (0.0, 0.0);
    for tie in ties {
        positives += tie.positives;
        negatives += tie.negatives;
        points.push(RocPoint {
            threshold: Some(tie.score),
            false_positive_rate: negatives,
            sensitivity: positives,
        });
    }
    if positives == 0.0 || negatives == 0.0 {
        return Vec::new();
    }
    for point in &mut points {
        point.false_positive_rate /= negatives;
        point.sensitivity /= positives;
    }
    points
}

/// The precision-recall curve from the highest threshold down: scikit-learn's `precision_recall_curve`
/// without the point that it adds at recall 0. Empty without positives.
pub fn precision_recall(ranking: &Ranking, weights: &[f64]) -> Vec<PrecisionRecallPoint> {
    precision_recall_of(&ranking.ties(weights).collect::<Vec<Tie>>())
}

fn precision_recall_of(ties: &[Tie]) -> Vec<PrecisionRecallPoint> {
    let mut points = Vec::new();
    let (mut positives, mut retrieved) = (0.0, 0.0);
    for tie in ties {
        positives += tie.positives;
        retrieved += tie.weight();
        points.push(PrecisionRecallPoint {
            threshold: tie.score,
            recall: positives,
            precision: positives / retrieved,
        });
    }
    if positives == 0.0 {
        return Vec::new();
    }
    for point in &mut points {
        point.recall /= positives;
    }
    points
}

/// The decision curve at thresholds of 0.01 to 0.99 (Vickers and Elkin 2006). The scores must be
/// probabilities. Empty without items.
pub fn decision(ranking: &Ranking, weights: &[f64]) -> Vec<DecisionPoint> {
    decision_of(&ranking.ties(weights).collect::<Vec<Tie>>())
}

fn decision_of(ties: &[Tie]) -> Vec<DecisionPoint> {
    let (mut positives, mut negatives) = (0.0, 0.0);
    // Thresholds in descending order, each with what it predicts positive.
    let mut at = Vec::with_capacity(99);
    let mut next = 99;
    for tie in ties {
        while next > 0 && tie.score < percent(next) {
            at.push((percent(next), positives, negatives));
            next -= 1;
        }
        positives += tie.positives;
        negatives += tie.negatives;
    }
    at.extend((1..=next).rev().map(|p| (percent(p), positives, negatives)));
    let total = positives + negatives;
    if total == 0.0 {
        return Vec::new();
    }
    let point = |(threshold, true_positives, false_positives): (f64, f64, f64)| {
        let odds = threshold / (1.0 - threshold);
        DecisionPoint {
            threshold,
            model: (true_positives - false_positives * odds) / total,
            treat_all: (positives - negatives * odds) / total,
        }
    };
    at.into_iter().rev().map(point).collect()
}

fn percent(number: usize) -> f64 {
    number as f64 / 100.0
}

/// Lift by deciles of the score. Items that share a score and straddle the edge of a decile count
/// in either by their share, so that no order among them matters. Empty without positives.
pub fn lift(ranking: &Ranking, weights: &[f64]) -> Vec<LiftPoint> {
    const DECILES: usize = 10;
    let total: f64 = ranking.ties(weights).map(|tie| tie.weight()).sum();
    let size = total / DECILES as f64;
    let mut positives = [0.0; DECILES];
    let mut before = 0.0;
    for tie in ranking.ties(weights) {
        let after = before + tie.weight();
        let first = (before / size) as usize;
        for (decile, found) in positives.iter_mut().enumerate().skip(first) {
            let (start, end) = (decile as f64 * size, (decile + 1) as f64 * size);
            let overlap = after.min(end) - before.max(start);
            if overlap <= 0.0 {
                break;
            }
            *found += tie.positives * overlap / tie.weight();
        }
        before = after;
    }
    let all: f64 = positives.iter().sum();
    if all == 0.0 {
        return Vec::new();
    }
    let mut found = 0.0;
    let point = |(decile, positives): (usize, f64)| {
        found += positives;
        LiftPoint {
            decile: decile + 1,
            rate: positives / size,
            lift: positives / size / (all / total),
            cumulative_gain: found / all,
            cumulative_lift: found / all / ((decile + 1) as f64 / DECILES as f64),
        }
    };
    positives.into_iter().enumerate().map(point).collect()
}

/// The curve's sensitivity at a false positive rate, linear between points; at a jump its upper end.
/// `None` on an empty curve.
#[cfg(test)]
pub(super) fn sensitivity_at(points: &[RocPoint], false_positive_rate: f64) -> Option<f64> {
    let after = points.partition_point(|point| point.false_positive_rate <= false_positive_rate);
    let before = points.get(after.checked_sub(1)?)?;
    let Some(next) = points.get(after) else {
        return Some(before.sensitivity);
    };
    let step = next.false_positive_rate - before.false_positive_rate;
    let part = (false_positive_rate - before.false_positive_rate) / step;
    Some(before.sensitivity + part * (next.sensitivity - before.sensitivity))
}

/// The precision at the highest threshold that finds this share of the positives. `None` on an empty curve.
#[cfg(test)]
pub(super) fn precision_at(points: &[PrecisionRecallPoint], recall: f64) -> Option<f64> {
    let at = points.partition_point(|point| point.recall < recall);
    points
        .get(at)
        .or(points.last())
        .map(|point| point.precision)
}

/// At most `limit` points of a curve: its first and last, and between them what lies about evenly
/// along its course, so that steep parts keep their shape. `place` is where a point is drawn.
pub fn thin<P: Copy>(points: &[P], limit: usize, place: impl Fn(&P) -> (f64, f64)) -> Vec<P> {
    if points.len() <= limit || limit < 2 {
        return points.to_vec();
    }
    let mut course = Vec::with_capacity(points.len());
    let mut length = 0.0;
    for (at, point) in points.iter().enumerate() {
        let (x, y) = place(point);
        let (before_x, before_y) = place(&points[at.saturating_sub(1)]);
        length += (x - before_x).abs() + (y - before_y).abs();
        course.push(length);
    }
    let mut kept: Vec<usize> = (0..limit - 1)
        .map(|step| {
            let wanted = length * step as f64 / (limit - 1) as f64;
            course.partition_point(|passed| *passed < wanted)
        })
        .collect();
    kept.push(points.len() - 1);
    kept.dedup();
    kept.into_iter().map(|at| points[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0.9+ 0.8+ 0.8- 0.4+ 0.4- 0.1-
    fn ranking() -> Ranking {
        let labels = [false, true, true, false, false, true];
        Ranking::new(&labels, &[0.1, 0.9, 0.4, 0.4, 0.8, 0.8]).unwrap()
    }

    const ONCE: [f64; 6] = [1.0; 6];

    #[test]
    fn the_roc_curve_has_a_point_for_every_distinct_score() {
        let points = roc(&ranking(), &ONCE);
        let found: Vec<_> = points
            .iter()
            .map(|p| {
                (
                    p.threshold,
                    p.false_positive_rate * 3.0,
                    p.sensitivity * 3.0,
                )
            })
            .collect();
        let expected = [
            (None, 0.0, 0.0),
            (Some(0.9), 0.0, 1.0),
            (Some(0.8), 1.0, 2.0),
            (Some(0.4), 2.0, 3.0),
            (Some(0.1), 3.0, 3.0),
        ];
        assert_eq!(found, expected);
        let one_class = Ranking::new(&[true, true], &[0.1, 0.2]).unwrap();
        assert!(roc(&one_class, &[1.0; 2]).is_empty());
    }

    #[test]
    fn a_curve_is_read_between_its_points() {
        let points = roc(&ranking(), &ONCE);
        assert_eq!(sensitivity_at(&points, 0.0), Some(1.0 / 3.0));
        assert!((sensitivity_at(&points, 0.5 / 3.0).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(sensitivity_at(&points, 1.0), Some(1.0));
        assert_eq!(sensitivity_at(&[], 0.5), None);
        let points = precision_recall(&ranking(), &ONCE);
        assert_eq!(precision_at(&points, 0.0), Some(1.0));
        assert_eq!(precision_at(&points, 0.5), Some(2.0 / 3.0));
        assert_eq!(precision_at(&points, 1.0), Some(3.0 / 5.0));
    }

    #[test]
    fn weights_stand_for_repeated_items_and_items_without_weight_are_no_point() {
        let points = precision_recall(&ranking(), &[1.0, 0.0, 2.0, 1.0, 0.0, 1.0]);
        // 0.8+ | 0.4+ 0.4+ 0.4- | 0.1-
        let found: Vec<_> = points
            .iter()
            .map(|p| (p.threshold, p.recall, p.precision))
            .collect();
        let expected = [(0.8, 1.0 / 3.0, 1.0), (0.4, 1.0, 0.75), (0.1, 1.0, 0.6)];
        assert_eq!(found, expected);
    }

    #[test]
    fn net_benefit_weighs_false_positives_by_the_odds_of_the_threshold() {
        let points = decision(&ranking(), &ONCE);
        assert_eq!(points.len(), 99);
        // From 0.4 on: 3 true, 2 false positives; odds 2/3.
        let at = |percent: usize| points[percent - 1];
        assert_eq!(at(40).threshold, 0.4);
        assert!((at(40).model - (3.0 - 2.0 * 2.0 / 3.0) / 6.0).abs() < 1e-12);
        assert!((at(40).treat_all - (3.0 - 3.0 * 2.0 / 3.0) / 6.0).abs() < 1e-12);
        assert_eq!(at(95).model, 0.0);
        // 0.05 lies below every score: the model acts on everyone.
        assert_eq!(at(5).model, at(5).treat_all);
    }

    #[test]
    fn lift_divides_ties_among_deciles() {
        let labels: Vec<bool> = (0..20).map(|item| item < 4).collect();
        let scores: Vec<f64> = (0..20)
            .map(|item| if item < 4 { 0.9 } else { 0.1 })
            .collect();
        let ranking = Ranking::new(&labels, &scores).unwrap();
        let points = lift(&ranking, &[1.0; 20]);
        assert_eq!(points.len(), 10);
        assert_eq!(
            (points[0].lift, points[1].lift, points[2].lift),
            (5.0, 5.0, 0.0)
        );
        assert_eq!(points[1].cumulative_gain, 1.0);
        let constant = Ranking::new(&labels, &[0.5; 20]).unwrap();
        for point in lift(&constant, &[1.0; 20]) {
            assert!((point.lift - 1.0).abs() < 1e-12, "{point:?}");
            assert!((point.cumulative_lift - 1.0).abs() < 1e-12, "{point:?}");
        }
    }

    #[test]
    fn a_thinned_curve_keeps_its_ends_and_its_course() {
        let points: Vec<(f64, f64)> = (0..=1000)
            .map(|at| (f64::from(at) / 1000.0, f64::from(at.min(10)) / 10.0))
            .collect();
        let thinned = thin(&points, 50, |point| *point);
        assert!(thinned.len() <= 50);
        assert_eq!(
            (thinned[0], thinned[thinned.len() - 1]),
            (points[0], points[1000])
        );
        // Half of the course is the steep rise over its first hundredth.
        let steep = thinned.iter().filter(|point| point.0 <= 0.01).count();
        assert!(steep >= 9, "{steep}");
        assert_eq!(thin(&points[..20], 50, |point| *point), &points[..20]);
    }
}
