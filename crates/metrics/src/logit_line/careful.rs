//! The fit where Newton's method from the usual start goes astray: between probabilities of 0 and 1 the loss is a
//! staircase in the intercept, with a curvature of nearly 0 on every step.

use super::{Free, Items, LogitLine, MAX_STEPS, Slopes, sigmoid};

/// Steps of a search for a root at most: bisections, and Newton's steps down a tail, which are of about 1.
const MAX_ROOT_STEPS: usize = 400;

/// Logits that differ by less than this share of them are the same but for rounding, and no line is told by them.
const SPREAD: f64 = 1e-9;

/// Maximum likelihood. `None` where no optimum is found, as where there is no finite one.
pub(super) fn fit(start: LogitLine, free: Free, items: &Items) -> Option<LogitLine> {
    let at = |intercept: f64, slope: f64| LogitLine { intercept, slope };
    match free {
        Free::Intercept => {
            let line = |intercept: f64| at(intercept, start.slope);
            let found = root(start.intercept, |intercept| {
                let slopes = slopes_of(&line(intercept), items);
                [slopes.gradient[0], slopes.curvature[0]]
            });
            found.map(line)
        }
        Free::Slope => {
            let line = |slope: f64| at(start.intercept, slope);
            let found = root(start.slope, |slope| {
                let slopes = slopes_of(&line(slope), items);
                [slopes.gradient[1], slopes.curvature[2]]
            });
            found.map(line)
        }
        Free::Both => both(items),
    }
}

/// From the line that says the same of every item, where the curvature is largest, with x brought to −1 to 1.
fn both(items: &Items) -> Option<LogitLine> {
    let low = items.x.iter().copied().fold(f64::INFINITY, f64::min);
    let high = items.x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (middle, scale) = (low + (high - low) / 2.0, (high - low) / 2.0);
    if scale <= SPREAD * low.abs().max(high.abs()) {
        return None;
    }
    let mut scaled = items.clone();
    for x in &mut scaled.x {
        *x = (*x - middle) / scale;
    }
    let (mut all, mut positive) = (0.0, 0.0);
    for (_, target, weight) in items.each() {
        all += weight;
        positive += weight * target;
    }
    let mut line = LogitLine {
        intercept: (positive / (all - positive)).ln(),
        slope: 0.0,
    };
    let mut loss = line.loss(&scaled);
    for _ in 0..MAX_STEPS {
        let step = slopes_of(&line, &scaled).newton_step(Free::Both)?;
        if line.is_last(step) {
            let LogitLine { intercept, slope } = line.moved(step, 1.0);
            let slope = slope / scale;
            let intercept = intercept - slope * middle;
            return Some(LogitLine { intercept, slope });
        }
        (line, loss) = line.descend(&loss, step, &scaled)?;
    }
    None
}

/// Where a gradient that only grows is 0: by Newton's method within the bounds that its signs set, else by halving these.
/// `slopes`: the gradient at a place, and the curvature.
fn root(start: f64, slopes: impl Fn(f64) -> [f64; 2]) -> Option<f64> {
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    let (mut at, mut reach) = (start, 1.0);
    for _ in 0..MAX_ROOT_STEPS {
        let [gradient, curvature] = slopes(at);
        let step = gradient / curvature;
        if step.abs() <= super::LAST_STEP * (1.0 + at.abs()) {
            return Some(at - step);
        }
        match gradient > 0.0 {
            true => high = at,
            false => low = at,
        }
        let next = at - step;
        at = if next > low.max(at - reach) && next < high.min(at + reach) {
            next
        } else if high - low < f64::INFINITY {
            low + (high - low) / 2.0
        } else {
            at - f64::copysign(reach, gradient)
        };
        reach *= 2.0;
    }
    None
}

/// As [`super::slopes_of`], to the last digit where probabilities are nearly 0 or 1: what is far from its target is
/// counted, and only the small rests are added up as floats.
fn slopes_of(line: &LogitLine, items: &Items) -> Slopes {
    let (mut whole, mut rest) = ([0.0; 2], [0.0; 2]);
    let mut curvature = [0.0; 3];
    for (x, target, weight) in items.each() {
        let z = line.intercept + line.slope * x;
        let small = sigmoid(-z.abs());
        let (far, near) = match z > 0.0 {
            true => (1.0 - target, -small),
            false => (-target, small),
        };
        let bend = weight * small * sigmoid(z.abs());
        for (power, factor) in [1.0, x].into_iter().enumerate() {
            whole[power] += weight * far * factor;
            rest[power] += weight * near * factor;
        }
        for (sum, factor) in curvature.iter_mut().zip([1.0, x, x * x]) {
            *sum += bend * factor;
        }
    }
    Slopes {
        gradient: [whole[0] + rest[0], whole[1] + rest[1]],
        curvature,
    }
}

#[cfg(test)]
mod tests {
    use super::super::logit;
    use super::*;
    use pipeline_random::Stream;

    /// Positives and negatives at each x.
    fn items(groups: &[(f64, u32, u32)]) -> Items {
        let (mut x, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for &(at, positives, negatives) in groups {
            x.extend([at; 2]);
            targets.extend([1.0, 0.0]);
            weights.extend([positives, negatives].map(f64::from));
        }
        Items::of(&x, &targets, &weights)
    }

    const PERFECT: LogitLine = LogitLine {
        intercept: 0.0,
        slope: 1.0,
    };

    #[test]
    fn probabilities_of_0_and_1_have_a_line() {
        let (low, high) = (logit(0.0), logit(1.0));
        // True and false positives, false and true negatives.
        for counts in [
            [2, 7, 1, 20],
            [8, 12, 3, 47],
            [3, 30, 4, 40],
            [12, 18, 9, 61],
            [2, 1, 1, 5],
            [40, 1, 3, 900_000],
        ] {
            let [tp, fp, fn_, tn] = counts;
            let items = items(&[(low, fn_, tn), (high, tp, fp)]);
            let line = LogitLine::fit(PERFECT, Free::Both, &items).unwrap();
            let [above, below] =
                [(tp, fp), (fn_, tn)].map(|(y, n)| (f64::from(y) / f64::from(n)).ln());
            let slope = (above - below) / (high - low);
            assert!((line.slope - slope).abs() < 1e-9, "{counts:?}: {line:?}");
            let intercept = above - slope * high;
            assert!(
                (line.intercept - intercept).abs() < 1e-7,
                "{counts:?}: {line:?}"
            );
            // Alone: the probabilities add up to the positives.
            let alone = LogitLine::fit(PERFECT, Free::Intercept, &items).unwrap();
            let sum = f64::from(tp + fp) * alone.probability(high)
                + f64::from(fn_ + tn) * alone.probability(low);
            assert!(
                (sum - f64::from(tp + fn_)).abs() < 1e-6,
                "{counts:?}: {alone:?}"
            );
        }
    }

    /// As many are found in vain as are missed: the intercept lies on a step of the staircase, where a sum of
    /// probabilities has lost it.
    #[test]
    fn what_is_small_is_not_lost_beside_what_is_whole() {
        let (low, high) = (logit(0.0), logit(1.0));
        let line = fit(
            PERFECT,
            Free::Intercept,
            &items(&[(low, 1, 5), (high, 2, 1)]),
        )
        .unwrap();
        // 3 σ(−a − high) = 6 σ(a + low)
        let expected = (3.0_f64 / 6.0).ln() / 2.0 - (high + low) / 2.0;
        assert!((line.intercept - expected).abs() < 1e-9, "{line:?}");
        let slope = fit(PERFECT, Free::Slope, &items(&[(low, 1, 5), (high, 2, 1)])).unwrap();
        // σ(slope · high) is 7 of 9, for either group says the same of the slope.
        assert!(
            (slope.slope * high - 3.5_f64.ln()).abs() < 1e-2,
            "{slope:?}"
        );
    }

    #[test]
    fn whatever_has_an_optimum_is_fitted() {
        let mut draws = Stream::new(3, "test").at(&[]);
        let mut count = |most: u64| 1 + draws.below(most) as u32;
        for round in 0..2000 {
            let exponent = count(60);
            let places = [
                0.0,
                1.0,
                0.5_f64.powi(exponent as i32),
                f64::from(count(99)) / 100.0,
            ];
            let most = [3, 30, 3000][round % 3];
            let groups = places.map(|p| (logit(p), count(most), count(most)));
            let items = items(&groups[..2 + round % 3]);
            for free in [Free::Intercept, Free::Both] {
                let line = LogitLine::fit(PERFECT, free, &items).unwrap();
                let gradient = slopes_of(&line, &items).gradient;
                let size: f64 = items.each().map(|(_, _, weight)| weight).sum();
                assert!(gradient[0].abs() < 1e-6 * size, "{groups:?}: {line:?}");
                if free == Free::Both {
                    assert!(gradient[1].abs() < 1e-4 * size, "{groups:?}: {line:?}");
                }
            }
        }
    }
}
