//! The classifier without its head, as steps: what lies below the first one that is trained need not run twice.

use std::collections::BTreeSet;

use candle_core::{Result, Tensor, bail};

use super::batch::Batch;
use super::classifier::Head;
use super::config::{Fusion, ModelConfig};
use super::fusion::FusionLayer;
use super::noise::Noise;
use super::parameter::ParameterSource;
use super::pooling::{MultiscalePooling, PoolingLayer, pool_posterior};
use super::readout::{Readout, of_posterior};
use super::sequence::SequencePart;
use super::set_encoder::{Posterior, SetEncoder};
use super::time_bias::TimeBias;

/// The prefix of the set encoder's parameters.
const ENCODER: &str = "setvae.setvae";

/// One step of the backbone, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Events to the aggregates of sets.
    Encode,
    /// Aggregates to μ and logvar.
    Posterior,
    /// μ and logvar to the sequence part's input.
    Fuse,
    /// Positions and times are added.
    Embed,
    /// A layer of the transformer, counted from 0.
    Layer(usize),
    /// The norm after the last layer.
    Norm,
    /// The outputs of a stay's sets to its features.
    Pool,
}

impl Step {
    /// The step that a parameter of the classifier takes part in; none for the head's.
    ///
    /// A name that no step is known for counts as the first one's: to start there is right for any.
    pub fn of_parameter(name: &str) -> Option<Step> {
        let below = |prefix: &str| name.strip_prefix(prefix)?.strip_prefix('.');
        if Head::owns(name) {
            return None;
        }
        if TimeBias::PARAMETERS.contains(&name) {
            return Some(Step::Layer(0));
        }
        if let Some(rest) = below(ENCODER) {
            return Some(match rest.starts_with("mu_logvar.") {
                true => Step::Posterior,
                false => Step::Encode,
            });
        }
        if let Some(rest) = below("transformer.layers") {
            let layer = rest.split('.').next().unwrap_or_default().parse();
            return Some(layer.map_or(Step::Encode, Step::Layer));
        }
        let others = [
            (FusionLayer::PREFIX, Step::Fuse),
            ("rel_time_bucket_embed", Step::Embed),
            ("post_transformer_norm", Step::Norm),
            (MultiscalePooling::PREFIXES[0], Step::Pool),
            (MultiscalePooling::PREFIXES[1], Step::Pool),
            (Readout::PREFIX, Step::Pool),
        ];
        let found = others.iter().find(|(prefix, _)| below(prefix).is_some());
        Some(found.map_or(Step::Encode, |(_, step)| *step))
    }

    /// What runs where this is the first step, in words.
    pub fn describe(self) -> String {
        match self {
            Step::Encode => "the whole backbone".into(),
            Step::Posterior => "all from the posterior on".into(),
            Step::Fuse => "all from the fusion on".into(),
            Step::Embed => "all from the time embedding on".into(),
            Step::Layer(layer) => format!("all from transformer layer {layer} on"),
            Step::Norm => "all from the transformer's last norm on".into(),
            Step::Pool => "all from the pooling on".into(),
        }
    }

    /// The steps that any of these parameters take part in.
    pub fn of_parameters<'a>(names: impl IntoIterator<Item = &'a String>) -> BTreeSet<Step> {
        let steps = names.into_iter().map(|name| Step::of_parameter(name));
        steps.flatten().collect()
    }
}

/// What a step reads.
#[derive(Clone, Debug)]
pub struct Activations {
    /// [sets, width], and before [`Step::Encode`] the variables' embeddings [variables, input_dim]. Before
    /// [`Step::Fuse`] a row is [μ, logvar], else latent_dim numbers wide.
    pub rows: Tensor,
    /// What goes to the head beside the pooled outputs, once it is known: [stays, 4·latent_dim].
    pub beside: Option<Tensor>,
    /// What a readout looks at beside the outputs, once it is known: [μ normalised, σ], [sets, 2·latent_dim].
    pub posterior: Option<Tensor>,
}

impl Activations {
    /// What the first step reads: `embeddings` [variables, input_dim].
    pub fn of_embeddings(embeddings: &Tensor) -> Self {
        Self {
            rows: embeddings.clone(),
            beside: None,
            posterior: None,
        }
    }
}

/// The classifier without its head: what makes the features of a stay.
#[derive(Clone, Debug)]
pub struct Backbone {
    encoder: SetEncoder,
    fusion: FusionLayer,
    sequence: SequencePart,
    pooling: PoolingLayer,
    config: ModelConfig,
    trained: BTreeSet<Step>,
}

/// What one pass of the backbone gives.
pub struct BackboneOutput {
    /// Input of the sequence part before positions, [sets, latent_dim].
    pub fused: Tensor,
    /// Output of the transformer, [sets, latent_dim].
    pub hidden: Tensor,
    /// The features of every stay, [stays, [`ModelConfig::feature_dim`]].
    pub features: Tensor,
}

impl Backbone {
    /// The backbone from its parameters, in evaluation mode: without dropout.
    pub fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        Self::trained(source, config, BTreeSet::new(), 0.0)
    }

    /// The steps `trained` have dropout in training, `dropout` that of the transformer's layers among
    /// them; all others are in evaluation mode.
    pub fn trained(
        source: &ParameterSource,
        config: &ModelConfig,
        trained: BTreeSet<Step>,
        dropout: f64,
    ) -> Result<Self> {
        Ok(Self {
            encoder: SetEncoder::new(&source.part(ENCODER), config)?,
            fusion: FusionLayer::new(source, config)?,
            sequence: SequencePart::new(source, config, dropout)?,
            pooling: PoolingLayer::new(source, config)?,
            config: config.clone(),
            trained,
        })
    }

    /// One pass without dropout; `embeddings` [variables, input_dim].
    pub fn forward(&self, batch: &Batch, embeddings: &Tensor) -> Result<BackboneOutput> {
        let noise = Noise::Off;
        let start = Activations::of_embeddings(embeddings);
        let fused = self.advance(start, Step::Encode..Step::Embed, batch, &noise)?;
        let hidden = self.advance(fused.clone(), Step::Embed..Step::Pool, batch, &noise)?;
        Ok(BackboneOutput {
            fused: fused.rows,
            hidden: hidden.rows.clone(),
            features: self.features(hidden, Step::Pool, batch, &noise)?,
        })
    }

    /// What step [`Step::Fuse`] reads: `embeddings` [variables, input_dim] → rows of [μ, logvar].
    pub fn posterior_rows(&self, batch: &Batch, embeddings: &Tensor) -> Result<Activations> {
        let start = Activations::of_embeddings(embeddings);
        self.advance(start, Step::Encode..Step::Fuse, batch, &Noise::Off)
    }

    /// What step `range.end` reads, from what step `range.start` reads.
    pub fn advance(
        &self,
        mut activations: Activations,
        range: std::ops::Range<Step>,
        batch: &Batch,
        noise: &Noise,
    ) -> Result<Activations> {
        for step in self.steps().filter(|step| range.contains(step)) {
            activations = self.step(step, activations, batch, noise)?;
        }
        Ok(activations)
    }

    /// The features, [stays, [`ModelConfig::feature_dim`]], from what step `start` reads.
    pub fn features(
        &self,
        activations: Activations,
        start: Step,
        batch: &Batch,
        noise: &Noise,
    ) -> Result<Tensor> {
        let last = self.advance(activations, start..Step::Pool, batch, noise)?;
        Ok(self.step(Step::Pool, last, batch, noise)?.rows)
    }

    fn steps(&self) -> impl Iterator<Item = Step> {
        let layers = (0..self.config.transformer_layers).map(Step::Layer);
        [Step::Encode, Step::Posterior, Step::Fuse, Step::Embed]
            .into_iter()
            .chain(layers)
            .chain([Step::Norm, Step::Pool])
    }

    fn step(
        &self,
        step: Step,
        before: Activations,
        batch: &Batch,
        noise: &Noise,
    ) -> Result<Activations> {
        let noise = match self.trained.contains(&step) {
            true => noise,
            false => &Noise::Off,
        };
        let Activations {
            rows,
            mut beside,
            posterior: mut seen,
        } = before;
        let rows = match step {
            Step::Encode => {
                let encoding = self.encoder.forward(batch, &rows, noise)?;
                match encoding.aggregates.into_iter().next_back() {
                    Some(last) => last,
                    None => bail!("a set encoder has at least one level"),
                }
            }
            Step::Posterior => {
                let Posterior { mu, logvar } = self.encoder.posterior(&rows, noise)?;
                Tensor::cat(&[mu, logvar], 1)?
            }
            Step::Fuse => {
                let posterior = self.posterior(&rows)?;
                if self.config.classifier.fusion == Fusion::Concat {
                    beside = Some(pool_posterior(&posterior, batch)?);
                }
                if self.config.readout().is_some() {
                    seen = Some(of_posterior(&posterior.mu, &posterior)?);
                }
                self.fusion.forward(&posterior)?
            }
            Step::Embed => self.sequence.input(&rows, batch)?,
            Step::Layer(layer) => self.sequence.layer(layer, &rows, batch, noise)?,
            Step::Norm => self.sequence.norm(&rows)?,
            Step::Pool => {
                let pooled = self
                    .pooling
                    .forward(&rows, seen.take().as_ref(), batch, noise)?;
                match beside.take() {
                    Some(beside) => Tensor::cat(&[pooled, beside], 1)?,
                    None => pooled,
                }
            }
        };
        Ok(Activations {
            rows,
            beside,
            posterior: seen,
        })
    }

    /// The posterior of every set, from what [`Step::Fuse`] reads.
    pub fn posterior(&self, rows: &Tensor) -> Result<Posterior> {
        let part = |index: usize| {
            let width = self.config.latent_dim;
            rows.narrow(1, index * width, width)?.contiguous()
        };
        Ok(Posterior {
            mu: part(0)?,
            logvar: part(1)?,
        })
    }
}

#[cfg(test)]
mod tests;
