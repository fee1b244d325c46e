//! Multi-head attention within segments of packed rows: no padding, no masks but the causal one.
//!
//! A segment is a set with its events, or a stay with its sets. Sets are small (1 to some tens
//! of events), so a kernel that walks them beats padded batched products, and nothing is wasted.

use candle_core::{CpuStorage, CustomOp2, D, DType, Layout, Result, Shape, Tensor};

use super::attention_kernel;
use super::attention_pattern::Attention;
use super::cpu::{contiguous, read};

/// softmax(`scale` · q kᵀ) v per segment and head.
///
/// `q` [query rows, width], `kv` [key rows, 2·width] (keys, then values) → [Σ queries, width],
/// segment after segment.
pub fn attend(q: &Tensor, kv: &Tensor, attention: &Attention) -> Result<Tensor> {
    if q.device().is_cpu() {
        q.contiguous()?
            .apply_op2(&kv.contiguous()?, attention.clone())
    } else {
        composed(q, kv, attention)
    }
}

fn composed(q: &Tensor, kv: &Tensor, attention: &Attention) -> Result<Tensor> {
    let width = q.dim(1)?;
    let size = width / attention.heads;
    let split = |rows: &Tensor, count: usize| {
        rows.reshape((count, attention.heads, size))?
            .transpose(0, 1)?
            .contiguous()
    };
    let mut outputs = Vec::with_capacity(attention.segments.len());
    let mut first_row = 0;
    for segment in attention.segments.iter() {
        let q = split(
            &q.narrow(0, segment.query_start, segment.queries)?,
            segment.queries,
        )?;
        let kv = kv.narrow(0, segment.key_start, segment.keys)?;
        let k = split(&kv.narrow(1, 0, width)?.contiguous()?, segment.keys)?;
        let v = split(&kv.narrow(1, width, width)?.contiguous()?, segment.keys)?;
        let mut scores = (q.matmul(&k.t()?)? * f64::from(attention.scale))?;
        if attention.causal {
            let hidden: Vec<f32> = (0..segment.queries)
                .flat_map(|i| {
                    (0..segment.keys).map(move |j| if j > i { f32::NEG_INFINITY } else { 0.0 })
                })
                .collect();
            let hidden = Tensor::from_vec(hidden, (1, segment.queries, segment.keys), q.device())?;
            scores = scores.broadcast_add(&hidden.to_dtype(DType::F32)?)?;
        }
        let scores = scores
            .broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?
            .exp()?;
        let mut weights = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
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
        let output = attention_kernel::forward(self, width, q, kv);
        Ok((CpuStorage::F32(output), (self.output_rows(), width).into()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        kv: &Tensor,
        _output: &Tensor,
        grad_output: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad_output = grad_output.contiguous()?;
        let (_, width) = q.dims2()?;
        let (queries, keys, grads) = (read(q)?, read(kv)?, read(&grad_output)?);
        let (grad_q, grad_kv) = attention_kernel::backward(self, width, &queries, &keys, &grads);
        let device = q.device();
        Ok((
            Some(Tensor::from_vec(grad_q, q.shape(), device)?),
            Some(Tensor::from_vec(grad_kv, kv.shape(), device)?),
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
                &composed(&q, &kv, &attention)?,
                1e-5,
            );
        }
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
