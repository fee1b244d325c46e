//! Holds a device against the CPU: every operation with its gradients, the reference's numbers, a small training.
//!
//! On the CPU itself, the operations' composed forms are held against their kernels.

mod golden;
mod operations;
mod training;

use candle_core::{Device, Tensor};
use serde::Serialize;

use pipeline_error::Error;

/// One comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What was compared.
    pub name: String,
    /// Its form, or the run that it comes from.
    pub form: &'static str,
    /// The largest difference, over the largest of the numbers that it is compared with.
    pub worst: f64,
    /// How large it may be.
    pub tolerance: f64,
}

impl Check {
    /// Whether the difference is as small as it must be; NaN is not.
    pub fn passed(&self) -> bool {
        self.worst <= self.tolerance
    }
}

/// Every comparison on `device`, in a fixed order.
///
/// Fails where an operation cannot run at all.
pub fn run(device: &Device) -> Result<Vec<Check>, Error> {
    let mut checks = operations::checks(device)?;
    checks.extend(golden::checks(device)?);
    checks.extend(training::checks(device)?);
    Ok(checks)
}

/// The larger of two differences, where NaN is the largest of all.
fn larger(one: f64, other: f64) -> f64 {
    match one.is_nan() || other.is_nan() {
        true => f64::NAN,
        false => one.max(other),
    }
}

/// The largest difference of `ours` from `theirs`, over the largest number of `theirs`, at least `floor`.
fn worst(ours: &Tensor, theirs: &Tensor, floor: f32) -> Result<f64, Error> {
    let read = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
    let (ours, theirs) = (read(ours)?, read(theirs)?);
    if ours.len() != theirs.len() {
        return Ok(f64::INFINITY);
    }
    let largest = theirs.iter().fold(floor, |most, x| most.max(x.abs()));
    let apart = ours.iter().zip(&theirs);
    let apart = apart.map(|(a, b)| f64::from(a - b).abs());
    Ok(apart.fold(0.0, larger) / f64::from(largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_nan_or_apart_is_seen() -> Result<(), Error> {
        let tensor = |numbers: [f32; 2]| Tensor::new(&numbers, &Device::Cpu);
        let good = tensor([2.0, -4.0])?;
        assert_eq!(worst(&tensor([2.0, -5.0])?, &good, 1.0)?, 0.25);
        assert!(worst(&tensor([f32::NAN, -4.0])?, &good, 1.0)?.is_nan());
        assert!(worst(&Tensor::new(&[2f32], &Device::Cpu)?, &good, 1.0)?.is_infinite());
        Ok(())
    }
}
