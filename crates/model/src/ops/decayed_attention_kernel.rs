//! The CPU kernel of attention with a decay in time: rows of sets, vectors over queries.

use std::ops::Range;

use super::cpu::{softmax_of_columns, vectorized};
use super::decayed_attention::Glances;
use pipeline_vector::product::{View, multiply};

/// The numbers of the three arguments.
pub struct Inputs<'a> {
    /// [sets, queries]
    pub scores: &'a [f32],
    /// [queries]
    pub rates: &'a [f32],
    /// [sets, width]
    pub values: &'a [f32],
}

/// Their gradients.
pub struct Gradients {
    /// [sets, queries]
    pub scores: Vec<f32>,
    /// [queries]
    pub rates: Vec<f32>,
    /// [sets, width]
    pub values: Vec<f32>,
}

impl Inputs<'_> {
    fn queries(&self) -> usize {
        self.rates.len()
    }

    fn width(&self, glances: &Glances) -> usize {
        let sets = glances.stay_starts.last().copied().unwrap_or_default();
        self.values.len() / sets.max(1)
    }

    /// Weights of `moment`, [sets of its past, queries], in `weights`.
    fn weigh(
        &self,
        glances: &Glances,
        moment: usize,
        weights: &mut Vec<f32>,
        scratch: &mut Vec<f32>,
    ) {
        let (past, queries) = (glances.past(moment), self.queries());
        let elapsed: Vec<f32> = past
            .clone()
            .map(|set| glances.elapsed(moment, set))
            .collect();
        weights.resize(past.len() * queries, 0.0);
        let scores = &self.scores[past.start * queries..past.end * queries];
        soften(scores, self.rates, &elapsed, weights, scratch);
    }
}

vectorized! {
    /// Softmax over rows of `scores` [sets, queries] less rates · elapsed, by column.
    fn soften(
        scores: &[f32],
        rates: &[f32],
        elapsed: &[f32],
        weights: &mut [f32],
        scratch: &mut Vec<f32>,
    ) -> () {
        let queries = rates.len();
        for ((row, score), since) in weights.chunks_exact_mut(queries).zip(scores.chunks_exact(queries)).zip(elapsed) {
            for query in 0..queries {
                row[query] = score[query] - rates[query] * since;
            }
        }
        softmax_of_columns(weights, queries, scratch);
    }
}

vectorized! {
    /// The softmax's backward pass: adds the gradients of the scores to `scores` and those of the rates to `rates`.
    fn soften_backward(
        weights: &[f32],
        grad_weights: &[f32],
        elapsed: &[f32],
        scores: &mut [f32],
        rates: &mut [f32],
        means: &mut [f32],
    ) -> () {
        let queries = rates.len();
        means.fill(0.0);
        for (row, grad) in weights.chunks_exact(queries).zip(grad_weights.chunks_exact(queries)) {
            for query in 0..queries {
                means[query] += row[query] * grad[query];
            }
        }
        let rows = weights.chunks_exact(queries).zip(grad_weights.chunks_exact(queries));
        for (((row, grad), score), since) in rows.zip(scores.chunks_exact_mut(queries)).zip(elapsed) {
            for query in 0..queries {
                let change = row[query] * (grad[query] - means[query]);
                score[query] += change;
                rates[query] -= change * since;
            }
        }
    }
}

/// A product over the values that some queries read: the queries' stride and number, and the values' columns.
struct Part {
    first_query: usize,
    stride: usize,
    queries: usize,
    columns: Range<usize>,
}

fn parts(glances: &Glances, queries: usize, width: usize) -> Vec<Part> {
    if glances.shared_values {
        return vec![Part {
            first_query: 0,
            stride: 1,
            queries,
            columns: 0..width,
        }];
    }
    let head_width = glances.head_width(width);
    let part = |head| Part {
        first_query: head,
        stride: glances.heads,
        queries: queries / glances.heads,
        columns: head * head_width..(head + 1) * head_width,
    };
    (0..glances.heads).map(part).collect()
}

impl Part {
    /// The weights of these queries, [queries, sets], in a matrix [sets, all queries].
    fn weights(&self, queries: usize) -> View {
        View {
            first: self.first_query,
            row_stride: self.stride,
            column_stride: queries,
        }
    }

    /// What these queries see from `moment`, [queries, columns], in [moments, all queries, columns].
    fn output(&self, moment: usize, queries: usize) -> View {
        let width = self.columns.len();
        View::rows(
            (moment * queries + self.first_query) * width,
            self.stride * width,
        )
    }

    /// The values that they read, [sets from `first`, columns], in [sets, width].
    fn values(&self, first: usize, width: usize) -> View {
        View::rows(first * width + self.columns.start, width)
    }
}

pub fn forward(glances: &Glances, inputs: &Inputs) -> Vec<f32> {
    let (queries, width) = (inputs.queries(), inputs.width(glances));
    let parts = parts(glances, queries, width);
    let mut output = vec![0f32; glances.moments.len() * queries * glances.head_width(width)];
    let (mut weights, mut scratch) = (Vec::new(), Vec::new());
    for moment in 0..glances.moments.len() {
        let past = glances.past(moment);
        inputs.weigh(glances, moment, &mut weights, &mut scratch);
        for part in &parts {
            multiply(
                [part.queries, part.columns.len(), past.len()],
                (&mut output, part.output(moment, queries)),
                (&weights, part.weights(queries)),
                (inputs.values, part.values(past.start, width)),
                true,
            );
        }
    }
    output
}

pub fn backward(glances: &Glances, inputs: &Inputs, grad_output: &[f32]) -> Gradients {
    let (queries, width) = (inputs.queries(), inputs.width(glances));
    let parts = parts(glances, queries, width);
    let mut gradients = Gradients {
        scores: vec![0f32; inputs.scores.len()],
        rates: vec![0f32; queries],
        values: vec![0f32; inputs.values.len()],
    };
    let (mut weights, mut scratch, mut grad_weights) = (Vec::new(), Vec::new(), Vec::new());
    for moment in 0..glances.moments.len() {
        let past = glances.past(moment);
        inputs.weigh(glances, moment, &mut weights, &mut scratch);
        grad_weights.resize(past.len() * queries, 0.0);
        for part in &parts {
            multiply(
                [past.len(), part.queries, part.columns.len()],
                (&mut grad_weights, part.weights(queries).transposed()),
                (inputs.values, part.values(past.start, width)),
                (grad_output, part.output(moment, queries).transposed()),
                true,
            );
            multiply(
                [past.len(), part.columns.len(), part.queries],
                (&mut gradients.values, part.values(past.start, width)),
                (&weights, part.weights(queries).transposed()),
                (grad_output, part.output(moment, queries)),
                false,
            );
        }
        let elapsed: Vec<f32> = past
            .clone()
            .map(|set| glances.elapsed(moment, set))
            .collect();
        let scores = &mut gradients.scores[past.start * queries..past.end * queries];
        soften_backward(
            &weights,
            &grad_weights,
            &elapsed,
            scores,
            &mut gradients.rates,
            &mut scratch[..queries],
        );
    }
    gradients
}
