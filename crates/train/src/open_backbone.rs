//! A backbone with trainable parameters: what lies below them is computed once, what lies above in every step.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;

use super::gradients::Variables;
use super::head::LabelledFeatures;
use super::head_input::HeadInput;
use super::watch::Watch;
use pipeline_data::dataset::Dataset;
use pipeline_data::target::Truth;
use pipeline_error::Error;
use pipeline_model::backbone::{Activations, Backbone, Step};
use pipeline_model::batch::Batch;
use pipeline_model::config::ModelConfig;
use pipeline_model::noise::Noise;
use pipeline_model::parameter::{ParameterSource, Parameters};
use pipeline_model::precision::Precision;
use pipeline_random::Stream;

/// Stays whose graph is built at once on one thread: constant, as it fixes the order of all sums.
const SHARD_STAYS: usize = 4;
/// Activations of frozen steps are kept up to this size, and else computed in every step. Constant
/// again: rows that are computed in other company may differ in their last bit.
const MAX_KEPT_BYTES: usize = 2 << 30;

/// What a backbone in training is made of.
pub struct Opening<'a> {
    /// The architecture.
    pub model: &'a ModelConfig,
    /// The backbone's frozen parameters.
    pub frozen: Parameters,
    /// Dropout of the transformer's layers that are trained.
    pub dropout: f64,
    /// How exact the products of linear layers are.
    pub precision: Precision,
    /// The data.
    pub dataset: &'a Dataset,
    /// Embeddings of the variables, [variables, input_dim].
    pub embeddings: Tensor,
    /// The stage's seed.
    pub seed: u64,
    /// Where tensors live.
    pub device: &'a Device,
    /// Progress and interruption.
    pub watch: &'a dyn Watch,
}

/// A backbone in training, on the threads of the rayon pool it is used in.
pub struct OpenBackbone<'a> {
    dataset: &'a Dataset,
    embeddings: Tensor,
    device: &'a Device,
    watch: &'a dyn Watch,
    dropout: Stream,
    /// Its trainable parameters are variables, so what they enter has a graph.
    in_training: Backbone,
    /// The same numbers without a graph and without dropout.
    in_evaluation: Backbone,
    /// The first step with trainable parameters, or [`Step::Encode`] where nothing is kept.
    start: Step,
    /// What that step reads, by stay.
    kept: BTreeMap<usize, Activations>,
}

/// Some stays under a backbone in training.
pub struct OpenStays<'a> {
    backbone: &'a OpenBackbone<'a>,
    stays: Vec<usize>,
    truth: Truth,
}

impl<'a> OpenBackbone<'a> {
    /// Trains those of `variables` that are the backbone's, and computes for `stays` what that does not change.
    ///
    /// Fails where none of them is the backbone's, or a parameter is missing.
    pub fn new(
        opening: Opening<'a>,
        variables: &Variables,
        stays: &[usize],
    ) -> Result<Self, Error> {
        Self::keeping(MAX_KEPT_BYTES, opening, variables, stays)
    }

    fn keeping(
        max_bytes: usize,
        opening: Opening<'a>,
        variables: &Variables,
        stays: &[usize],
    ) -> Result<Self, Error> {
        let trained = Step::of_parameters(variables.keys());
        let Some(first) = trained.first().copied() else {
            return Err(Error::stage("no parameter of the backbone is trainable"));
        };
        let model = opening.model;
        let backbone = |tensor: fn(&Var) -> Tensor| {
            let variables = variables.iter();
            let mut parameters = opening.frozen.clone();
            parameters.extend(variables.map(|(name, variable)| (name.clone(), tensor(variable))));
            let source = ParameterSource::given(&parameters).with_precision(opening.precision);
            Backbone::trained(&source, model, trained.clone(), opening.dropout)
        };
        let in_training = backbone(|variable| variable.as_tensor().clone())?;
        let in_evaluation = backbone(Var::as_detached_tensor)?;
        let kept_bytes = kept_bytes(model, opening.dataset, first, stays);
        let mut open = Self {
            dataset: opening.dataset,
            embeddings: opening.embeddings,
            device: opening.device,
            watch: opening.watch,
            dropout: Stream::new(opening.seed, "backbone dropout"),
            in_training,
            in_evaluation,
            start: match kept_bytes <= max_bytes {
                true => first,
                false => Step::Encode,
            },
            kept: BTreeMap::new(),
        };
        if open.start > Step::Encode {
            open.kept = open.keep(stays)?;
        }
        Ok(open)
    }

    /// `stays` of the dataset, of which `truth` is true.
    pub fn stays(&'a self, stays: &[usize], truth: Truth) -> OpenStays<'a> {
        OpenStays {
            backbone: self,
            truth,
            stays: stays.to_vec(),
        }
    }

    /// How much of the work is done once, in words.
    pub fn describe(&self) -> String {
        let kept = match self.kept.len() {
            0 => String::new(),
            stays => format!("; what it reads was computed once for {stays} stays"),
        };
        format!("{} runs in every step{kept}", self.start.describe())
    }

    fn check_interruption(&self) -> Result<(), Error> {
        match self.watch.is_interrupted() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    /// What the first trained step reads of every stay.
    fn keep(&self, stays: &[usize]) -> Result<BTreeMap<usize, Activations>, Error> {
        let done = std::sync::atomic::AtomicU64::new(0);
        let shard = |shard: &[usize]| -> Result<Vec<(usize, Activations)>, Error> {
            self.check_interruption()?;
            let batch = Batch::new(self.dataset, shard, self.device)?;
            let start = Activations::of_embeddings(&self.embeddings);
            let range = Step::Encode..self.start;
            let whole = self
                .in_evaluation
                .advance(start, range, &batch, &Noise::Off)?;
            let count = shard.len() as u64;
            let done = done.fetch_add(count, std::sync::atomic::Ordering::Relaxed) + count;
            let message = "what stays frozen".to_string();
            self.watch.progress(done, stays.len() as u64, message);
            split(&whole, &batch)
        };
        let shards: Vec<_> = stays
            .par_chunks(SHARD_STAYS)
            .map(shard)
            .collect::<Result<_, Error>>()?;
        Ok(shards.into_iter().flatten().collect())
    }

    /// Features of `shard`, [stays, feature_dim].
    fn features(
        &self,
        backbone: &Backbone,
        shard: &[usize],
        noise: &Noise,
    ) -> Result<Tensor, Error> {
        self.check_interruption()?;
        let batch = Batch::new(self.dataset, shard, self.device)?;
        let activations = match self.start {
            Step::Encode => Activations::of_embeddings(&self.embeddings),
            _ => self.kept_of(shard)?,
        };
        let features = backbone.features(activations, self.start, &batch, noise)?;
        let (_, width) = features.dims2()?;
        let values = features.detach().flatten_all()?.to_vec1::<f32>()?;
        check_finite(&values, width, self.dataset, shard)?;
        Ok(features)
    }

    fn kept_of(&self, shard: &[usize]) -> Result<Activations, Error> {
        let kept = shard.iter().map(|stay| {
            let found = self.kept.get(stay);
            found.ok_or_else(|| {
                let id = &self.dataset.stays[*stay].id;
                Error::stage(format!("nothing was computed beforehand for stay {id}"))
            })
        });
        let kept: Vec<&Activations> = kept.collect::<Result<_, Error>>()?;
        let rows: Vec<&Tensor> = kept.iter().map(|one| &one.rows).collect();
        let together = |part: fn(&Activations) -> Option<&Tensor>| {
            let parts: Vec<&Tensor> = kept.iter().filter_map(|one| part(one)).collect();
            match parts.is_empty() {
                true => Ok(None),
                false => Tensor::cat(&parts, 0).map(Some),
            }
        };
        Ok(Activations {
            rows: Tensor::cat(&rows, 0)?,
            beside: together(|one| one.beside.as_ref())?,
            posterior: together(|one| one.posterior.as_ref())?,
        })
    }
}

/// Bytes of what `step` reads of `stays`.
fn kept_bytes(model: &ModelConfig, dataset: &Dataset, step: Step, stays: &[usize]) -> usize {
    let sets: usize = stays
        .iter()
        .map(|stay| dataset.stays[*stay].sets.len())
        .sum();
    let widths = match step {
        Step::Fuse => 2,
        step if step > Step::Fuse && model.readout().is_some() => 3,
        _ => 1,
    };
    sets * widths * model.latent_dim * size_of::<f32>()
}

/// The activations of every stay by itself.
fn split(whole: &Activations, batch: &Batch) -> Result<Vec<(usize, Activations)>, Error> {
    let stays = batch.stays.iter().zip(batch.stay_starts.windows(2));
    let of_stay = |(index, (stay, pair)): (usize, (&usize, &[usize]))| {
        let beside = whole.beside.as_ref();
        let of_sets = |rows: &Tensor| rows.narrow(0, pair[0], pair[1] - pair[0]);
        let activations = Activations {
            rows: of_sets(&whole.rows)?,
            posterior: whole.posterior.as_ref().map(of_sets).transpose()?,
            beside: beside.map(|rows| rows.narrow(0, index, 1)).transpose()?,
        };
        Ok((*stay, activations))
    };
    stays.enumerate().map(of_stay).collect()
}

/// Fails where a row of the features `values` [stays, width] is not finite, and names the stay.
pub fn check_finite(
    values: &[f32],
    width: usize,
    dataset: &Dataset,
    stays: &[usize],
) -> Result<(), Error> {
    let bad = values
        .chunks_exact(width)
        .position(|row| row.iter().any(|value| !value.is_finite()));
    match bad {
        None => Ok(()),
        Some(row) => Err(Error::stage(format!(
            "the features of stay {} are not finite",
            dataset.stays[stays[row]].id
        ))
        .with_hint(
            "look for extreme values in this stay; `clip` in the data stage bounds z-scores",
        )),
    }
}

impl OpenStays<'_> {
    fn ids(&self, stays: &[usize]) -> Vec<String> {
        let dataset = self.backbone.dataset;
        let stays = stays.iter();
        stays.map(|stay| dataset.stays[*stay].id.clone()).collect()
    }
}

impl HeadInput for OpenStays<'_> {
    fn truth(&self) -> &Truth {
        &self.truth
    }

    fn batch(&self, rows: &[u32], draw: u64) -> Result<LabelledFeatures, Error> {
        let open = self.backbone;
        let stays: Vec<usize> = rows.iter().map(|row| self.stays[*row as usize]).collect();
        let shards: Vec<Tensor> = stays
            .par_chunks(SHARD_STAYS)
            .enumerate()
            .map(|(index, shard)| {
                let noise = Noise::training(&open.dropout, &open.dropout, draw, index as u64);
                open.features(&open.in_training, shard, &noise)
            })
            .collect::<Result<_, Error>>()?;
        let detached: Vec<Tensor> = shards.iter().map(Tensor::detach).collect();
        let features = Var::from_tensor(&Tensor::cat(&detached, 0)?)?;
        Ok(LabelledFeatures {
            ids: self.ids(&stays),
            features: features.into_inner(),
            truth: self.truth.rows(rows.iter().map(|row| *row as usize)),
            shards,
        })
    }

    fn evaluated(&self) -> Result<LabelledFeatures, Error> {
        let open = self.backbone;
        let shards: Vec<Tensor> = self
            .stays
            .par_chunks(SHARD_STAYS)
            .map(|shard| open.features(&open.in_evaluation, shard, &Noise::Off))
            .collect::<Result<_, Error>>()?;
        Ok(LabelledFeatures {
            ids: self.ids(&self.stays),
            features: Tensor::cat(&shards, 0)?,
            truth: self.truth.clone(),
            shards: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests;
