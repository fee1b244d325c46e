//! The scale of numbers that are predicted: heads learn them as distances from their mean, in standard deviations.

use candle_core::Tensor;

use pipeline_checkpoint::FloatTensor;
use pipeline_data::target::Truth;
use pipeline_error::Error;
use pipeline_model::host::HostParameters;

/// How much of a standard deviation may be lost to rounding in the unit of the target.
const MOST_ROUNDED: f64 = 1e-3;
/// The largest mean and deviation of which a head's weights and scores stay far from the ends of 32-bit floats; the least
/// deviation is 1 over it.
const WIDEST: f64 = 1e30;
/// A 32-bit float is rounded by this share of itself at most.
const ROUNDING: f64 = 1.0 / (1 << 24) as f64;

/// Mean and standard deviation of what is true of the training stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberScale {
    mean: f64,
    deviation: f64,
}

impl NumberScale {
    /// That of `numbers`. Fails where they do not vary, and where their squares are beyond the range of 64-bit floats.
    pub fn of(numbers: &[f64]) -> Result<Self, Error> {
        // Not by the deviation: the mean of numbers that are all the same is rounded, and may lie beside them.
        if numbers.windows(2).all(|pair| pair[0] == pair[1]) {
            let number = numbers.first().map_or("unknown".into(), f64::to_string);
            return Err(Error::stage(format!(
                "the target is {number} for every training stay: there is nothing to learn"
            ))
            .with_hint("look at the column of the target, and at the split"));
        }
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        let deviation = (squares / count).sqrt();
        match deviation.is_finite() && deviation > 0.0 {
            true => Ok(Self { mean, deviation }),
            false => Err(Error::stage(format!(
                "the target has no standard deviation over the training stays, {:e} to {:e}: its squares are beyond \
                 the range of 64-bit floats",
                numbers.iter().copied().fold(f64::INFINITY, f64::min),
                numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            ))
            .with_hint("look for wrong numbers in the column of the target, or state it in another unit")),
        }
    }

    /// That of what is true of the training stays, where it is numbers.
    pub fn of_truth(truth: &Truth) -> Result<Option<Self>, Error> {
        match truth {
            Truth::Numbers(numbers) => Self::of(numbers).map(Some),
            Truth::Classes(_) | Truth::Labels { .. } => Ok(None),
        }
    }

    /// The same for a head, which says numbers in 32 bits and in their own unit. Fails where they would be rounded to a few
    /// different ones: where their mean is many standard deviations from 0. And where they are near the ends of the range.
    pub fn for_head(truth: &Truth) -> Result<Option<Self>, Error> {
        let scale = Self::of_truth(truth)?;
        match scale {
            Some(scale) if scale.deviation * WIDEST < 1.0 || scale.deviation.max(scale.mean.abs()) > WIDEST => {
                Err(Error::stage(format!(
                    "the target has mean {:e} and standard deviation {:e} over the training stays: a head says numbers in \
                     32 bits, whose range is too narrow for them",
                    scale.mean, scale.deviation
                ))
                .with_hint("state the target in another unit, or look for wrong numbers in its column"))
            }
            Some(scale) if scale.mean.abs() * ROUNDING > MOST_ROUNDED * scale.deviation => {
                Err(Error::stage(format!(
                    "the target has mean {:e} and standard deviation {:e} over the training stays: a head says numbers in \
                     32 bits, which are too coarse there to tell the stays apart",
                    scale.mean, scale.deviation
                ))
                .with_hint(
                    "subtract an offset in the column of the target: hours since admission, for instance, in place of a date",
                ))
            }
            scale => Ok(scale),
        }
    }

    /// What is learned of `truth`: of a scale its numbers in standard deviations, all else as it is.
    pub fn learned(scale: Option<&Self>, truth: &Truth) -> Truth {
        match (scale, truth) {
            (Some(scale), Truth::Numbers(numbers)) => {
                let numbers = numbers.iter().map(|number| scale.standard(*number));
                Truth::Numbers(numbers.collect())
            }
            _ => truth.clone(),
        }
    }

    /// A number in standard deviations from the mean.
    pub fn standard(&self, number: f64) -> f64 {
        (number - self.mean) / self.deviation
    }

    /// A number of standard deviations from the mean, in units.
    pub fn in_units(&self, standard: f64) -> f64 {
        self.mean + standard * self.deviation
    }

    /// Standard deviations from the mean, in units.
    pub fn tensor_in_units(&self, standard: &Tensor) -> Result<Tensor, Error> {
        Ok(standard.affine(self.deviation, self.mean)?)
    }

    /// Makes a head's output layer, `[weight, bias]`, that gives units give standard deviations.
    pub fn layer_to_standard(&self, parameters: &mut HostParameters, layer: [&str; 2]) {
        change(parameters, layer[0], |weight| weight / self.deviation);
        change(parameters, layer[1], |bias| self.standard(bias));
    }

    /// Makes one that gives standard deviations give units.
    pub fn layer_in_units(&self, parameters: &mut HostParameters, layer: [&str; 2]) {
        change(parameters, layer[0], |weight| weight * self.deviation);
        change(parameters, layer[1], |bias| self.in_units(bias));
    }
}

fn change(parameters: &mut HostParameters, name: &str, by: impl Fn(f64) -> f64) {
    if let Some(FloatTensor { values, .. }) = parameters.get_mut(name) {
        let changed = values.iter().map(|value| by(f64::from(*value)) as f32);
        *values = changed.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_layers_come_back() {
        let scale = NumberScale::of(&[1.0, 3.0]).unwrap();
        assert_eq!((scale.standard(3.0), scale.in_units(-1.0)), (1.0, 1.0));
        let layer = ["w", "b"];
        let tensor = |values: Vec<f32>| FloatTensor {
            shape: vec![values.len()],
            values,
        };
        let before = HostParameters::from([
            ("w".into(), tensor(vec![0.5, -2.0])),
            ("b".into(), tensor(vec![4.0])),
        ]);
        let mut parameters = before.clone();
        let scale = NumberScale::of(&[10.0, 14.0]).unwrap();
        scale.layer_to_standard(&mut parameters, layer);
        assert_eq!(parameters["b"].values, [-4.0]);
        scale.layer_in_units(&mut parameters, layer);
        assert_eq!(parameters["w"].values, before["w"].values);
        assert_eq!(parameters["b"].values, before["b"].values);
    }

    #[test]
    fn numbers_beyond_floats_are_not_called_the_same() {
        for (numbers, shown) in [
            ([-3.66e300, 1e300], "-3.66e300 to 1e300"),
            ([0.0, 1e-200], "0e0 to 1e-200"),
        ] {
            let error = NumberScale::of(&numbers).unwrap_err();
            assert!(error.to_string().contains(shown), "{error}");
        }
    }

    /// Numbers one deviation from a mean: of 16,777 deviations a thousandth of one is rounded away.
    #[test]
    fn a_head_refuses_numbers_that_32_bits_do_not_tell_apart() {
        let around = |mean: f64| Truth::Numbers(vec![mean - 1.0, mean + 1.0]);
        for mean in [16_777.0, -16_777.0, 0.0] {
            assert!(NumberScale::for_head(&around(mean)).unwrap().is_some());
        }
        for mean in [16_778.0, -16_778.0, 1e9] {
            assert!(NumberScale::of_truth(&around(mean)).is_ok());
            let error = NumberScale::for_head(&around(mean)).unwrap_err();
            let named = format!("mean {mean:e} and standard deviation 1e0");
            assert!(error.to_string().contains(&named), "{error}");
            assert!(error.hint().unwrap().contains("offset"));
        }
        for unit in [1e-31, 1e31] {
            let numbers = Truth::Numbers(vec![0.0, 2.0 * unit]);
            let error = NumberScale::for_head(&numbers).unwrap_err();
            assert!(error.to_string().contains("range is too narrow"), "{error}");
        }
        let classes = Truth::Classes(vec![0, 1]);
        assert_eq!(NumberScale::for_head(&classes).unwrap(), None);
    }

    #[test]
    fn numbers_that_are_all_the_same_are_refused() {
        for (number, shown) in [(7.0, "is 7 for every"), (0.1, "is 0.1 for every")] {
            let error = NumberScale::of(&[number; 24]).unwrap_err();
            assert!(error.to_string().contains(shown), "{error}");
        }
    }
}
