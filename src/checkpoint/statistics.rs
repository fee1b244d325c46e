use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Moments and range of a tensor's finite numbers; `None` where there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Statistics {
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Population standard deviation; `None` also where it is beyond F64.
    pub std: Option<f64>,
    /// Smallest number.
    pub min: Option<f64>,
    /// Largest number.
    pub max: Option<f64>,
    /// Whether there is neither NaN nor an infinity.
    pub finite: bool,
}

impl Statistics {
    /// Of the numbers that `numbers` gives, each time it is called.
    pub fn of<I: Iterator<Item = f64>>(numbers: impl Fn() -> I) -> Self {
        let (mut count, mut sum, mut finite) = (0_u64, 0.0, true);
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        for number in numbers() {
            if number.is_finite() {
                count += 1;
                sum += number;
                min = min.min(number);
                max = max.max(number);
            } else {
                finite = false;
            }
        }
        if count == 0 {
            return Statistics {
                finite,
                ..Statistics::default()
            };
        }
        let count = count as f64;
        let finite_numbers = || numbers().filter(|number| number.is_finite());
        let mean = match sum.is_finite() {
            true => sum / count,
            // Numbers near the largest F64.
            false => finite_numbers().map(|number| number / count).sum(),
        };
        // Kept within the range, so that a constant has exactly its value as mean and no deviation.
        let mean = mean.clamp(min, max);
        let squares = finite_numbers().map(|number| (number - mean).powi(2));
        let std = (squares.sum::<f64>() / count).sqrt();
        Statistics {
            mean: Some(mean),
            std: Some(std).filter(|std| std.is_finite()),
            min: Some(min),
            max: Some(max),
            finite,
        }
    }

    /// Whether all numbers are one.
    pub fn is_constant(&self) -> bool {
        self.finite && self.min.is_some() && self.min == self.max
    }

    /// Whether all numbers are zero.
    pub fn is_zero(&self) -> bool {
        self.is_constant() && self.min == Some(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_finite_numbers() {
        let numbers = [1.0, 2.0, 3.0, 6.0, f64::NAN];
        let all = Statistics::of(|| numbers.iter().copied());
        assert_eq!((all.mean, all.std), (Some(3.0), Some(3.5_f64.sqrt())));
        assert_eq!(
            (all.min, all.max, all.finite),
            (Some(1.0), Some(6.0), false)
        );
        let none = Statistics::of(std::iter::empty::<f64>);
        assert_eq!((none.mean, none.finite), (None, true));
        assert!(!none.is_constant());
        let huge = Statistics::of(|| [f64::MAX, f64::MAX, -f64::MAX].into_iter());
        assert!(huge.finite && huge.std.is_none());
        assert!(
            huge.mean
                .is_some_and(|mean| (mean / f64::MAX - 1.0 / 3.0).abs() < 1e-12)
        );
        let tenth = Statistics::of(|| [0.1; 3].into_iter());
        assert_eq!((tenth.mean, tenth.std), (Some(0.1), Some(0.0)));
        assert!(tenth.is_constant() && !tenth.is_zero());
    }
}
