//! What the head is trained on: features that are stored, or made by a backbone that is trained along.

use candle_core::backprop::GradStore;
use candle_core::{Tensor, bail};
use rayon::prelude::*;

use super::head::LabelledFeatures;
use pipeline_data::target::Truth;
use pipeline_error::Error;

/// The stays of one split, as the training of a head sees them.
pub trait HeadInput {
    /// What is true of every stay.
    fn truth(&self) -> &Truth;
    /// The stays `rows` (indices into the truth), in training; `draw` addresses what is random in it
    /// and is another number for every batch.
    fn batch(&self, rows: &[u32], draw: u64) -> Result<LabelledFeatures, Error>;
    /// All stays, in evaluation mode.
    fn evaluated(&self) -> Result<LabelledFeatures, Error>;
}

impl HeadInput for LabelledFeatures {
    fn truth(&self) -> &Truth {
        &self.truth
    }

    fn batch(&self, rows: &[u32], _draw: u64) -> Result<LabelledFeatures, Error> {
        self.rows(rows)
    }

    fn evaluated(&self) -> Result<LabelledFeatures, Error> {
        Ok(self.clone())
    }
}

impl LabelledFeatures {
    /// Gradients of a `loss` of these features: the head's, then those of every shard's own graph.
    pub fn backward(&self, loss: &Tensor) -> Result<Vec<GradStore>, Error> {
        let head = loss.backward()?;
        let mut starts = Vec::with_capacity(self.shards.len());
        let mut rows = 0;
        for shard in &self.shards {
            starts.push(rows);
            rows += shard.dim(0)?;
        }
        let backward = |(shard, start): (&Tensor, &usize)| -> candle_core::Result<GradStore> {
            let Some(gradient) = head.get(&self.features) else {
                bail!("the loss does not depend on the features");
            };
            let gradient = gradient.narrow(0, *start, shard.dim(0)?)?;
            (shard * gradient)?.sum_all()?.backward()
        };
        let shards = self.shards.par_iter().zip(&starts).map(backward);
        let shards: Vec<GradStore> = shards.collect::<candle_core::Result<_>>()?;
        Ok([head].into_iter().chain(shards).collect())
    }
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
        let batch = LabelledFeatures {
            ids: vec![String::new(); 3],
            features: joined.into_inner(),
            truth: Truth::Classes(vec![0; 3]),
            shards: shards.to_vec(),
        };
        let stores = batch.backward(&loss(&batch.features)?)?;
        assert!(stores[0].get(&weight).is_none());
        let mut sum = weight.zeros_like()?;
        for store in &stores[1..] {
            sum = (sum + store.get(&weight).expect("a gradient of the weight"))?;
        }
        let wanted = whole.get(&weight).expect("a gradient of the weight");
        let difference = (sum - wanted)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(difference < 1e-6, "off by {difference}");
        Ok(())
    }
}
