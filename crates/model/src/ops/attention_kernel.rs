//! The CPU kernel of segment attention, forward and backward.
//!
//! The weights are computed again in the backward pass rather than stored: for sets of a few
//! events that is cheaper than the memory.

use super::attention_pattern::{Attention, Segment};
use super::cpu::{BLOCK, dot, softmax, vectorized, with_constant_head};
use super::weighted_rows::{Targets, add_rows_to_each, add_weighted_rows};

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
#[derive(Clone, Copy)]
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

    /// The gradient of each score from that of the output, `grad`.
    #[inline(always)]
    fn slope(&mut self, grad: &[f32], keys: &[f32], numbers: Rows) {
        let Self {
            seen,
            weights,
            factors,
            slopes,
        } = self;
        let (weights, slopes) = (&weights[..*seen], &mut slopes[..*seen]);
        let mut expected = 0f32;
        for (key, ((weight, factor), slope)) in
            weights.iter().zip(factors).zip(&mut *slopes).enumerate()
        {
            let value = &keys[key * numbers.key + numbers.value..][..grad.len()];
            *slope = *factor * dot(grad, value);
            expected += weight * *slope;
        }
        for (slope, weight) in slopes.iter_mut().zip(weights) {
            *slope = weight * (*slope - expected);
        }
    }

    /// The slopes by the products that `scale` makes scores of.
    #[inline(always)]
    fn scaled_slopes(&mut self, scale: f32) -> &[f32] {
        let slopes = &mut self.slopes[..self.seen];
        for slope in &mut *slopes {
            *slope *= scale;
        }
        slopes
    }

    /// Puts into `to` the weights with which a query (its head, and its number in the block) enters the gradients.
    #[inline(always)]
    fn gather(&self, gathered: Gathered, (head, query): (usize, usize), to: &mut [f32]) {
        for key in 0..self.seen {
            to[gathered.place(0, head, key, query)] = self.factors[key] * self.weights[key];
            to[gathered.place(1, head, key, query)] = self.slopes[key];
        }
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
            let (weights, values) = (&weights[..query.seen], keys_head.get(value..));
            add_weighted_rows(out_head, weights, values.unwrap_or_default(), stride);
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

/// Queries whose weights are gathered before their gradients reach the keys: these are then sums in registers.
const GATHERED: usize = 16;

/// Where the weights lie with which a block of queries enters the gradients of its keys: of a value those of the output's
/// gradients, of a key those of the queries. For each target the weights of all rows stand together, in the order in
/// which these are added.
#[derive(Clone, Copy)]
struct Gathered {
    queries: usize,
    keys: usize,
    heads: usize,
    /// Keys are their own values, the same for all heads: each is one target.
    shared: bool,
}

impl Gathered {
    fn of(block: &[Query], numbers: Rows, heads: usize) -> Self {
        Self {
            queries: block.len(),
            keys: block.last().map_or(0, |query| query.seen),
            heads,
            shared: numbers.next_head == 0,
        }
    }

    fn count(self) -> usize {
        2 * self.heads * self.keys * self.queries
    }

    /// Of the value, if `part` is 0, or of the key, if it is 1.
    #[inline(always)]
    fn place(self, part: usize, head: usize, key: usize, query: usize) -> usize {
        match self.shared {
            true => ((key * self.queries + query) * self.heads + head) * 2 + part,
            false => ((part * self.heads + head) * self.keys + key) * self.queries + query,
        }
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
    let mut grads = (
        vec![0f32; q.len()],
        vec![0f32; kv.len()],
        vec![0f32; bias.len()],
    );
    let all: Vec<Query> = queries(attention, numbers).collect();
    let segments = all.chunk_by(|one, other| one.first_key == other.first_key);
    let (mut pairs, mut weights, mut first_pair) = (Pairs::default(), Vec::new(), 0);
    for block in segments.flat_map(|segment| segment.chunks(GATHERED)) {
        let gathered = Gathered::of(block, numbers, attention.heads);
        weights.resize(gathered.count(), 0.0);
        for (number, query) in block.iter().enumerate() {
            let own = match bias.is_empty() {
                true => 0..0,
                false => first_pair..first_pair + query.seen,
            };
            first_pair += query.seen;
            let (own_bias, grad_bias) = (&bias[own.clone()], &mut grads.2[own]);
            for head in 0..attention.heads {
                let part = head * numbers.head;
                let keys = &kv[query.first_key + head * numbers.next_head..];
                let q_head = &q[query.start + part..][..numbers.head];
                let grad_out = &grad[query.row * numbers.query + part..][..numbers.head];
                pairs.resize(query.seen);
                pairs.weigh(q_head, keys, numbers.key, attention.scale, own_bias);
                pairs.draw(attention, query.row, head);
                pairs.slope(grad_out, keys, numbers);
                for (grad, slope) in grad_bias.iter_mut().zip(&pairs.slopes) {
                    *grad += slope;
                }
                let slopes = pairs.scaled_slopes(attention.scale);
                let grad_q = &mut grads.0[query.start + part..][..numbers.head];
                add_weighted_rows(grad_q, slopes, keys, numbers.key);
                pairs.gather(gathered, (head, number), &mut weights);
            }
        }
        add_to_keys(&mut grads.1, block, numbers, gathered, &weights, (q, grad));
    }
    grads
}

/// Adds to the gradients of keys and values those of a block of queries.
#[inline(always)]
fn add_to_keys(
    grad_kv: &mut [f32],
    block: &[Query],
    numbers: Rows,
    gathered: Gathered,
    weights: &[f32],
    (q, grad): (&[f32], &[f32]),
) {
    let size = numbers.head;
    let row = |query: &Query, head: usize, part: usize| match part {
        0 => &grad[query.row * numbers.query + head * size..][..size],
        _ => &q[query.start + head * size..][..size],
    };
    let unseen = |key: usize| block.partition_point(|query| query.seen <= key);
    let first = block.first().map_or(0, |query| query.first_key);
    let mut rows: Vec<&[f32]> = Vec::with_capacity(2 * gathered.heads * block.len());
    let targets = |first: usize| Targets {
        first,
        stride: numbers.key,
        width: size,
    };
    if gathered.shared {
        for query in block {
            rows.extend((0..2 * gathered.heads).map(|at| row(query, at / 2, at % 2)));
        }
        let a_query = 2 * gathered.heads;
        let unseen = |key: usize| a_query * unseen(key);
        add_rows_to_each(grad_kv, targets(first), weights, &rows, unseen);
        return;
    }
    for part in 0..2 {
        for head in 0..gathered.heads {
            rows.clear();
            rows.extend(block.iter().map(|query| row(query, head, part)));
            let weights =
                &weights[gathered.place(part, head, 0, 0)..][..gathered.keys * block.len()];
            let value = if part == 0 { numbers.value } else { 0 };
            let targets = targets(first + head * numbers.next_head + value);
            add_rows_to_each(grad_kv, targets, weights, &rows, unseen);
        }
    }
}
