//! Drawing settings.

use super::point::Assignment;
use crate::overrides::Key;
use crate::sweep_config::{Distribution, RandomAxis};
use crate::tree::{Node, Value};
use pipeline_random::Stream;

/// More digits say nothing of a setting and make it long.
const SIGNIFICANT_DIGITS: usize = 6;

/// A range this many times as narrow as its numbers are large has ten different draws of so many digits.
const NARROW: f64 = 1e5;

/// All digits of a number are 17.
const MOST_MORE: usize = 17 - SIGNIFICANT_DIGITS;

/// All draws of one path.
pub(super) fn draws(
    axis: &RandomAxis,
    path: &str,
    keys: &[Key],
    distribution: &Distribution,
    node: &Node,
) -> Vec<Assignment> {
    let name: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
    let stream = Stream::new(axis.seed, &format!("sweep {}", name.join(".")));
    let draw = |index| Assignment {
        path: path.into(),
        keys: keys.to_vec(),
        node: one(distribution, node, &stream, index),
        is_seed: false,
    };
    (0..axis.count).map(draw).collect()
}

fn one(distribution: &Distribution, node: &Node, stream: &Stream, index: u64) -> Node {
    let mut draw = stream.at(&[index]);
    let value = match distribution {
        Distribution::Uniform { min, max } => {
            Value::Float(rounded(min + (max - min) * draw.uniform(), *min, *max))
        }
        Distribution::LogUniform { min, max } => {
            let (low, high) = (min.ln(), max.ln());
            let number = (low + (high - low) * draw.uniform()).exp();
            Value::Float(rounded(number, *min, *max))
        }
        Distribution::Integer { min, max } => {
            let beyond = max.abs_diff(*min).saturating_add(1);
            Value::Integer(i128::from(*min) + i128::from(draw.below(beyond)))
        }
        Distribution::Choice { values } => {
            let chosen = draw.below(values.len().max(1) as u64).to_string();
            if let Some(value) = node.at(&["values", &chosen]) {
                return value.clone();
            }
            Value::Broken
        }
    };
    Node::new(value, node.origin)
}

/// To so many digits, and never out of the range. A range that is narrow beside its numbers, such as 1000000 to
/// 1000003, has as many more as its draws need to be different.
fn rounded(number: f64, min: f64, max: f64) -> f64 {
    let narrowness = min.abs().max(max.abs()) / (max - min);
    let more = match narrowness > NARROW {
        true => narrowness.log10().ceil() as usize,
        false => 0,
    };
    let text = format!("{number:.*e}", SIGNIFICANT_DIGITS - 1 + more.min(MOST_MORE));
    text.parse().unwrap_or(number).clamp(min, max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Origin;

    fn numbers(distribution: &Distribution, count: u64) -> Vec<f64> {
        let axis = RandomAxis {
            count,
            seed: 1,
            draw: Default::default(),
        };
        let origin = Origin::new(0, 0..0);
        let keys = [("lr".to_string(), origin)];
        let node = Node::new(Value::Broken, origin);
        let draws = draws(&axis, "lr", &keys, distribution, &node);
        let numbers = draws.iter().map(|one| match one.node.value {
            Value::Float(number) => number,
            Value::Integer(number) => number as f64,
            _ => f64::NAN,
        });
        numbers.collect()
    }

    #[test]
    fn more_draws_leave_those_before_as_they_are() {
        let distribution = Distribution::Uniform { min: 0.0, max: 1.0 };
        let few = numbers(&distribution, 3);
        assert_eq!(few, numbers(&distribution, 9)[..3]);
    }

    #[test]
    fn logarithms_are_uniform_and_whole_numbers_reach_both_ends() {
        let log = Distribution::LogUniform {
            min: 1e-6,
            max: 1e-2,
        };
        let small = numbers(&log, 1000);
        let below = small.iter().filter(|number| **number < 1e-4).count();
        assert!((400..600).contains(&below), "{below}");
        assert!(small.iter().all(|number| (1e-6..=1e-2).contains(number)));
        let whole = numbers(&Distribution::Integer { min: -1, max: 1 }, 100);
        for number in [-1.0, 0.0, 1.0] {
            assert!(whole.contains(&number), "{number}");
        }
    }

    #[test]
    fn a_draw_has_few_digits_and_stays_in_its_range() {
        assert_eq!(rounded(0.123_456_789, 0.0, 1.0), 0.123_457);
        assert_eq!(rounded(0.999_999_99, 0.0, 0.999_999_9), 0.999_999_9);
        let (min, max) = (1_000_000.4, 1_000_003.4);
        assert_eq!(rounded(1_000_001.234_567_8, min, max), 1_000_001.234_57);
    }
}
