//! The CPU kernel of segment attention, forward and backward.
//!
//! The weights are computed again in the backward pass rather than stored: for sets of a few
//! events that is cheaper than the memory.

use super::attention_pattern::{Attention, Segment};
use super::cpu::{add_scaled, dot, exp_of_negative, vectorized};

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
fn queries(attention: &Attention, width: usize) -> impl Iterator<Item = Query> + '_ {
    let rows = attention
        .segments
        .iter()
        .flat_map(move |segment: &Segment| {
            (0..segment.queries).map(move |query| Query {
                row: 0,
                start: (segment.query_start + query) * width,
                first_key: segment.key_start * 2 * width,
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
    let mut total = 0f32;
    for weight in weights.iter_mut() {
        *weight = exp_of_negative(*weight - largest);
        total += *weight;
    }
    let inverse = 1.0 / total;
    weights.iter_mut().for_each(|weight| *weight *= inverse);
}

vectorized! {
    /// `q` [query rows, width], `kv` [key rows, 2·width], `bias` [pairs] or nothing → [output rows, width].
    pub fn forward(
        attention: &Attention,
        width: usize,
        q: &[f32],
        kv: &[f32],
        bias: &[f32],
    ) -> Vec<f32> {
        let mut bias = bias;
        let size = width / attention.heads;
        let stride = 2 * width;
        let mut output = vec![0f32; attention.output_rows() * width];
        let mut weights = Vec::new();
        for (query, out) in queries(attention, width).zip(output.chunks_exact_mut(width)) {
            let keys = &kv[query.first_key..];
            weights.resize(query.seen, 0.0);
            let (own_bias, later_bias) = bias.split_at(query.seen.min(bias.len()));
            bias = later_bias;
            for head in 0..attention.heads {
                let part = head * size;
                let q_head = &q[query.start + part..][..size];
                let keys_head = &keys[part..];
                softmax_weights(&mut weights, q_head, keys_head, stride, attention.scale, own_bias);
                let out_head = &mut out[part..][..size];
                for (key, weight) in weights.iter().enumerate() {
                    let weight = weight * attention.dropout_factor(query.row, head, key);
                    add_scaled(out_head, weight, &keys[key * stride + width + part..][..size]);
                }
            }
        }
        output
    }
}

vectorized! {
    /// Gradients of `q`, `kv` and `bias` from the output's gradient `grad` [output rows, width].
    pub fn backward(
        attention: &Attention,
        width: usize,
        q: &[f32],
        kv: &[f32],
        bias: &[f32],
        grad: &[f32],
    ) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let mut grad_bias = vec![0f32; bias.len()];
        let mut first_pair = 0;
        let size = width / attention.heads;
        let stride = 2 * width;
        let (mut grad_q, mut grad_kv) = (vec![0f32; q.len()], vec![0f32; kv.len()]);
        let (mut weights, mut slopes) = (Vec::new(), Vec::new());
        for (query, grad_row) in queries(attention, width).zip(grad.chunks_exact(width)) {
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
                let (keys_head, own_bias) = (&keys[part..], &bias[pairs.clone()]);
                softmax_weights(&mut weights, q_head, keys_head, stride, attention.scale, own_bias);
                let mut expected = 0f32;
                for (key, (weight, slope)) in weights.iter().zip(&mut slopes).enumerate() {
                    let value = key * stride + width + part;
                    let factor = attention.dropout_factor(query.row, head, key);
                    *slope = factor * dot(grad_out, &keys[value..][..size]);
                    expected += weight * *slope;
                    add_scaled(&mut grad_keys[value..][..size], factor * weight, grad_out);
                }
                let slopes_of_pairs = weights.iter().zip(&slopes);
                for (grad, (weight, slope)) in
                    grad_bias[pairs.clone()].iter_mut().zip(slopes_of_pairs)
                {
                    *grad += weight * (slope - expected);
                }
                for (key, (weight, slope)) in weights.iter().zip(&slopes).enumerate() {
                    let slope = weight * (slope - expected) * attention.scale;
                    let key = key * stride + part;
                    add_scaled(grad_q_head, slope, &keys[key..][..size]);
                    add_scaled(&mut grad_keys[key..][..size], slope, q_head);
                }
            }
        }
        (grad_q, grad_kv, grad_bias)
    }
}
