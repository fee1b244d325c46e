//! Multi-head attention within segments of packed rows: no padding, no masks but the causal one.
//!
//! A segment is a set with its events, or a stay with its sets. Sets are small (1 to some tens
//! of events), so a kernel that walks them beats padded batched products, and nothing is wasted.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, D, DType, Layout, Result, Shape, Tensor};

use super::attention_kernel::{self, Rows};
use super::attention_pattern::{Attention, Segment};
use super::cpu::{contiguous, read};
use super::form::has_kernels;
use super::timed::Timed;

/// softmax(`scale` · q kᵀ) v per segment and head.
///
/// `q` [query rows, width], `kv` [key rows, 2·width] (keys, then values) → [Σ queries, width],
/// segment after segment.
pub fn attend(q: &Tensor, kv: &Tensor, attention: &Attention) -> Result<Tensor> {
    if has_kernel(q, attention)? {
        q.contiguous()?
            .apply_op2(&kv.contiguous()?, Timed(attention.clone()))
    } else {
        composed(q, kv, None, attention)
    }
}

/// softmax(`scale` · q kᵀ + bias) v per segment and head.
///
/// As [`attend`], with `bias` [pairs]: one number for every query and key that it sees, query after query, the same
/// for all heads.
pub fn attend_biased(
    q: &Tensor,
    kv: &Tensor,
    bias: &Tensor,
    attention: &Attention,
) -> Result<Tensor> {
    if bias.dims1()? != attention.pairs() {
        candle_core::bail!(
            "{} biases for {} pairs of query and key",
            bias.dims1()?,
            attention.pairs()
        );
    }
    if has_kernel(q, attention)? {
        let op = Timed(BiasedAttention(attention.clone()));
        q.contiguous()?
            .apply_op3(&kv.contiguous()?, &bias.contiguous()?, op)
    } else {
        composed(q, kv, Some(bias), attention)
    }
}

fn has_kernel(q: &Tensor, _attention: &Attention) -> Result<bool> {
    #[cfg(feature = "cuda")]
    if q.device().is_cuda() && !super::cuda::attention::fits(q.dim(1)?, _attention.heads) {
        return Ok(false);
    }
    Ok(has_kernels(q.device()))
}

/// The bias of one segment as [queries, keys], 0 where a key is not seen; `first` is its first pair.
fn bias_of(
    bias: &Tensor,
    first: usize,
    segment: &Segment,
    attention: &Attention,
) -> Result<(Tensor, usize)> {
    let mut rows = Vec::with_capacity(segment.queries);
    let mut next = first;
    for query in 0..segment.queries {
        let seen = attention.visible_keys(segment, query);
        let row = bias.narrow(0, next, seen)?;
        rows.push(row.pad_with_zeros(0, 0, segment.keys - seen)?);
        next += seen;
    }
    Ok((Tensor::stack(&rows, 0)?, next))
}

fn composed(
    q: &Tensor,
    kv: &Tensor,
    bias: Option<&Tensor>,
    attention: &Attention,
) -> Result<Tensor> {
    let width = q.dim(1)?;
    let size = width / attention.heads;
    let split = |rows: &Tensor, count: usize| {
        rows.reshape((count, attention.heads, size))?
            .transpose(0, 1)?
            .contiguous()
    };
    let mut outputs = Vec::with_capacity(attention.segments.len());
    let (mut first_row, mut first_pair) = (0, 0);
    for segment in attention.segments.iter() {
        let q = split(
            &q.narrow(0, segment.query_start, segment.queries)?,
            segment.queries,
        )?;
        let kv = kv.narrow(0, segment.key_start, segment.keys)?;
        let k = split(&kv.narrow(1, 0, width)?.contiguous()?, segment.keys)?;
        let v = split(&kv.narrow(1, width, width)?.contiguous()?, segment.keys)?;
        let mut scores = (q.matmul(&k.t()?)? * f64::from(attention.scale))?;
        if let Some(bias) = bias {
            let (bias, next) = bias_of(bias, first_pair, segment, attention)?;
            scores = scores.broadcast_add(&bias)?;
            first_pair = next;
        }
        if attention.causal {
            let hidden: Vec<f32> = (0..segment.queries)
                .flat_map(|i| {
                    (0..segment.keys).map(move |j| if j > i { f32::NEG_INFINITY } else { 0.0 })
                })
                .collect();
            let hidden = Tensor::from_vec(hidden, (1, segment.queries, segment.keys), q.device())?;
            scores = scores.broadcast_add(&hidden.to_dtype(DType::F32)?)?;
        }
        let mut weights = candle_nn::ops::softmax(&scores, D::Minus1)?;
        if attention.dropout.is_some() {
            let shape = (attention.heads, segment.queries, segment.keys);
            let mut mask = Vec::with_capacity(shape.0 * shape.1 * shape.2);
            for head in 0..attention.heads {
                for row in first_row..first_row + segment.queries {
                    mask.extend(
                        (0..segment.keys).map(|key| attention.dropout_factor(row, head, key)),
                    );
                }
            }
            weights = (weights * Tensor::from_vec(mask, shape, q.device())?)?;
        }
        first_row += segment.queries;
        outputs.push(
            weights
                .matmul(&v)?
                .transpose(0, 1)?
                .reshape((segment.queries, width))?,
        );
    }
    Tensor::cat(&outputs, 0)
}

impl CustomOp2 for Attention {
    fn name(&self) -> &'static str {
        "segment-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        kv: &CpuStorage,
        kv_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = q_layout.shape().dims2()?;
        let (q, kv) = (contiguous(q, q_layout)?, contiguous(kv, kv_layout)?);
        let output = attention_kernel::forward(self, Rows::of_heads(width, self.heads), q, kv, &[]);
        Ok((CpuStorage::F32(output), (self.output_rows(), width).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        q: &CudaStorage,
        q_layout: &Layout,
        kv: &CudaStorage,
        kv_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let output = super::cuda::attention::forward(self, (q, q_layout), (kv, kv_layout), None)?;
        let (_, width) = q_layout.shape().dims2()?;
        Ok((output, (self.output_rows(), width).into()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        kv: &Tensor,
        _output: &Tensor,
        grad_output: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        #[cfg(feature = "cuda")]
        if q.device().is_cuda() {
            let results = [_output, grad_output];
            let (grad_q, grad_kv, _) =
                super::cuda::attention::backward(self, [q, kv], None, results)?;
            return Ok((Some(grad_q), Some(grad_kv)));
        }
        let grad_output = grad_output.contiguous()?;
        let (_, width) = q.dims2()?;
        let (queries, keys, grads) = (read(q)?, read(kv)?, read(&grad_output)?);
        let (grad_q, grad_kv, _) = attention_kernel::backward(
            self,
            Rows::of_heads(width, self.heads),
            &queries,
            &keys,
            &[],
            &grads,
        );
        let device = q.device();
        Ok((
            Some(Tensor::from_vec(grad_q, q.shape(), device)?),
            Some(Tensor::from_vec(grad_kv, kv.shape(), device)?),
        ))
    }
}

struct BiasedAttention(Attention);

impl CustomOp3 for BiasedAttention {
    fn name(&self) -> &'static str {
        "biased-segment-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        kv: &CpuStorage,
        kv_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = q_layout.shape().dims2()?;
        let (q, kv) = (contiguous(q, q_layout)?, contiguous(kv, kv_layout)?);
        let bias = contiguous(bias, bias_layout)?;
        let output =
            attention_kernel::forward(&self.0, Rows::of_heads(width, self.0.heads), q, kv, bias);
        Ok((
            CpuStorage::F32(output),
            (self.0.output_rows(), width).into(),
        ))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        q: &CudaStorage,
        q_layout: &Layout,
        kv: &CudaStorage,
        kv_layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let bias = Some((bias, bias_layout));
        let output =
            super::cuda::attention::forward(&self.0, (q, q_layout), (kv, kv_layout), bias)?;
        let (_, width) = q_layout.shape().dims2()?;
        Ok((output, (self.0.output_rows(), width).into()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        kv: &Tensor,
        bias: &Tensor,
        _output: &Tensor,
        grad_output: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        #[cfg(feature = "cuda")]
        if q.device().is_cuda() {
            let results = [_output, grad_output];
            let (grad_q, grad_kv, grad_bias) =
                super::cuda::attention::backward(&self.0, [q, kv], Some(bias), results)?;
            return Ok((Some(grad_q), Some(grad_kv), grad_bias));
        }
        let grad_output = grad_output.contiguous()?;
        let (_, width) = q.dims2()?;
        let (queries, keys) = (read(q)?, read(kv)?);
        let (biases, grads) = (read(bias)?, read(&grad_output)?);
        let (grad_q, grad_kv, grad_bias) = attention_kernel::backward(
            &self.0,
            Rows::of_heads(width, self.0.heads),
            &queries,
            &keys,
            &biases,
            &grads,
        );
        let device = q.device();
        Ok((
            Some(Tensor::from_vec(grad_q, q.shape(), device)?),
            Some(Tensor::from_vec(grad_kv, kv.shape(), device)?),
            Some(Tensor::from_vec(grad_bias, bias.shape(), device)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::attention_pattern::AttentionDropout;
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    fn cases() -> Vec<(Attention, usize, usize)> {
        let starts = [0, 1, 4, 6];
        vec![
            (Attention::within(&starts, 2, 0.5, true), 6, 6),
            (Attention::shared_queries(&starts, 3, 2, 0.7), 3, 6),
            (Attention::to_own_keys(&starts, 2, 4, 0.5), 6, 6),
            (Attention::one_query_each(&starts, 1, 1.0), 3, 6),
            (
                Attention {
                    dropout: Some(AttentionDropout { seed: 5, rate: 0.3 }),
                    ..Attention::within(&starts, 2, 0.5, true)
                },
                6,
                6,
            ),
        ]
    }

    #[test]
    fn equals_the_composed_form() -> Result<()> {
        for (attention, queries, keys) in cases() {
            let (q, kv) = (numbers(1, (queries, 8))?, numbers(2, (keys, 16))?);
            assert_close(
                &attend(&q, &kv, &attention)?,
                &composed(&q, &kv, None, &attention)?,
                1e-5,
            );
        }
        Ok(())
    }

    #[test]
    fn a_bias_of_every_pair_enters_the_scores_and_has_a_gradient() -> Result<()> {
        for (attention, queries, keys) in cases() {
            let bias = numbers(3, attention.pairs())?;
            let (q, kv) = (numbers(1, (queries, 8))?, numbers(2, (keys, 16))?);
            let biased = attend_biased(&q, &kv, &bias, &attention)?;
            assert_close(&biased, &composed(&q, &kv, Some(&bias), &attention)?, 1e-5);
            let none = bias.zeros_like()?;
            let unbiased = attend_biased(&q, &kv, &none, &attention)?;
            assert_close(&unbiased, &attend(&q, &kv, &attention)?, 0.0);
            let arguments = [q, kv, bias];
            assert_gradients(&arguments, |t| {
                attend_biased(&t[0], &t[1], &t[2], &attention)
            })?;
        }
        let (attention, queries, keys) = &cases()[0];
        let (q, kv) = (numbers(1, (*queries, 8))?, numbers(2, (*keys, 16))?);
        let few = numbers(3, attention.pairs() - 1)?;
        let error = attend_biased(&q, &kv, &few, attention).unwrap_err();
        assert!(error.to_string().contains("pairs of query and key"));
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        for (attention, queries, keys) in cases() {
            let arguments = [numbers(1, (queries, 8))?, numbers(2, (keys, 16))?];
            assert_gradients(&arguments, |t| attend(&t[0], &t[1], &attention))?;
        }
        Ok(())
    }
}
