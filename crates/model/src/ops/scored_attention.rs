//! Attention of the same queries in every segment, whose scores are there already: one product for all of them.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, bail};

use super::cpu::{contiguous, dot, read, softmax_of_columns, vectorized, with_constant_head};
use super::form::has_cpu_kernels;
use super::timed::Timed;
use super::weighted_rows::{Targets, add_rows_to_each};

/// Σ softmax(scores) v per segment, query and head.
///
/// `scores` [rows, queries · heads], `v` [rows, width] → [segments · queries, width]; segment s is the rows
/// `starts[s]..starts[s + 1]`, at least one.
pub fn attend_by_scores(
    scores: &Tensor,
    v: &Tensor,
    starts: &[usize],
    heads: usize,
) -> Result<Tensor> {
    let ((rows, columns), (values, width)) = (scores.dims2()?, v.dims2()?);
    if rows != values || starts.last() != Some(&rows) || columns % heads + width % heads != 0 {
        bail!(
            "scores {:?} do not fit values {:?} of {heads} heads",
            scores.shape(),
            v.shape()
        );
    }
    if !has_cpu_kernels(v.device()) {
        return composed(scores, v, starts, heads);
    }
    let op = Timed(Scored {
        starts: starts.into(),
        heads,
    });
    scores.contiguous()?.apply_op2(&v.contiguous()?, op)
}

fn composed(scores: &Tensor, v: &Tensor, starts: &[usize], heads: usize) -> Result<Tensor> {
    let ((_, columns), (_, width)) = (scores.dims2()?, v.dims2()?);
    let queries = columns / heads;
    let segments = starts.windows(2).map(|pair| {
        let rows = pair[1] - pair[0];
        let weights = scores
            .narrow(0, pair[0], rows)?
            .reshape((rows, queries, heads))?
            .permute((2, 1, 0))?
            .contiguous()?;
        let weights = candle_nn::ops::softmax(&weights, D::Minus1)?;
        let values = v
            .narrow(0, pair[0], rows)?
            .reshape((rows, heads, width / heads))?
            .transpose(0, 1)?
            .contiguous()?;
        let mixed = weights.matmul(&values)?.transpose(0, 1)?;
        mixed.reshape((queries, width))
    });
    Tensor::cat(&segments.collect::<Result<Vec<_>>>()?, 0)
}

struct Scored {
    starts: Arc<[usize]>,
    heads: usize,
}

/// Numbers of a row of scores, of a row of values, and of a head of it.
#[derive(Clone, Copy)]
struct Sizes {
    columns: usize,
    width: usize,
    head: usize,
}

impl Sizes {
    #[inline(always)]
    fn with_head(self, head: usize) -> Self {
        Self { head, ..self }
    }
}

vectorized! {
    fn forward(starts: &[usize], sizes: Sizes, scores: &[f32], v: &[f32]) -> Vec<f32> {
        with_constant_head!(sizes, forward_of(starts, sizes, scores, v))
    }
}

#[inline(always)]
fn forward_of(starts: &[usize], sizes: Sizes, scores: &[f32], v: &[f32]) -> Vec<f32> {
    let Sizes {
        columns,
        width,
        head: size,
    } = sizes;
    let heads = width / size;
    let rows_a_segment = columns / heads;
    let mut output = vec![0f32; (starts.len() - 1) * rows_a_segment * width];
    let (mut weights, mut scratch) = (Vec::new(), Vec::new());
    let mut of_queries = Vec::new();
    let segments = starts
        .windows(2)
        .zip(output.chunks_exact_mut(rows_a_segment * width));
    for (segment, out) in segments {
        weights.clear();
        weights.extend_from_slice(&scores[segment[0] * columns..segment[1] * columns]);
        softmax_of_columns(&mut weights, columns, &mut scratch);
        for head in 0..heads {
            let rows = heads_of(&v[segment[0] * width..segment[1] * width], sizes, head);
            of_queries.clear();
            for query in 0..rows_a_segment {
                let column = query * heads + head;
                of_queries.extend(weights.iter().skip(column).step_by(columns));
            }
            let targets = Targets {
                first: head * size,
                stride: width,
                width: size,
            };
            add_rows_to_each(out, targets, &of_queries, &rows, |_| 0);
        }
    }
    output
}

/// The numbers of a head in each of `rows` [·, width].
#[inline(always)]
fn heads_of(rows: &[f32], sizes: Sizes, head: usize) -> Vec<&[f32]> {
    let rows = rows.chunks_exact(sizes.width);
    rows.map(|row| &row[head * sizes.head..][..sizes.head])
        .collect()
}

vectorized! {
    /// Gradients of scores and values.
    fn backward(starts: &[usize], sizes: Sizes, scores: &[f32], v: &[f32], grad: &[f32]) -> (Vec<f32>, Vec<f32>) {
        with_constant_head!(sizes, backward_of(starts, sizes, scores, v, grad))
    }
}

#[inline(always)]
fn backward_of(
    starts: &[usize],
    sizes: Sizes,
    scores: &[f32],
    v: &[f32],
    grad: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let Sizes {
        columns,
        width,
        head: size,
    } = sizes;
    let heads = width / size;
    let rows_a_segment = columns / heads;
    let (mut grad_scores, mut grad_v) = (vec![0f32; scores.len()], vec![0f32; v.len()]);
    let (mut weights, mut scratch) = (Vec::new(), Vec::new());
    let (mut expected, mut of_rows) = (vec![0f32; columns], Vec::new());
    let segments = starts
        .windows(2)
        .zip(grad.chunks_exact(rows_a_segment * width));
    for (segment, grad) in segments {
        let own = segment[0] * columns..segment[1] * columns;
        let own_values = segment[0] * width..segment[1] * width;
        weights.clear();
        weights.extend_from_slice(&scores[own.clone()]);
        softmax_of_columns(&mut weights, columns, &mut scratch);
        let slopes = &mut grad_scores[own];
        expected.fill(0.0);
        let rows = v[own_values.clone()].chunks_exact(width);
        let pairs = weights
            .chunks_exact(columns)
            .zip(slopes.chunks_exact_mut(columns));
        for (row, (weights, slopes)) in rows.zip(pairs) {
            for (column, grad) in grad.chunks_exact(size).enumerate() {
                slopes[column] = dot(grad, &row[column % heads * size..][..size]);
                expected[column] += weights[column] * slopes[column];
            }
        }
        for head in 0..heads {
            let of_queries = heads_of(grad, sizes, head);
            of_rows.clear();
            for weights in weights.chunks_exact(columns) {
                of_rows.extend(weights.iter().skip(head).step_by(heads));
            }
            let targets = Targets {
                first: head * size,
                stride: width,
                width: size,
            };
            let grad_v = &mut grad_v[own_values.clone()];
            add_rows_to_each(grad_v, targets, &of_rows, &of_queries, |_| 0);
        }
        for (weights, slopes) in weights
            .chunks_exact(columns)
            .zip(slopes.chunks_exact_mut(columns))
        {
            for ((slope, weight), expected) in slopes.iter_mut().zip(weights).zip(&expected) {
                *slope = weight * (*slope - expected);
            }
        }
    }
    (grad_scores, grad_v)
}

impl Scored {
    fn sizes(&self, scores: &Shape, v: &Shape) -> Result<Sizes> {
        let ((_, columns), (_, width)) = (scores.dims2()?, v.dims2()?);
        Ok(Sizes {
            columns,
            width,
            head: width / self.heads,
        })
    }
}

impl CustomOp2 for Scored {
    fn name(&self) -> &'static str {
        "scored-attention"
    }

    fn cpu_fwd(
        &self,
        scores: &CpuStorage,
        scores_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sizes = self.sizes(scores_layout.shape(), v_layout.shape())?;
        let (scores, v) = (contiguous(scores, scores_layout)?, contiguous(v, v_layout)?);
        let output = forward(&self.starts, sizes, scores, v);
        let rows = output.len() / sizes.width;
        Ok((CpuStorage::F32(output), (rows, sizes.width).into()))
    }

    fn bwd(
        &self,
        scores: &Tensor,
        v: &Tensor,
        _output: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let sizes = self.sizes(scores.shape(), v.shape())?;
        let (values, numbers, grads) = (read(scores)?, read(v)?, read(&grad)?);
        let (grad_scores, grad_v) = backward(&self.starts, sizes, &values, &numbers, &grads);
        let device = v.device();
        Ok((
            Some(Tensor::from_vec(grad_scores, scores.shape(), device)?),
            Some(Tensor::from_vec(grad_v, v.shape(), device)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::attention::attend;
    use super::super::attention_pattern::Attention;
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    const STARTS: [usize; 4] = [0, 1, 4, 6];

    #[test]
    fn equals_attention_by_queries_and_keys() -> Result<()> {
        let (q, k, v) = (
            numbers(1, (3, 8))?,
            numbers(2, (6, 8))?,
            numbers(3, (6, 8))?,
        );
        let attention = Attention::shared_queries(&STARTS, 3, 2, 1.0);
        let expected = attend(&q, &Tensor::cat(&[&k, &v], 1)?, &attention)?;
        let scores = |head: usize| {
            let part = |rows: &Tensor| rows.narrow(1, head * 4, 4)?.contiguous();
            part(&k)?.matmul(&part(&q)?.t()?)
        };
        let scores = Tensor::stack(&[scores(0)?, scores(1)?], 2)?.reshape((6, 6))?;
        assert_close(&attend_by_scores(&scores, &v, &STARTS, 2)?, &expected, 1e-5);
        assert_close(&composed(&scores, &v, &STARTS, 2)?, &expected, 1e-5);
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        let arguments = [numbers(1, (6, 6))?, numbers(2, (6, 8))?];
        assert_gradients(&arguments, |t: &[Tensor]| {
            attend_by_scores(&t[0], &t[1], &STARTS, 2)
        })
    }

    #[test]
    fn scores_of_other_rows_than_the_values_are_refused() -> Result<()> {
        let (scores, v) = (numbers(1, (5, 6))?, numbers(2, (6, 8))?);
        let error = attend_by_scores(&scores, &v, &STARTS, 2).unwrap_err();
        assert!(error.to_string().contains("do not fit values"), "{error}");
        Ok(())
    }
}
