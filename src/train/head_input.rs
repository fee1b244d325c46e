//! What the head is trained on: features that are stored, or made by a backbone that is trained along.

use candle_core::backprop::GradStore;
use candle_core::{Tensor, bail};
use rayon::prelude::*;

use super::head::LabelledFeatures;
use crate::error::Error;

/// The stays of one split, as the training of a head sees them.
pub trait HeadInput {
    /// Class of every stay.
    fn labels(&self) -> &[u32];
    /// The stays `rows` (indices into the labels), for optimizer step `step`, counted from 0.
    fn batch(&self, rows: &[u32], step: u64) -> Result<HeadBatch, Error>;
    /// All stays, in evaluation mode.
    fn evaluated(&self) -> Result<LabelledFeatures, Error>;
}

/// The stays of one optimizer step.
pub struct HeadBatch {
    /// The head's input. Features that depend on parameters in training are a variable.
    pub rows: LabelledFeatures,
    /// Those features again, shard after shard, with the graphs that they come from; empty for
    /// features that depend on nothing.
    pub shards: Vec<Tensor>,
}

impl HeadInput for LabelledFeatures {
    fn labels(&self) -> &[u32] {
        &self.labels
    }

    fn batch(&self, rows: &[u32], _step: u64) -> Result<HeadBatch, Error> {
        let index = Tensor::new(rows, self.features.device())?;
        Ok(HeadBatch {
            rows: LabelledFeatures {
                features: self.features.index_select(&index, 0)?,
                labels: labels_of(&self.labels, rows),
            },
            shards: Vec::new(),
        })
    }

    fn evaluated(&self) -> Result<LabelledFeatures, Error> {
        Ok(self.clone())
    }
}

/// The labels of `rows`.
pub fn labels_of(labels: &[u32], rows: &[u32]) -> Vec<u32> {
    rows.iter().map(|row| labels[*row as usize]).collect()
}

/// Carries the gradient of `features`, the rows of all `shards`, on through the shards' own graphs:
/// one store a shard, in their order.
pub fn backward_through(
    shards: &[Tensor],
    features: &Tensor,
    head: &GradStore,
) -> Result<Vec<GradStore>, Error> {
    if shards.is_empty() {
        return Ok(Vec::new());
    }
    let mut starts = Vec::with_capacity(shards.len());
    let mut rows = 0;
    for shard in shards {
        starts.push(rows);
        rows += shard.dim(0)?;
    }
    let backward = |(shard, start): (&Tensor, &usize)| -> candle_core::Result<GradStore> {
        let Some(gradient) = head.get(features) else {
            bail!("the loss does not depend on the features");
        };
        let gradient = gradient.narrow(0, *start, shard.dim(0)?)?;
        (shard * gradient)?.sum_all()?.backward()
    };
    let stores = shards.par_iter().zip(&starts).map(backward);
    Ok(stores.collect::<candle_core::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    /// Two halves of a graph, joined by hand, give what the whole graph gives.
    #[test]
    fn gradients_through_shards_are_those_of_the_whole_graph() -> Result<(), Error> {
        let weight = Var::new(&[[1f32, -2.0], [0.5, 3.0]], &Device::Cpu)?;
        let inputs = Tensor::new(&[[1f32, 2.0], [3.0, 4.0], [5.0, -6.0]], &Device::Cpu)?;
        let features = |rows: &Tensor| rows.matmul(weight.as_tensor())?.tanh();
        let loss = |features: &Tensor| features.sqr()?.sum_all();
        let whole = loss(&features(&inputs)?)?.backward()?;

        let shards = [
            features(&inputs.narrow(0, 0, 2)?)?,
            features(&inputs.narrow(0, 2, 1)?)?,
        ];
        let joined = Var::from_tensor(&Tensor::cat(&shards, 0)?.detach())?;
        let head = loss(joined.as_tensor())?.backward()?;
        let stores = backward_through(&shards, joined.as_tensor(), &head)?;
        let mut sum = weight.zeros_like()?;
        for store in &stores {
            sum = (sum + store.get(&weight).expect("a gradient of the weight"))?;
        }
        let wanted = whole.get(&weight).expect("a gradient of the weight");
        let difference = (sum - wanted)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(difference < 1e-6, "off by {difference}");
        Ok(())
    }
}
