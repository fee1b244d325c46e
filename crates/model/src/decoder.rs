//! The decoder: a set's hidden vector → its events, one row an event, grown from random seeds.

use candle_core::{Result, Tensor};

use super::batch::DecodedSets;
use super::config::{DecoderQueries, ModelConfig};
use super::layers::{Isab, LayerNorm, Linear, LinearInit, Mab};
use super::noise::Noise;
use super::ops::{self, Attention};
use super::parameter::ParameterSource;

const DROPOUT: f64 = 0.1;

/// Reconstructs every event of a batch from the hidden vector of its set.
#[derive(Clone, Debug)]
pub struct Decoder {
    layers: Vec<DecoderLayer>,
    query: Option<Linear>,
    out: Linear,
    latent_dim: usize,
}

impl Decoder {
    /// The decoder's layers from their parameters.
    pub fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        let layers = (0..config.levels)
            .map(|level| DecoderLayer::new(&source.part("decoder_layers").part(level), config))
            .collect::<Result<_>>()?;
        let (latent, reduced) = (config.latent_dim, config.reduced_dim);
        let query = match config.decoder_queries {
            DecoderQueries::Noise => None,
            DecoderQueries::Variables => Some(Linear::new(
                &source.part("query"),
                reduced,
                latent,
                LinearInit::Torch,
            )?),
        };
        Ok(Self {
            layers,
            query,
            out: Linear::new(&source.part("out"), latent, reduced, LinearInit::Torch)?,
            latent_dim: latent,
        })
    }

    /// Seeds of every level, [events, latent_dim] each; `units` [events, reduced_dim] are the directions of the
    /// events' variables, which learn nothing from this.
    pub fn seeds(&self, sets: &DecodedSets, units: &Tensor, noise: &Noise) -> Result<Vec<Tensor>> {
        if let Some(query) = &self.query {
            let queries = query.forward(&units.detach())?;
            return Ok(vec![queries; self.layers.len()]);
        }
        let (width, device) = (self.latent_dim, units.device());
        (0..self.layers.len() as u64)
            .map(|level| noise.decoder_seeds(sets.events_by_stay(), level, width, device))
            .collect()
    }

    /// `hidden` [sets, latent_dim], `seeds` by level → [events, reduced_dim].
    ///
    /// The highest level starts from one row a set, where attention over a single key does not
    /// depend on the query: that level is a small network on one row, whatever the seeds.
    pub fn forward(
        &self,
        hidden: &Tensor,
        seeds: &[Tensor],
        sets: &DecodedSets,
        noise: &Noise,
    ) -> Result<Tensor> {
        let mut current: Option<Tensor> = None;
        for (layer, seeds) in self.layers.iter().zip(seeds).rev() {
            let (attended, residual) = match &current {
                None => {
                    let row = layer.forward_single_row(hidden)?;
                    let spread =
                        |rows: &Tensor| ops::spread(rows, &sets.set_of_event, &sets.set_starts);
                    (spread(&row)?, spread(hidden)?)
                }
                Some(rows) => (layer.forward(rows, seeds, &sets.set_starts)?, rows.clone()),
            };
            current = Some(noise.add_dropped_sum(&residual, &attended, seeds, DROPOUT)?);
        }
        match current {
            Some(rows) => self.out.forward(&rows),
            None => candle_core::bail!("a decoder has at least one level"),
        }
    }
}

/// ISAB, then pooling by attention from random seeds (Lee et al. 2019, PMA).
#[derive(Clone, Debug)]
pub(super) struct DecoderLayer {
    isab: Isab,
    pma_ff: Linear,
    pma_norm: LayerNorm,
    pma_mab: Mab,
}

impl DecoderLayer {
    pub(super) fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        let (width, heads, init) = (config.latent_dim, config.heads, LinearInit::Torch);
        let pma = source.part("pma");
        Ok(Self {
            isab: Isab::new(
                &source.part("isab"),
                width,
                heads,
                config.inducing_points,
                init,
            )?,
            pma_ff: Linear::new(&pma.part("ff"), width, width, init)?,
            pma_norm: LayerNorm::new(&pma.part("ln"), width, LayerNorm::EPS)?,
            pma_mab: Mab::new(&pma.part("mab"), width, heads, init)?,
        })
    }

    fn keys(&self, z: &Tensor) -> Result<Tensor> {
        self.pma_norm.forward(&ops::gelu(&self.pma_ff.forward(z)?)?)
    }

    fn forward_single_row(&self, rows: &Tensor) -> Result<Tensor> {
        self.pma_mab
            .forward_single_key(&self.keys(&self.isab.forward_single_key(rows)?)?)
    }

    fn forward(&self, rows: &Tensor, seeds: &Tensor, set_starts: &[usize]) -> Result<Tensor> {
        let keys = self.keys(&self.isab.forward(rows, set_starts)?)?;
        self.pma_mab.forward(seeds, &keys, |heads, scale| {
            Attention::within(set_starts, heads, scale, false)
        })
    }
}
