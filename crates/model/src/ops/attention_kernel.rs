//! The CPU kernel of segment attention, forward and backward.
//!
//! The weights are computed again in the backward pass rather than stored: for sets of a few
//! events that is cheaper than the memory.

use super::attention_pattern::{Attention, Segment};
use super::cpu::{add_scaled, dot, softmax_of_scores, vectorized};

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

/// Softmax weights of one query and head over the keys it sees; keys lie `stride` numbers apart. `bias`, of as many
/// numbers or none, is added to the scores.
#[inline(always)]
fn softmax_weights(
    weights: &mut [f32],
    query: &[f32],
    keys: &[f32],
    stride: usize,
    scale: f32,
    bias: &[f32],
) {
    let mut largest = f32::NEG_INFINITY;
    for (key, weight) in weights.iter_mut().enumerate() {
        *weight = dot(query, &keys[key * stride..][..query.len()]) * scale;
        if let Some(bias) = bias.get(key) {
            *weight += bias;
        }
        largest = largest.max(*weight);
    }
    softmax_of_scores(weights, largest);
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
        let mut bias = bias;
        let Rows { query: width, key: stride, head: size, next_head, value } = numbers;
        let mut output = vec![0f32; attention.output_rows() * width];
        let mut weights = Vec::new();
        for (query, out) in queries(attention, numbers).zip(output.chunks_exact_mut(width)) {
            let keys = &kv[query.first_key..];
            weights.resize(query.seen, 0.0);
            let (own_bias, later_bias) = bias.split_at(query.seen.min(bias.len()));
            bias = later_bias;
            for head in 0..attention.heads {
                let part = head * size;
                let q_head = &q[query.start + part..][..size];
                let keys_head = &keys[head * next_head..];
                softmax_weights(&mut weights, q_head, keys_head, stride, attention.scale, own_bias);
                let out_head = &mut out[part..][..size];
                for (key, weight) in weights.iter().enumerate() {
                    let weight = weight * attention.dropout_factor(query.row, head, key);
                    add_scaled(out_head, weight, &keys_head[key * stride + value..][..size]);
                }
            }
        }
        output
    }
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
        let mut grad_bias = vec![0f32; bias.len()];
        let mut first_pair = 0;
        let Rows { query: width, key: stride, head: size, next_head, value } = numbers;
        let (mut grad_q, mut grad_kv) = (vec![0f32; q.len()], vec![0f32; kv.len()]);
        let (mut weights, mut slopes) = (Vec::new(), Vec::new());
        for (query, grad_row) in queries(attention, numbers).zip(grad.chunks_exact(width)) {
            let keys = &kv[query.first_key..];
            let grad_keys = &mut grad_kv[query.first_key..];
            weights.resize(query.seen, 0.0);
            slopes.resize(query.seen, 0.0);
            let pairs = match bias.is_empty() {
                true => 0..0,
                false => first_pair..first_pair + query.seen,
            };
            first_pair += query.seen;
            for head in 0..attention.heads {
                let part = head * size;
                let q_head = &q[query.start + part..][..size];
                let grad_q_head = &mut grad_q[query.start + part..][..size];
                let grad_out = &grad_row[part..][..size];
                let (keys_head, own_bias) = (&keys[head * next_head..], &bias[pairs.clone()]);
                let grad_keys_head = &mut grad_keys[head * next_head..];
                softmax_weights(&mut weights, q_head, keys_head, stride, attention.scale, own_bias);
                let mut expected = 0f32;
                for (key, (weight, slope)) in weights.iter().zip(&mut slopes).enumerate() {
                    let value = key * stride + value;
                    let factor = attention.dropout_factor(query.row, head, key);
                    *slope = factor * dot(grad_out, &keys_head[value..][..size]);
                    expected += weight * *slope;
                    add_scaled(&mut grad_keys_head[value..][..size], factor * weight, grad_out);
                }
                let slopes_of_pairs = weights.iter().zip(&slopes);
                for (grad, (weight, slope)) in
                    grad_bias[pairs.clone()].iter_mut().zip(slopes_of_pairs)
                {
                    *grad += weight * (slope - expected);
                }
                for (key, (weight, slope)) in weights.iter().zip(&slopes).enumerate() {
                    let slope = weight * (slope - expected) * attention.scale;
                    let key = key * stride;
                    add_scaled(grad_q_head, slope, &keys_head[key..][..size]);
                    add_scaled(&mut grad_keys_head[key..][..size], slope, q_head);
                }
            }
        }
        (grad_q, grad_kv, grad_bias)
    }
}
