//! An axis as the library draws it.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;

use super::axis::{Axis, Scale};

/// The library's own axis of numbers, with round labels where places mean logarithms.
pub struct DrawnAxis<'a> {
    axis: &'a Axis,
    numbers: RangedCoordf64,
}

impl<'a> DrawnAxis<'a> {
    pub fn new(axis: &'a Axis) -> Self {
        Self {
            axis,
            numbers: axis.range.clone().into(),
        }
    }
}

impl Ranged for DrawnAxis<'_> {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.numbers.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match self.axis.scale {
            Scale::Logarithmic => self.axis.round_logarithms(),
            _ => self.numbers.key_points(hint),
        }
    }

    fn range(&self) -> Range<f64> {
        self.numbers.range()
    }
}
