//! Attention over the past of a stay with a decay in time, at some of its sets.
//!
//! A query looks at every set up to a moment T. The score of a set t is query · key less
//! rate · (time from t to T), and the softmax of the scores weighs the values. What a query thinks
//! of a set does not depend on T, so all moments share one product of queries and keys; weights are
//! never stored, but computed again in the backward pass. So time is linear in sets × queries for
//! each moment, and memory in sets × queries.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};

use super::cpu::{contiguous, read};
use super::decayed_attention_kernel as kernel;
use super::form::has_cpu_kernels;
use super::timed::Timed;

/// From which sets of which stays a batch looks back.
#[derive(Clone, Debug)]
pub struct Glances {
    /// First set of every stay, and the number of sets.
    pub stay_starts: Arc<[usize]>,
    /// Time of every set; only differences within a stay count. A difference below 0 counts as 0.
    pub times: Arc<[f32]>,
    /// Sets to look back from, in the order of the output: (stay, set of the batch).
    pub moments: Arc<[(usize, usize)]>,
    /// Heads of every group of queries.
    pub heads: usize,
    /// Whether all heads read the same values, or each a part of its own.
    pub shared_values: bool,
}

impl Glances {
    /// What `moment` looks back on: the sets of its stay up to its own.
    pub(super) fn past(&self, moment: usize) -> Range<usize> {
        let (stay, set) = self.moments[moment];
        self.stay_starts[stay]..set + 1
    }

    /// Time from set `set` to `moment`.
    pub(super) fn elapsed(&self, moment: usize, set: usize) -> f32 {
        let (_, now) = self.moments[moment];
        (self.times[now] - self.times[set]).max(0.0)
    }

    /// Numbers that a head reads of values of `width` numbers.
    pub(super) fn head_width(&self, width: usize) -> usize {
        match self.shared_values {
            true => width,
            false => width / self.heads,
        }
    }
}

/// `scores` [sets, queries] (query · key; query g·heads + h is head h of group g), `rates` [queries] in 1/time,
/// `values` [sets, width] → [moments, queries, w]; w is the width, or that of a head's part.
pub fn attend_with_decay(
    scores: &Tensor,
    rates: &Tensor,
    values: &Tensor,
    glances: &Glances,
) -> Result<Tensor> {
    let device = scores.device();
    if has_cpu_kernels(device) && scores.dtype() == candle_core::DType::F32 {
        scores.contiguous()?.apply_op3(
            &rates.contiguous()?,
            &values.contiguous()?,
            Timed(DecayedAttention(glances.clone())),
        )
    } else {
        composed(scores, rates, values, glances)
    }
}

fn composed(scores: &Tensor, rates: &Tensor, values: &Tensor, glances: &Glances) -> Result<Tensor> {
    let (queries, width) = (scores.dim(1)?, values.dim(1)?);
    let (heads, groups) = (glances.heads, queries / glances.heads);
    let head_width = glances.head_width(width);
    let moments = (0..glances.moments.len()).map(|moment| {
        let past = glances.past(moment);
        let elapsed: Vec<f32> = past
            .clone()
            .map(|set| glances.elapsed(moment, set))
            .collect();
        let elapsed = Tensor::from_vec(elapsed, (past.len(), 1), scores.device())?;
        let decay = elapsed
            .to_dtype(scores.dtype())?
            .broadcast_mul(&rates.unsqueeze(0)?)?;
        let scores = (scores.narrow(0, past.start, past.len())? - decay)?.t()?;
        let weights = candle_nn::ops::softmax(&scores, D::Minus1)?;
        let values = values.narrow(0, past.start, past.len())?;
        if glances.shared_values {
            return weights.contiguous()?.matmul(&values.contiguous()?);
        }
        let weights = weights
            .reshape((groups, heads, past.len()))?
            .transpose(0, 1)?
            .contiguous()?;
        let values = values
            .reshape((past.len(), heads, head_width))?
            .transpose(0, 1)?
            .contiguous()?;
        let pooled = weights.matmul(&values)?;
        pooled.transpose(0, 1)?.reshape((queries, head_width))
    });
    Tensor::stack(&moments.collect::<Result<Vec<_>>>()?, 0)
}

struct DecayedAttention(Glances);

impl CustomOp3 for DecayedAttention {
    fn name(&self) -> &'static str {
        "decayed-attention"
    }

    fn cpu_fwd(
        &self,
        scores: &CpuStorage,
        scores_layout: &Layout,
        rates: &CpuStorage,
        rates_layout: &Layout,
        values: &CpuStorage,
        values_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, queries) = scores_layout.shape().dims2()?;
        let (_, width) = values_layout.shape().dims2()?;
        let inputs = kernel::Inputs {
            scores: contiguous(scores, scores_layout)?,
            rates: contiguous(rates, rates_layout)?,
            values: contiguous(values, values_layout)?,
        };
        let output = kernel::forward(&self.0, &inputs);
        let shape = (self.0.moments.len(), queries, self.0.head_width(width));
        Ok((CpuStorage::F32(output), shape.into()))
    }

    fn bwd(
        &self,
        scores: &Tensor,
        rates: &Tensor,
        values: &Tensor,
        _output: &Tensor,
        grad_output: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad_output = grad_output.contiguous()?;
        let (scores_read, rates_read, values_read) = (read(scores)?, read(rates)?, read(values)?);
        let inputs = kernel::Inputs {
            scores: &scores_read,
            rates: &rates_read,
            values: &values_read,
        };
        let gradients = kernel::backward(&self.0, &inputs, &read(&grad_output)?);
        let device = scores.device();
        Ok((
            Some(Tensor::from_vec(gradients.scores, scores.shape(), device)?),
            Some(Tensor::from_vec(gradients.rates, rates.shape(), device)?),
            Some(Tensor::from_vec(gradients.values, values.shape(), device)?),
        ))
    }
}

#[cfg(test)]
mod tests;
