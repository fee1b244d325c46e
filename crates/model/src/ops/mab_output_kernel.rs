//! The CPU kernel of [`super::mab_output`]: blocks of rows pass through all its layers while they lie in a core's cache.

use super::cpu::{add_rows, vectorized};
use super::gelu;
use super::layer_norm::{self, EPS_OF_LAYERS as EPS};
use pipeline_vector::product::{View, multiply};

/// Rows of a block: its widest activations stay in the second-level cache beside a panel of weights. Sums over rows
/// go block by block, so that it fixes their order.
const BLOCK: usize = 64;

/// The widths of a MAB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// Of a row, before and after.
    pub row: usize,
    /// Between the two layers of FF.
    pub hidden: usize,
}

impl Widths {
    /// How many numbers each parameter has, in the order in which they are packed.
    pub fn counts(self) -> [usize; 10] {
        let Self { row, hidden } = self;
        let (square, long) = (row * row, row * hidden);
        [square, row, row, row, long, hidden, long, row, row, row]
    }

    /// The parameters that are packed.
    pub fn split(self, packed: &[f32]) -> [&[f32]; 10] {
        let mut rest = packed;
        self.counts().map(|count| {
            let (part, later) = rest.split_at(count);
            rest = later;
            part
        })
    }

    fn split_mut(self, packed: &mut [f32]) -> [&mut [f32]; 10] {
        let mut rest = packed;
        self.counts().map(|count| {
            let (part, later) = std::mem::take(&mut rest).split_at_mut(count);
            rest = later;
            part
        })
    }
}

/// `matrix` [rows, columns] with rows for columns: a product of few rows with a weight that lies this way is twice as fast.
fn transpose(matrix: &[f32], columns: usize) -> Vec<f32> {
    /// Numbers of a side of what is turned at once, a line of the cache.
    const TILE: usize = 16;
    let rows = matrix.len() / columns;
    let mut transposed = vec![0f32; matrix.len()];
    for first_row in (0..rows).step_by(TILE) {
        for first_column in (0..columns).step_by(TILE) {
            for row in first_row..rows.min(first_row + TILE) {
                for column in first_column..columns.min(first_column + TILE) {
                    transposed[column * rows + row] = matrix[row * columns + column];
                }
            }
        }
    }
    transposed
}

/// The weights of the projection and of both layers of FF, as [`transpose`] turns them.
#[derive(Debug)]
pub struct Transposed([Vec<f32>; 3]);

impl Transposed {
    /// Those of the parameters.
    pub fn of(parameters: [&[f32]; 10], widths: Widths) -> Self {
        let Widths { row, hidden } = widths;
        Self([
            transpose(parameters[0], row),
            transpose(parameters[4], row),
            transpose(parameters[6], hidden),
        ])
    }
}

/// What the backward pass needs of the forward pass, [rows, ·] each.
#[derive(Debug, Default)]
pub struct Activations {
    /// Behind the projection.
    projected: Vec<f32>,
    /// Before GELU.
    hidden: Vec<f32>,
    /// Before the last norm.
    fed: Vec<f32>,
}

impl Activations {
    fn with_capacity(rows: usize, widths: Widths) -> Self {
        Self {
            projected: Vec::with_capacity(rows * widths.row),
            hidden: Vec::with_capacity(rows * widths.hidden),
            fed: Vec::with_capacity(rows * widths.row),
        }
    }

    fn clear(&mut self) {
        self.projected.clear();
        self.hidden.clear();
        self.fed.clear();
    }
}

/// `rows` [rows, inputs] · `weight` [inputs, outputs] + `bias`, appended to `y`; returns what was appended.
fn append_linear<'y>(
    y: &'y mut Vec<f32>,
    rows: &[f32],
    inputs: usize,
    weight: &[f32],
    bias: &[f32],
) -> &'y [f32] {
    let (count, outputs, before) = (rows.len() / inputs, bias.len(), y.len());
    for _ in 0..count {
        y.extend_from_slice(bias);
    }
    multiply(
        [count, outputs, inputs],
        (&mut y[before..], View::rows(0, outputs)),
        (rows, View::rows(0, inputs)),
        (weight, View::rows(0, outputs)),
        false,
    );
    &y[before..]
}

/// `x` [rows, row] → the same shape, and the activations if `keep`.
pub fn forward(
    x: &[f32],
    parameters: [&[f32]; 10],
    Transposed([out_proj, ff_in, ff_out]): &Transposed,
    widths: Widths,
    keep: bool,
) -> (Vec<f32>, Activations) {
    let Widths { row, hidden } = widths;
    let [
        _,
        out_bias,
        ln1,
        ln1_bias,
        _,
        in_bias,
        _,
        fed_bias,
        ln2,
        ln2_bias,
    ] = parameters;
    let kept = if keep { x.len() / row } else { BLOCK };
    let mut kept = Activations::with_capacity(kept, widths);
    let mut y = Vec::with_capacity(x.len());
    let (mut normal, mut activated) = (vec![0f32; BLOCK * row], vec![0f32; BLOCK * hidden]);
    for x in x.chunks(BLOCK * row) {
        if !keep {
            kept.clear();
        }
        let rows = x.len() / row;
        let projected = append_linear(&mut kept.projected, x, row, out_proj, out_bias);
        let normal = &mut normal[..rows * row];
        layer_norm::normalise(projected, ln1, ln1_bias, EPS, normal);
        let before = append_linear(&mut kept.hidden, normal, row, ff_in, in_bias);
        let activated = &mut activated[..rows * hidden];
        gelu::activate(before, activated);
        let fed = append_linear(&mut kept.fed, activated, hidden, ff_out, fed_bias);
        let done = y.len();
        y.resize(done + x.len(), 0.0);
        layer_norm::normalise(fed, ln2, ln2_bias, EPS, &mut y[done..]);
    }
    (y, if keep { kept } else { Activations::default() })
}

vectorized! {
    fn scale_each(values: &mut [f32], factors: &[f32]) -> () {
        for (value, factor) in values.iter_mut().zip(factors) {
            *value *= factor;
        }
    }
}

/// Adds `grad`ᵀ [outputs, rows] · `x` [rows, inputs] to `weight`, and the rows of `grad` to `bias`.
fn add_weight_gradient(weight: &mut [f32], bias: &mut [f32], grad: &[f32], x: &[f32]) {
    let outputs = bias.len();
    let (rows, inputs) = (grad.len() / outputs, weight.len() / outputs);
    multiply(
        [outputs, inputs, rows],
        (weight, View::rows(0, inputs)),
        (grad, View::rows(0, outputs).transposed()),
        (x, View::rows(0, inputs)),
        false,
    );
    add_rows(bias, grad);
}

/// `grad` [rows, outputs] · `weight` [outputs, inputs] → `grad_x` [rows, inputs].
fn input_gradient(grad_x: &mut [f32], grad: &[f32], weight: &[f32], outputs: usize) {
    let (rows, inputs) = (grad.len() / outputs, weight.len() / outputs);
    multiply(
        [rows, inputs, outputs],
        (grad_x, View::rows(0, inputs)),
        (grad, View::rows(0, outputs)),
        (weight, View::rows(0, inputs)),
        true,
    );
}

/// Gradients of `x` and of the packed parameters from the output's, `grad` [rows, row].
pub fn backward(
    x: &[f32],
    packed: &[f32],
    activations: &Activations,
    grad: &[f32],
    widths: Widths,
) -> (Vec<f32>, Vec<f32>) {
    let Widths { row, hidden } = widths;
    let [out_proj, _, ln1, ln1_bias, ff_in, _, ff_out, _, ln2, _] = widths.split(packed);
    let mut grad_packed = vec![0f32; packed.len()];
    let [
        grad_out_proj,
        grad_out_bias,
        grad_ln1,
        grad_ln1_bias,
        grad_ff_in,
        grad_in_bias,
        grad_ff_out,
        grad_fed_bias,
        grad_ln2,
        grad_ln2_bias,
    ] = widths.split_mut(&mut grad_packed);
    let mut grad_x = Vec::with_capacity(x.len());
    let scratch = || (vec![0f32; BLOCK * row], vec![0f32; BLOCK * hidden]);
    let ((mut normal, mut activated), (mut grad_row, mut slope)) = (scratch(), scratch());
    let (mut grad_before, mut grad_hidden) = scratch();
    let blocks = (x.chunks(BLOCK * row).zip(grad.chunks(BLOCK * row)))
        .zip(activations.projected.chunks(BLOCK * row))
        .zip(activations.hidden.chunks(BLOCK * hidden))
        .zip(activations.fed.chunks(BLOCK * row));
    for ((((x, grad), projected), before), fed) in blocks {
        let (wide, long) = (x.len(), before.len());
        let (normal, grad_row) = (&mut normal[..wide], &mut grad_row[..wide]);
        let (activated, slope) = (&mut activated[..long], &mut slope[..long]);
        let (grad_before, grad_hidden) = (&mut grad_before[..wide], &mut grad_hidden[..long]);
        let sums = (&mut *grad_ln2, &mut *grad_ln2_bias);
        layer_norm::add_gradients(fed, ln2, grad, EPS, grad_row, sums);
        gelu::activate_with_slope(before, activated, slope);
        add_weight_gradient(grad_ff_out, grad_fed_bias, grad_row, activated);
        input_gradient(grad_hidden, grad_row, ff_out, row);
        scale_each(grad_hidden, slope);
        layer_norm::normalise(projected, ln1, ln1_bias, EPS, normal);
        add_weight_gradient(grad_ff_in, grad_in_bias, grad_hidden, normal);
        input_gradient(grad_row, grad_hidden, ff_in, hidden);
        let sums = (&mut *grad_ln1, &mut *grad_ln1_bias);
        layer_norm::add_gradients(projected, ln1, grad_row, EPS, grad_before, sums);
        add_weight_gradient(grad_out_proj, grad_out_bias, grad_before, x);
        let done = grad_x.len();
        grad_x.resize(done + wide, 0.0);
        input_gradient(&mut grad_x[done..], grad_before, out_proj, row);
    }
    (grad_x, grad_packed)
}
