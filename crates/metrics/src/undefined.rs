use std::fmt::{self, Display};

/// Why a metric has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undefined {
    /// There is nothing to measure.
    NoStays,
    /// A comparison of classes needs both.
    OneClass,
    /// A share of the positives needs one.
    NoPositives,
    /// A share of the negatives needs one.
    NoNegatives,
    /// A share of those predicted positive needs one.
    NonePredictedPositive,
    /// A share of those predicted negative needs one.
    NonePredictedNegative,
    /// No curve can be fitted to a single score.
    ConstantScores,
    /// What is the same of all stays has no variance to explain.
    ConstantOutcome,
    /// A logistic curve becomes a step: it has no finite slope.
    Separated,
    /// The lower scores are those of the positives, so that no temperature helps.
    Reversed,
    /// Newton's method found no optimum.
    NotConverged,
    /// A sum or a square of the numbers is no finite 64-bit float, or too small for one.
    OutOfRange,
    /// The rule of an operating point is met by no threshold.
    Unreachable,
}

impl Undefined {
    /// The reason, in words.
    pub fn reason(self) -> &'static str {
        match self {
            Undefined::NoStays => "no stays",
            Undefined::OneClass => "only one class",
            Undefined::NoPositives => "no stay of the positive class",
            Undefined::NoNegatives => "no stay of the negative class",
            Undefined::NonePredictedPositive => "no stay is predicted positive",
            Undefined::NonePredictedNegative => "no stay is predicted negative",
            Undefined::ConstantScores => "all stays have the same score",
            Undefined::ConstantOutcome => "all stays have the same outcome",
            Undefined::Separated => "a score separates the classes, so that no slope is finite",
            Undefined::Reversed => "the scores rank the classes the wrong way round",
            Undefined::NotConverged => "Newton's method found no optimum",
            Undefined::OutOfRange => "the numbers are beyond the range of 64-bit floats",
            Undefined::Unreachable => "no threshold reaches the target",
        }
    }
}

impl Display for Undefined {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

/// The number, if it is one.
pub(super) fn finite(number: f64) -> Result<f64, Undefined> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err(Undefined::OutOfRange)
    }
}

/// `part` of `whole`, or why there is no such share.
pub(super) fn share(part: f64, whole: f64, otherwise: Undefined) -> Result<f64, Undefined> {
    if whole > 0.0 {
        Ok(part / whole)
    } else {
        Err(otherwise)
    }
}
