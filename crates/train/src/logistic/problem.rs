use rayon::prelude::*;

use super::outcomes::Outcomes;

/// Rows summed by themselves before sums are added in order: a constant, so that no result depends on the number of
/// threads.
const SHARD_ROWS: usize = 256;
/// Rows that are multiplied with the same coefficients at a time.
const BLOCK_ROWS: usize = 4;
/// Sums that a product keeps side by side, column after column in turn: its order of summation.
const LANES: usize = 4;
/// Columns whose means are taken at a time.
const BLOCK_COLUMNS: usize = 64;
/// A column whose standard deviation is a smaller share of its mean says nothing that survives rounding to `f32`.
const LEAST_SPREAD: f64 = 1e-5;

/// A number that features are stored as.
pub trait Number: Copy + Sync + Into<f64> {}

impl Number for f32 {}
impl Number for f64 {}

/// How columns are standardised: (number − mean) · scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// Means of the columns.
    pub means: Vec<f64>,
    /// One over their standard deviations; 0 for columns that do not vary.
    pub scales: Vec<f64>,
}

impl Scaling {
    /// Columns as they are.
    pub fn none(width: usize) -> Self {
        Self {
            means: vec![0.0; width],
            scales: vec![1.0; width],
        }
    }

    /// By mean and standard deviation (of all rows, not of a sample) of `values`, row-major [rows, width].
    pub fn of<T: Number>(values: &[T], width: usize) -> Self {
        let blocks: Vec<Vec<(f64, f64)>> = (0..width)
            .into_par_iter()
            .step_by(BLOCK_COLUMNS)
            .map(|first| {
                let columns = first..width.min(first + BLOCK_COLUMNS);
                block_scaling(values, width, columns)
            })
            .collect();
        let (means, scales) = blocks.into_iter().flatten().unzip();
        Self { means, scales }
    }

    /// By the same means, and not by deviations; columns that do not vary still count for nothing.
    pub fn centred(&self) -> Self {
        let scale = |scale: &f64| f64::from(u8::from(*scale != 0.0));
        Self {
            means: self.means.clone(),
            scales: self.scales.iter().map(scale).collect(),
        }
    }

    /// Columns that do not vary.
    pub fn constants(&self) -> usize {
        self.scales.iter().filter(|scale| **scale == 0.0).count()
    }
}

/// Mean and scale of some columns.
fn block_scaling<T: Number>(
    values: &[T],
    width: usize,
    columns: std::ops::Range<usize>,
) -> Vec<(f64, f64)> {
    let count = (values.len() / width) as f64;
    let rows = || values.chunks_exact(width).map(|row| &row[columns.clone()]);
    let mut means = vec![0.0; columns.len()];
    for row in rows() {
        for (sum, number) in means.iter_mut().zip(row) {
            *sum += (*number).into();
        }
    }
    means.iter_mut().for_each(|sum| *sum /= count);
    let mut squares = vec![0.0; columns.len()];
    for row in rows() {
        for ((sum, mean), number) in squares.iter_mut().zip(&means).zip(row) {
            *sum += ((*number).into() - mean).powi(2);
        }
    }
    let scaling = means.into_iter().zip(squares).map(|(mean, square)| {
        let deviation = (square / count).sqrt();
        match deviation > LEAST_SPREAD * mean.abs() {
            true => (mean, 1.0 / deviation),
            false => (mean, 0.0),
        }
    });
    scaling.collect()
}

/// Rows, what is true of them, and how they are looked at.
pub struct Problem<'a, T> {
    /// Row-major [rows, width].
    pub values: &'a [T],
    /// Numbers in a row.
    pub width: usize,
    /// What is true of every row.
    pub outcomes: Outcomes<'a>,
    /// How columns are standardised.
    pub scaling: Scaling,
}

/// Coefficients of columns as they are, not standardised.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// One of every output.
    pub intercepts: Vec<f64>,
    /// Row-major [outputs, width].
    pub coefficients: Vec<f64>,
}

impl Linear {
    /// The outputs of rows of `width` numbers, row-major [rows, outputs].
    pub fn outputs<T: Number>(&self, values: &[T], width: usize) -> Vec<f64> {
        let shards = values.par_chunks((SHARD_ROWS * width).max(1));
        let outputs = shards.map(|shard| {
            let mut outputs = Vec::with_capacity(shard.len() / width.max(1));
            let mut blocks = shard.chunks_exact(BLOCK_ROWS * width);
            for block in &mut blocks {
                outputs.extend(self.of_block::<T, BLOCK_ROWS>(block, width).concat());
            }
            for row in blocks.remainder().chunks_exact(width) {
                outputs.extend(self.of_block::<T, 1>(row, width).concat());
            }
            outputs
        });
        outputs.collect::<Vec<_>>().concat()
    }

    /// The outputs of `ROWS` rows.
    fn of_block<T: Number, const ROWS: usize>(
        &self,
        block: &[T],
        width: usize,
    ) -> [Vec<f64>; ROWS] {
        let rows: [&[T]; ROWS] = std::array::from_fn(|row| &block[row * width..][..width]);
        let mut outputs = [(); ROWS].map(|()| Vec::with_capacity(self.intercepts.len()));
        let coefficients = self.coefficients.chunks_exact(width);
        for (intercept, coefficients) in self.intercepts.iter().zip(coefficients) {
            let products = dots(coefficients, rows);
            for (outputs, product) in outputs.iter_mut().zip(products) {
                outputs.push(intercept + product);
            }
        }
        outputs
    }
}

/// Products of the same coefficients with several rows.
fn dots<T: Number, const ROWS: usize>(coefficients: &[f64], rows: [&[T]; ROWS]) -> [f64; ROWS] {
    let mut sums = [[0.0; LANES]; ROWS];
    let (whole, rest) = coefficients.as_chunks::<LANES>();
    for (at, coefficients) in whole.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(&rows) {
            let numbers = &row[at * LANES..][..LANES];
            for lane in 0..LANES {
                sums[lane] += coefficients[lane] * numbers[lane].into();
            }
        }
    }
    for (lane, coefficient) in rest.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(&rows) {
            sums[lane] += coefficient * row[whole.len() * LANES + lane].into();
        }
    }
    sums.map(|sums| (sums[0] + sums[1]) + (sums[2] + sums[3]))
}

/// Adds rows, each times its share.
fn add_rows<T: Number, const ROWS: usize>(to: &mut [f64], shares: [f64; ROWS], rows: [&[T]; ROWS]) {
    for (at, sum) in to.iter_mut().enumerate() {
        for (share, row) in shares.iter().zip(&rows) {
            *sum += share * row[at].into();
        }
    }
}

/// The loss of some rows, and its gradient by outputs' intercepts and coefficients of columns as they are.
struct Sums {
    loss: f64,
    intercepts: Vec<f64>,
    coefficients: Vec<f64>,
}

impl Sums {
    fn none(outputs: usize, width: usize) -> Self {
        Self {
            loss: 0.0,
            intercepts: vec![0.0; outputs],
            coefficients: vec![0.0; outputs * width],
        }
    }

    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        let own = [&mut self.intercepts, &mut self.coefficients];
        for (own, other) in own
            .into_iter()
            .zip([&other.intercepts, &other.coefficients])
        {
            own.iter_mut()
                .zip(other)
                .for_each(|(sum, number)| *sum += number);
        }
    }
}

impl<T: Number> Problem<'_, T> {
    /// Numbers that a row is told apart by.
    pub fn outputs(&self) -> usize {
        self.outcomes.outputs()
    }

    /// Coefficients of columns as they are that give the outputs of `at`: intercepts, then coefficients of standardised
    /// columns, row-major [outputs, width].
    pub fn unscaled(&self, at: &[f64]) -> Linear {
        let (intercepts, standardised) = at.split_at(self.outputs());
        let mut linear = Linear {
            intercepts: intercepts.to_vec(),
            coefficients: standardised.to_vec(),
        };
        let outputs = linear.coefficients.chunks_mut(self.width.max(1));
        for (intercept, coefficients) in linear.intercepts.iter_mut().zip(outputs) {
            let scaling = self.scaling.scales.iter().zip(&self.scaling.means);
            for (coefficient, (scale, mean)) in coefficients.iter_mut().zip(scaling) {
                *coefficient *= scale;
                *intercept -= *coefficient * mean;
            }
        }
        linear
    }

    /// The summed loss at `at`, and its gradient.
    pub fn summed_loss(&self, at: &[f64]) -> (f64, Vec<f64>) {
        let linear = self.unscaled(at);
        let shards = self
            .values
            .par_chunks((SHARD_ROWS * self.width).max(1))
            .enumerate();
        let shards: Vec<Sums> = shards
            .map(|(shard, values)| self.of_shard(&linear, values, shard * SHARD_ROWS))
            .collect();
        let mut total = Sums::none(self.outputs(), self.width);
        shards.iter().for_each(|shard| total.add(shard));
        let mut gradient = total.intercepts;
        for output in 0..self.outputs() {
            let coefficients = &total.coefficients[output * self.width..][..self.width];
            let scaling = self.scaling.scales.iter().zip(&self.scaling.means);
            let intercept = gradient[output];
            let slopes = coefficients.iter().zip(scaling);
            gradient
                .extend(slopes.map(|(slope, (scale, mean))| (slope - mean * intercept) * scale));
        }
        (total.loss, gradient)
    }

    /// `first` is the number of the first row.
    fn of_shard(&self, linear: &Linear, values: &[T], first: usize) -> Sums {
        let mut sums = Sums::none(self.outputs(), self.width);
        let mut blocks = values.chunks_exact(BLOCK_ROWS * self.width);
        let mut next = first;
        for block in &mut blocks {
            self.of_block::<BLOCK_ROWS>(linear, block, next, &mut sums);
            next += BLOCK_ROWS;
        }
        for (row, values) in blocks.remainder().chunks_exact(self.width).enumerate() {
            self.of_block::<1>(linear, values, next + row, &mut sums);
        }
        sums
    }

    fn of_block<const ROWS: usize>(
        &self,
        linear: &Linear,
        block: &[T],
        first: usize,
        sums: &mut Sums,
    ) {
        let mut slopes = linear.of_block::<T, ROWS>(block, self.width);
        for (row, outputs) in slopes.iter_mut().enumerate() {
            sums.loss += self.outcomes.loss_and_slopes(outputs, first + row);
        }
        let rows = std::array::from_fn(|row| &block[row * self.width..][..self.width]);
        let coefficients = sums.coefficients.chunks_exact_mut(self.width);
        let outputs = sums.intercepts.iter_mut().zip(coefficients).enumerate();
        for (output, (intercept, coefficients)) in outputs {
            let shares: [f64; ROWS] = slopes.each_ref().map(|slopes| slopes[output]);
            shares.iter().for_each(|share| *intercept += share);
            add_rows(coefficients, shares, rows);
        }
    }
}
