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

/// Lists that [`Statistics::of_lists`] goes through at a time: as many as one addition takes cycles.
pub(super) const IN_STEP: usize = 4;

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
        let mean = within(mean, min, max);
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

    /// [`Statistics::of`] each list, bit for bit, in a fraction of the time: the additions of one sum wait for
    /// each other, those of [`IN_STEP`] sums do not.
    pub(super) fn of_lists(lists: &[&[f32]]) -> Vec<Statistics> {
        let groups = lists.chunks(IN_STEP);
        groups
            .flat_map(|group| match group.try_into() {
                Ok(group) => Self::in_step(group).to_vec(),
                Err(_) => group.iter().map(|list| Self::of_list(list)).collect(),
            })
            .collect()
    }

    fn of_list(list: &[f32]) -> Statistics {
        Statistics::of(|| list.iter().map(|number| f64::from(*number)))
    }

    fn in_step(lists: &[&[f32]; IN_STEP]) -> [Statistics; IN_STEP] {
        let ranges = lists.map(range);
        if ranges.iter().any(Option::is_none) {
            return lists.map(Self::of_list);
        }
        let ranges = ranges.map(Option::unwrap_or_default);
        let sums = sums(lists, |_, number| number);
        let means: [f64; IN_STEP] = std::array::from_fn(|at| {
            let (min, max) = ranges[at];
            within(sums[at] / lists[at].len() as f64, min, max)
        });
        let squares = self::sums(lists, |at, number| (number - means[at]).powi(2));
        std::array::from_fn(|at| Statistics {
            mean: Some(means[at]),
            std: Some((squares[at] / lists[at].len() as f64).sqrt()),
            min: Some(ranges[at].0),
            max: Some(ranges[at].1),
            finite: true,
        })
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

/// The sum of each list's terms, in the order of the list.
fn sums(lists: &[&[f32]; IN_STEP], term: impl Fn(usize, f64) -> f64) -> [f64; IN_STEP] {
    let common = lists.iter().map(|list| list.len()).min().unwrap_or(0);
    let [first, second, third, fourth] = lists.map(|list| &list[..common]);
    let mut sums = [0.0; IN_STEP];
    let in_step = first.iter().zip(second).zip(third.iter().zip(fourth));
    for ((first, second), (third, fourth)) in in_step {
        for (at, number) in [first, second, third, fourth].into_iter().enumerate() {
            sums[at] += term(at, f64::from(*number));
        }
    }
    for (at, sum) in sums.iter_mut().enumerate() {
        for number in &lists[at][common..] {
            *sum += term(at, f64::from(*number));
        }
    }
    sums
}

/// The least and the greatest number; `None` if there is none, or one that is not finite.
fn range(list: &[f32]) -> Option<(f64, f64)> {
    const LANES: usize = 16;
    let mut least = [f32::INFINITY; LANES];
    let mut greatest = [f32::NEG_INFINITY; LANES];
    // Stays zero unless a number is not finite.
    let mut products = [0.0_f32; LANES];
    let (chunks, rest) = list.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let number = chunk[lane];
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
        }
    }
    let rest_is_finite = rest.iter().all(|number| number.is_finite());
    if list.is_empty() || !rest_is_finite || products.iter().any(|product| *product != 0.0) {
        return None;
    }
    // Of zeros that differ in sign the first counts, as it does when numbers are compared one by one.
    let first_zero = || list.iter().copied().find(|number| *number == 0.0);
    let exact = |number: f32| match number == 0.0 {
        true => first_zero().unwrap_or(number),
        false => number,
    };
    let least = least
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::INFINITY, f32::min);
    let greatest = greatest
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, f32::max);
    Some((exact(least).into(), exact(greatest).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_in_step_have_the_very_statistics_of_each() {
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
        let lists: Vec<&[f32]> = lists.iter().map(Vec::as_slice).collect();
        let bits = |s: Statistics| {
            let bits = [s.mean, s.std, s.min, s.max].map(|number| number.map(f64::to_bits));
            (bits, s.finite)
        };
        let found = Statistics::of_lists(&lists).into_iter().map(bits);
        let each = lists.iter().map(|list| bits(Statistics::of_list(list)));
        assert!(found.eq(each));
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
