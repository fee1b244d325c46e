//! The readout: queries of every variable's own over the past of a stay (after Perceiver IO, Jaegle et al. 2021).

use candle_core::{DType, Result, Tensor, bail};

use super::batch::Batch;
use super::config::ModelConfig;
use super::layers::{LayerNorm, Linear, LinearInit};
use super::ops::{self, Glances};
use super::parameter::{Init, ParameterSource};
use super::set_encoder::Posterior;

/// Minutes in the unit of the decays: six hours.
const UNIT_MINUTES: f64 = 360.0;

/// How the decays of a variable's heads start, head after head: softplus of it is the rate in 1/6 h, so one head
/// starts with the last hours, one with days, and two with the whole stay.
const FIRST_DECAYS: [f32; 4] = [-2.0, 0.0, -4.0, -4.0];

/// For a group of queries, one for each head i, at set T: Σₜ aₜ vₜᵢ over the sets t ≤ T, a = softmaxₜ(qᵢ · kₜ −
/// softplus(sᵢ)·(T − t)/6 h), and all heads through a matrix of the group's own. Keys k and values v are
/// linear in [h, μ normalised, σ] of a set; without projections of their own, values are that itself.
#[derive(Clone, Debug)]
pub struct Readout {
    query: Tensor,
    key: Linear,
    decay: Tensor,
    value: Option<Linear>,
    project: Tensor,
    heads: usize,
    groups: usize,
}

impl Readout {
    /// The prefix of its parameters' names.
    pub const PREFIX: &str = "readout";

    /// From its parameters.
    pub fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        let Some(sizes) = config.readout() else {
            bail!("a model without pooling = \"readout\" has no readout");
        };
        let source = source.part(Self::PREFIX);
        let (heads, groups) = (sizes.heads, config.readout_groups());
        let (key_dim, width) = (sizes.key_dim, config.set_width());
        let (value, head_width) = match sizes.value_dim {
            0 => (None, width),
            own => {
                let part = source.part("value");
                let linear = Linear::new(&part, width, heads * own, LinearInit::Torch)?;
                (Some(linear), own)
            }
        };
        let inputs = heads * head_width;
        let query = source.get("query", &[groups, heads, key_dim], Init::ScaledNormal(0.2))?;
        let decay = source.get("decay", &[groups, heads], Init::Cycle(&FIRST_DECAYS))?;
        let spread = Init::ScaledNormal(1.0 / (inputs as f32).sqrt());
        let project = source.get("project", &[groups, inputs, sizes.output_dim], spread)?;
        Ok(Self {
            query: query.reshape((groups * heads, key_dim))?,
            key: Linear::new(&source.part("key"), width, key_dim, LinearInit::Torch)?,
            decay: decay.flatten_all()?,
            value,
            project,
            heads,
            groups,
        })
    }

    /// What the readout looks at, [sets, 3·latent_dim]: `hidden` [sets, latent_dim] and what
    /// [`of_posterior`] gives.
    pub fn inputs(hidden: &Tensor, of_posterior: &Tensor) -> Result<Tensor> {
        Tensor::cat(&[hidden, of_posterior], 1)
    }

    /// `inputs` [sets, 3·latent_dim] as seen from `moments`, (stay, set) by their places in `batch`:
    /// [moments, groups, output_dim].
    pub fn forward(
        &self,
        inputs: &Tensor,
        batch: &Batch,
        moments: &[(usize, usize)],
    ) -> Result<Tensor> {
        let glances = Glances {
            stay_starts: batch.stay_starts.clone(),
            times: batch.times_in(UNIT_MINUTES).into(),
            moments: moments.into(),
            heads: self.heads,
            shared_values: self.value.is_none(),
        };
        let keys = self.key.forward(inputs)?;
        let nothing = Tensor::zeros(self.query.dim(0)?, keys.dtype(), keys.device())?;
        let scores = ops::linear(&keys, &self.query, &nothing)?;
        let values = match &self.value {
            None => inputs.clone(),
            Some(value) => value.forward(inputs)?,
        };
        let pooled = ops::attend_with_decay(&scores, &self.rates()?, &values, &glances)?;
        let pooled = pooled.reshape((moments.len(), self.groups, self.project.dim(1)?))?;
        ops::grouped_linear(&pooled, &self.project)
    }

    /// Every stay as seen from its last set, [stays, groups·output_dim].
    pub fn of_stays(&self, inputs: &Tensor, batch: &Batch) -> Result<Tensor> {
        let ends = batch.stay_starts[1..].iter().enumerate();
        let last: Vec<(usize, usize)> = ends.map(|(stay, end)| (stay, end - 1)).collect();
        self.forward(inputs, batch, &last)?.flatten_from(1)
    }

    /// softplus of the decays, in 1/6 h: [queries].
    fn rates(&self) -> Result<Tensor> {
        let below = (self.decay.abs()?.neg()?.exp()? + 1.0)?.log()?;
        self.decay.relu()? + below
    }
}

/// Of the posterior, what the readout looks at: [`latents` normalised, σ], [sets, 2·latent_dim]. The latents are
/// those that the sequence part reads: μ, or in pretraining what was drawn.
pub fn of_posterior(latents: &Tensor, posterior: &Posterior) -> Result<Tensor> {
    let width = latents.dim(1)?;
    let ones = Tensor::ones(width, DType::F32, latents.device())?;
    let normalised = ops::layer_norm(latents, &ones, &ones.zeros_like()?, LayerNorm::EPS)?;
    Tensor::cat(&[normalised, posterior.std()?], 1)
}
