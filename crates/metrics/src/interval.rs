use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Share of the resamples that an interval leaves out at most, if anything is to be concluded from it.
const MOST_UNDEFINED: f64 = 0.05;

/// Where a number lies in resamples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
    /// Resamples in which the number is undefined, and which are left out.
    pub undefined: usize,
}

impl Interval {
    /// The percentile interval of `level` (Efron 1981): what leaves (1 − level) / 2 of the defined
    /// values out on either side. `None` where no value is defined.
    pub fn of(values: &[Option<f64>], level: f64) -> Option<Self> {
        let mut defined: Vec<f64> = values.iter().flatten().copied().collect();
        defined.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - level) / 2.0;
        Some(Self {
            lower: percentile(&defined, tail)?,
            upper: percentile(&defined, 1.0 - tail)?,
            undefined: values.len() - defined.len(),
        })
    }

    /// Whether so few of all `resamples` are left out that it may be concluded from: those that are left out are not like
    /// the others.
    pub fn is_telling(&self, resamples: usize) -> bool {
        self.undefined as f64 <= MOST_UNDEFINED * resamples as f64
    }

    /// Whether all of it lies on one side of 0: of a difference, that there is one.
    pub fn excludes_zero(&self) -> bool {
        self.lower > 0.0 || self.upper < 0.0
    }
}

/// The value that `share` of `sorted` lie below, interpolated linearly between neighbours (type 7
/// of Hyndman and Fan 1996, numpy's default).
pub(super) fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    let (low, high) = (sorted[below], sorted[above]);
    Some(low + (high - low) * (place - below as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_of_few_resamples_tells_nothing() {
        let interval = |undefined| Interval {
            lower: 0.1,
            upper: 0.2,
            undefined,
        };
        assert!(interval(50).is_telling(1000) && interval(0).is_telling(1));
        assert!(!interval(51).is_telling(1000) && !interval(1).is_telling(2));
    }

    #[test]
    fn percentiles_are_those_of_numpy() {
        // numpy.percentile([1, 2, 4, 8], [2.5, 97.5]) = [1.075, 7.7]
        let values = [Some(8.0), None, Some(1.0), Some(4.0), Some(2.0)];
        let interval = Interval::of(&values, 0.95).unwrap();
        assert!((interval.lower - 1.075).abs() < 1e-12);
        assert!((interval.upper - 7.7).abs() < 1e-12);
        assert_eq!(interval.undefined, 1);
        assert_eq!(Interval::of(&[None], 0.95), None);
        assert_eq!(
            Interval::of(&[Some(3.0)], 0.95).map(|i| (i.lower, i.upper)),
            Some((3.0, 3.0))
        );
    }
}
