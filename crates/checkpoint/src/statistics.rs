use pipeline_vector::vectorized;
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

/// Sums are kept in as many parts, number i going to part i mod 16: additions then need not wait for each
/// other, and whoever adds in this order gets the same bits.
const LANES: usize = 16;

impl Statistics {
    /// Of the numbers that `numbers` gives, each time it is called.
    pub fn of<I: Iterator<Item = f64>>(numbers: impl Fn() -> I) -> Self {
        let (mut count, mut finite) = (0_u64, true);
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        for number in numbers() {
            if number.is_finite() {
                count += 1;
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
        let sum = sum_in_lanes(finite_numbers());
        let mean = match sum.is_finite() {
            true => sum / count,
            // Numbers near the largest F64.
            false => sum_in_lanes(finite_numbers().map(|number| number / count)),
        };
        let mean = within(mean, min, max);
        let squares = finite_numbers().map(|number| (number - mean).powi(2));
        let std = (sum_in_lanes(squares) / count).sqrt();
        Statistics {
            mean: Some(mean),
            std: Some(std).filter(|std| std.is_finite()),
            min: Some(min),
            max: Some(max),
            finite,
        }
    }

    /// [`Statistics::of`] the list, bit for bit, in a fraction of the time.
    pub(super) fn of_list(list: &[f32]) -> Self {
        let Some(Totals { sum, min, max }) = totals(list) else {
            return Statistics::of(|| list.iter().map(|number| f64::from(*number)));
        };
        let count = list.len() as f64;
        let mean = within(sum / count, min, max);
        Statistics {
            mean: Some(mean),
            std: Some((squares(list, mean) / count).sqrt()),
            min: Some(min),
            max: Some(max),
            finite: true,
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

/// Kept within the range, so that a constant has exactly its value as mean and no deviation.
fn within(mean: f64, min: f64, max: f64) -> f64 {
    mean.clamp(min, max)
}

fn sum_in_lanes(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut lanes = [0.0; LANES];
    for (at, number) in numbers.enumerate() {
        lanes[at % LANES] += number;
    }
    lanes.iter().sum()
}

vectorized! {
    /// The sum of squared distances from `mean`.
    fn squares(list: &[f32], mean: f64) -> f64 {
        let mut lanes = [0.0; LANES];
        let (chunks, rest) = list.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] += (f64::from(chunk[lane]) - mean).powi(2);
            }
        }
        for (lane, number) in lanes.iter_mut().zip(rest) {
            *lane += (f64::from(*number) - mean).powi(2);
        }
        lanes.iter().sum()
    }
}

/// What one pass over finite numbers gives.
struct Totals {
    sum: f64,
    min: f64,
    max: f64,
}

vectorized! {
    /// `None` if there is no number, or one that is not finite.
    fn totals(list: &[f32]) -> Option<Totals> {
        let mut least = [f32::INFINITY; LANES];
        let mut greatest = [f32::NEG_INFINITY; LANES];
        let mut sums = [0.0; LANES];
        // Stays zero unless a number is not finite.
        let mut products = [0.0_f32; LANES];
        let mut add = |lane: usize, number: f32| {
            // Written out: `f32::min` would ask for NaN.
            least[lane] = if number < least[lane] {
                number
            } else {
                least[lane]
            };
            greatest[lane] = if number > greatest[lane] {
                number
            } else {
                greatest[lane]
            };
            products[lane] += number * 0.0;
            sums[lane] += f64::from(number);
        };
        let (chunks, rest) = list.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, number) in chunk.iter().enumerate() {
                add(lane, *number);
            }
        }
        for (lane, number) in rest.iter().enumerate() {
            add(lane, *number);
        }
        if list.is_empty() || products.iter().any(|product| *product != 0.0) {
            return None;
        }
        // Of zeros that differ in sign the first counts, as it does when numbers are compared one by one.
        let first_zero = || list.iter().copied().find(|number| *number == 0.0);
        let exact = |number: f32| match number == 0.0 {
            true => first_zero().unwrap_or(number),
            false => number,
        };
        Some(Totals {
            sum: sums.iter().sum(),
            min: exact(least.into_iter().fold(f32::INFINITY, f32::min)).into(),
            max: exact(greatest.into_iter().fold(f32::NEG_INFINITY, f32::max)).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_floats_has_the_very_statistics_of_its_numbers() {
        let list = |seed: u32, length: usize| -> Vec<f32> {
            let numbers =
                (0..length as u32).map(|i| (i + 1).wrapping_mul(seed * 2 + 2_654_435_761));
            numbers
                .map(|bits| (bits >> 8) as f32 / 65_536.0 - 64.0)
                .collect()
        };
        let mut lists: Vec<Vec<f32>> = (0..9).map(|at| list(at, 100 + 37 * at as usize)).collect();
        lists[1] = vec![0.1; 77];
        lists[2] = vec![3.0, -0.0, 0.0, 5.0];
        lists[3] = vec![-3.0, 0.0, -0.0, -5.0];
        lists[6] = vec![1.0, f32::NAN, 2.0];
        lists[8] = Vec::new();
        let bits = |s: Statistics| {
            let bits = [s.mean, s.std, s.min, s.max].map(|number| number.map(f64::to_bits));
            (bits, s.finite)
        };
        for list in &lists {
            let numbers = || list.iter().map(|number| f64::from(*number));
            assert_eq!(
                bits(Statistics::of_list(list)),
                bits(Statistics::of(numbers))
            );
        }
    }

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
