use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Moments and range of a tensor's finite numbers; `None` where there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Statistics {
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Population standard deviation.
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
        // Kept within the range, so that a constant has exactly its value as mean and no deviation.
        let mean = (sum / count as f64).clamp(min, max);
        let squares = numbers().filter(|number| number.is_finite());
        let squares: f64 = squares.map(|number| (number - mean).powi(2)).sum();
        Statistics {
            mean: Some(mean),
            std: Some((squares / count as f64).sqrt()),
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
        let tenth = Statistics::of(|| [0.1; 3].into_iter());
        assert_eq!((tenth.mean, tenth.std), (Some(0.1), Some(0.0)));
        assert!(tenth.is_constant() && !tenth.is_zero());
    }
}
