//! The CPU kernel of segment attention, forward and backward.
//!
//! The weights are computed again in the backward pass rather than stored: for sets of a few
//! events that is cheaper than the memory.

use super::attention_pattern::{Attention, Segment};
use super::cpu::{
    BLOCK, add_scaled, add_weighted_rows, dot, softmax, vectorized, with_constant_head,
};

/// Where the numbers of a head lie in rows of queries and keys.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// Numbers of a query row, and of an output row.
    query: usize,
    /// Numbers of a key row.
    key: usize,
    /// Numbers of a head.
    head: usize,
    /// From a head's keys to those of the next.
    next_head: usize,
    /// From a key to its value.
    value: usize,
}

impl Rows {
    /// Queries [·, width], keys and values side by side [·, 2·width], each head with its part of both.
    pub fn of_heads(width: usize, heads: usize) -> Self {
        Self {
            query: width,
            key: 2 * width,
            head: width / heads,
            next_head: width / heads,
            value: width,
        }
    }

    /// Queries [·, heads · width], and keys [·, width] that are their own values, the same for all heads.
    pub fn of_shared_keys(width: usize, heads: usize) -> Self {
        Self {
            query: heads * width,
            key: width,
            head: width,
            next_head: 0,
            value: 0,
        }
    }

    #[inline(always)]
    fn with_head(self, head: usize) -> Self {
        Self { head, ..self }
    }
}

/// One query row of one segment.
struct Query {
    /// Its row in the output.
    row: usize,
    /// Offset of its numbers in q.
    start: usize,
    /// Offset of its segment's first key in kv.
    first_key: usize,
    /// Keys it sees.
    seen: usize,
}

/// Query rows of all segments, in the order of the output's rows.
fn queries(attention: &Attention, numbers: Rows) -> impl Iterator<Item = Query> + '_ {
    let rows = attention
        .segments
        .iter()
        .flat_map(move |segment: &Segment| {
            (0..segment.queries).map(move |query| Query {
                row: 0,
                start: (segment.query_start + query) * numbers.query,
                first_key: segment.key_start * numbers.key,
                seen: attention.visible_keys(segment, query),
            })
        });
    rows.enumerate().map(|(row, query)| Query { row, ..query })
}

/// What is computed of one query and head: one number a key that it sees, padded to a multiple of [`BLOCK`].
#[derive(Default)]
struct Pairs {
    seen: usize,
    weights: Vec<f32>,
    /// Of dropout.
    factors: Vec<f32>,
    slopes: Vec<f32>,
}

impl Pairs {
    #[inline(always)]
    fn resize(&mut self, seen: usize) {
        if self.seen != seen {
            self.seen = seen;
            let padded = seen.next_multiple_of(BLOCK);
            self.weights.resize(padded, 0.0);
            self.factors.resize(padded, 1.0);
            self.slopes.resize(padded, 0.0);
        }
    }

    /// The softmax weights; keys lie `stride` numbers apart. `bias`, of as many numbers or none, is added to the scores.
    #[inline(always)]
    fn weigh(&mut self, query: &[f32], keys: &[f32], stride: usize, scale: f32, bias: &[f32]) {
        for (key, weight) in self.weights[..self.seen].iter_mut().enumerate() {
            *weight = dot(query, &keys[key * stride..][..query.len()]) * scale;
        }
        for (weight, bias) in self.weights.iter_mut().zip(bias) {
            *weight += bias;
        }
        softmax(&mut self.weights, self.seen);
    }

    /// The factors of dropout; without it all are 1.
    #[inline(always)]
    fn draw(&mut self, attention: &Attention, row: usize, head: usize) {
        let Some(dropout) = attention.dropout else {
            return;
        };
        let blocks = self.factors.as_chunks_mut::<BLOCK>().0;
        for (block, factors) in blocks.iter_mut().enumerate() {
            for (lane, factor) in factors.iter_mut().enumerate() {
                *factor = dropout.factor(row, head, block * BLOCK + lane);
            }
        }
    }
}

vectorized! {
    /// `q` and `kv` as `numbers` says, `bias` [pairs] or nothing → output rows as wide as the queries'.
    pub fn forward(
        attention: &Attention,
        numbers: Rows,
        q: &[f32],
        kv: &[f32],
        bias: &[f32],
    ) -> Vec<f32> {
        with_constant_head!(numbers, forward_of(attention, numbers, q, kv, bias))
    }
}

#[inline(always)]
fn forward_of(
    attention: &Attention,
    numbers: Rows,
    q: &[f32],
    kv: &[f32],
    bias: &[f32],
) -> Vec<f32> {
    let mut bias = bias;
    let Rows {
        query: width,
        key: stride,
        head: size,
        next_head,
        value,
    } = numbers;
    let mut output = vec![0f32; attention.output_rows() * width];
    let mut pairs = Pairs::default();
    for (query, out) in queries(attention, numbers).zip(output.chunks_exact_mut(width)) {
        let keys = &kv[query.first_key..];
        pairs.resize(query.seen);
        let (own_bias, later_bias) = bias.split_at(query.seen.min(bias.len()));
        bias = later_bias;
        for head in 0..attention.heads {
            let part = head * size;
            let q_head = &q[query.start + part..][..size];
            let keys_head = &keys[head * next_head..];
            pairs.weigh(q_head, keys_head, stride, attention.scale, own_bias);
            pairs.draw(attention, query.row, head);
            let out_head = &mut out[part..][..size];
            let Pairs {
                weights, factors, ..
            } = &mut pairs;
            for (weight, factor) in weights.iter_mut().zip(factors) {
                *weight *= *factor;
            }
            let weights = &weights[..query.seen];
            add_weighted_rows(out_head, weights, &keys_head[value..], stride);
        }
    }
    output
}

vectorized! {
    /// Gradients of `q`, `kv` and `bias` from the output's gradient `grad`.
    pub fn backward(
        attention: &Attention,
        numbers: Rows,
        q: &[f32],
        kv: &[f32],
        bias: &[f32],
        grad: &[f32],
    ) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        with_constant_head!(numbers, backward_of(attention, numbers, q, kv, bias, grad))
    }
}

#[inline(always)]
fn backward_of(
    attention: &Attention,
    numbers: Rows,
    q: &[f32],
    kv: &[f32],
    bias: &[f32],
    grad: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let mut grad_bias = vec![0f32; bias.len()];
    let mut first_pair = 0;
    let Rows {
        query: width,
        key: stride,
        head: size,
        next_head,
        value,
    } = numbers;
    let (mut grad_q, mut grad_kv) = (vec![0f32; q.len()], vec![0f32; kv.len()]);
    let mut pairs = Pairs::default();
    for (query, grad_row) in queries(attention, numbers).zip(grad.chunks_exact(width)) {
        let keys = &kv[query.first_key..];
        let grad_keys = &mut grad_kv[query.first_key..];
        pairs.resize(query.seen);
        let of_bias = match bias.is_empty() {
            true => 0..0,
            false => first_pair..first_pair + query.seen,
        };
        first_pair += query.seen;
        for head in 0..attention.heads {
            let part = head * size;
            let q_head = &q[query.start + part..][..size];
            let grad_q_head = &mut grad_q[query.start + part..][..size];
            let grad_out = &grad_row[part..][..size];
            let (keys_head, own_bias) = (&keys[head * next_head..], &bias[of_bias.clone()]);
            let grad_keys_head = &mut grad_keys[head * next_head..];
            pairs.weigh(q_head, keys_head, stride, attention.scale, own_bias);
            pairs.draw(attention, query.row, head);
            let Pairs {
                weights,
                factors,
                slopes,
                ..
            } = &mut pairs;
            let (weights, slopes) = (&weights[..query.seen], &mut slopes[..query.seen]);
            let mut expected = 0f32;
            for (key, ((weight, factor), slope)) in
                weights.iter().zip(factors).zip(&mut *slopes).enumerate()
            {
                let value = key * stride + value;
                *slope = *factor * dot(grad_out, &keys_head[value..][..size]);
                expected += weight * *slope;
                add_scaled(
                    &mut grad_keys_head[value..][..size],
                    *factor * weight,
                    grad_out,
                );
            }
            for (slope, weight) in slopes.iter_mut().zip(weights) {
                *slope = weight * (*slope - expected);
            }
            for (grad, slope) in grad_bias[of_bias.clone()].iter_mut().zip(&*slopes) {
                *grad += slope;
            }
            for slope in &mut *slopes {
                *slope *= attention.scale;
            }
            add_weighted_rows(grad_q_head, slopes, keys_head, stride);
            for (key, slope) in slopes.iter().enumerate() {
                add_scaled(&mut grad_keys_head[key * stride..][..size], *slope, q_head);
            }
        }
    }
    (grad_q, grad_kv, grad_bias)
}
