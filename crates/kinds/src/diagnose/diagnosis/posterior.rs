//! The posterior over the sets of the split, and what the logits make of it.

use candle_core::Tensor;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Verdict};
use super::range::Range;
use super::subject::{Subject, margins};
use pipeline_error::Error;
use pipeline_metrics::auroc;
use pipeline_model::backbone::{Activations, Step};
use pipeline_model::batch::Batch;
use pipeline_model::config::Fusion;
use pipeline_model::noise::Noise;
use pipeline_train::monitor::{MonitorSettings, PosteriorMoments, PosteriorSummary};

/// Stays in one pass; a constant, so that no sum depends on the number of threads.
const SHARD_STAYS: usize = 8;
/// Logits that move less than this share of their deviation do not depend on what was taken away.
const MIN_CHANGE: f64 = 1e-3;

/// The posterior over the sets of the split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PosteriorReport {
    /// Sets.
    pub sets: usize,
    /// KL divergence from the prior, nats a set.
    pub kl: f64,
    /// Latent dimensions whose mu varies across sets by more than 0.01 (Burda et al. 2016).
    pub active_units: usize,
    /// The latent dimensions, in order.
    pub dimensions: Vec<LatentDimension>,
}

/// One latent dimension over the sets of the split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatentDimension {
    /// Mean KL divergence from the prior, nats.
    pub kl: f64,
    /// Mean of mu.
    pub mu_mean: f64,
    /// Variance of mu across sets.
    pub mu_variance: f64,
    /// Mean of logvar.
    pub logvar_mean: f64,
    /// Variance of logvar across sets.
    pub logvar_variance: f64,
}

/// What becomes of the logits where a part of the posterior is replaced by its mean over the sets of the split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sensitivity {
    /// AUROC of the model as it is; null where a class is missing.
    pub auroc: Option<f64>,
    /// AUROC without mu.
    pub auroc_without_mu: Option<f64>,
    /// AUROC without logvar.
    pub auroc_without_logvar: Option<f64>,
    /// Root mean square of the change of the logit without mu, over the logit's deviation; null where that is 0.
    pub change_without_mu: Option<f64>,
    /// The same without logvar.
    pub change_without_logvar: Option<f64>,
}

/// Looks at the posterior.
pub fn look(
    subject: &Subject,
    positives: &[bool],
) -> Result<(PosteriorReport, Sensitivity, Vec<Finding>), Error> {
    let moments = moments(subject)?;
    let settings = MonitorSettings::default();
    let summary = PosteriorSummary::new(&moments, settings.active_variance);
    let dimensions = moments.dimensions.iter().map(|one| LatentDimension {
        kl: one.kl,
        mu_mean: one.mu.mean,
        mu_variance: one.mu.variance,
        logvar_mean: one.logvar.mean,
        logvar_variance: one.logvar.variance,
    });
    let report = PosteriorReport {
        sets: moments.sets,
        kl: summary.kl,
        active_units: summary.active_units as usize,
        dimensions: dimensions.collect(),
    };
    let sensitivity = ablate(subject, &report, positives)?;
    let mut findings = vec![
        activity(&report, &summary, &settings),
        uncertainty(&summary, &settings),
    ];
    findings.extend(dependence(
        &sensitivity,
        subject.artifact.config.classifier.fusion,
    ));
    Ok((report, sensitivity, findings))
}

fn moments(subject: &Subject) -> Result<PosteriorMoments, Error> {
    let (backbone, embeddings) = (subject.backbone()?, subject.embeddings()?);
    let shards = subject.stays.par_chunks(SHARD_STAYS).map(|shard| {
        subject.check_interruption()?;
        let batch = Batch::new(subject.dataset, shard, &subject.device)?;
        let rows = backbone.posterior_rows(&batch, &embeddings)?.rows;
        Ok(PosteriorMoments::of(&backbone.posterior(&rows)?, 0.0)?)
    });
    let shards: Vec<PosteriorMoments> = shards.collect::<Result<_, Error>>()?;
    let mut total = PosteriorMoments::default();
    shards.iter().for_each(|shard| total.add(shard));
    Ok(total)
}

/// Logits as they are, without mu and without logvar.
fn ablate(
    subject: &Subject,
    report: &PosteriorReport,
    positives: &[bool],
) -> Result<Sensitivity, Error> {
    let (backbone, embeddings) = (subject.backbone()?, subject.embeddings()?);
    let head = subject.head(&subject.device)?;
    let width = report.dimensions.len();
    let mean_of = |of: fn(&LatentDimension) -> f64| {
        let means = report.dimensions.iter().map(|one| of(one) as f32);
        Tensor::from_vec(means.collect(), (1, width), &subject.device)
    };
    let (mu_mean, logvar_mean) = (mean_of(|one| one.mu_mean)?, mean_of(|one| one.logvar_mean)?);
    let shards = subject.stays.par_chunks(SHARD_STAYS).map(|shard| {
        subject.check_interruption()?;
        let batch = Batch::new(subject.dataset, shard, &subject.device)?;
        let whole = backbone.posterior_rows(&batch, &embeddings)?;
        let sets = batch.sets();
        let (mu, logvar) = (
            whole.rows.narrow(1, 0, width)?,
            whole.rows.narrow(1, width, width)?,
        );
        let rows = [
            whole.rows.clone(),
            Tensor::cat(
                &[&mu_mean.broadcast_as((sets, width))?.contiguous()?, &logvar],
                1,
            )?,
            Tensor::cat(
                &[&mu, &logvar_mean.broadcast_as((sets, width))?.contiguous()?],
                1,
            )?,
        ];
        let logits = rows.map(|rows| -> Result<Vec<f64>, Error> {
            let activations = Activations {
                rows,
                beside: None,
                posterior: None,
            };
            let features = backbone.features(activations, Step::Fuse, &batch, &Noise::Off)?;
            margins(&head.forward(&features, [0.0; 3], &Noise::Off)?)
        });
        let [whole, no_mu, no_logvar] = logits;
        Ok([whole?, no_mu?, no_logvar?])
    });
    let shards: Vec<[Vec<f64>; 3]> = shards.collect::<Result<_, Error>>()?;
    let [whole, no_mu, no_logvar] = [0, 1, 2].map(|at| {
        shards
            .iter()
            .flat_map(|shard| shard[at].clone())
            .collect::<Vec<f64>>()
    });
    let deviation = Range::of(whole.iter().copied()).std;
    let change = |other: &[f64]| {
        let squares = whole.iter().zip(other).map(|(a, b)| (a - b).powi(2));
        let change = (squares.sum::<f64>() / whole.len() as f64).sqrt() / deviation;
        Some(change).filter(|change| change.is_finite())
    };
    Ok(Sensitivity {
        auroc: auroc(positives, &whole)?,
        auroc_without_mu: auroc(positives, &no_mu)?,
        auroc_without_logvar: auroc(positives, &no_logvar)?,
        change_without_mu: change(&no_mu),
        change_without_logvar: change(&no_logvar),
    })
}

fn activity(
    report: &PosteriorReport,
    summary: &PosteriorSummary,
    settings: &MonitorSettings,
) -> Finding {
    let (active, width) = (report.active_units, report.dimensions.len());
    let few = (active as f64) < settings.min_active_fraction * width as f64;
    let what = match active {
        0 => format!(
            "the posterior has collapsed: mu is the same for every set in all {width} latent dimensions"
        ),
        _ => format!(
            "{active} of {width} latent dimensions vary across {} sets",
            report.sets
        ),
    };
    Finding::new(
        "active_units",
        Verdict::of(active == 0, few),
        what,
        "fault: mu has a variance above 0.01 across sets in no latent dimension (Burda et al. 2016); warning: in less than a tenth of them",
        "pretrain with a smaller `max_beta`, a longer `beta_warmup_steps` or more `free_bits`; if pretraining was sound, look at the audit of the import",
    )
    .value("active_units", active as f64)
    .value("latent_dimensions", width as f64)
    .value("kl", summary.kl)
    .value("mu_variance", summary.mu_variance)
}

fn uncertainty(summary: &PosteriorSummary, settings: &MonitorSettings) -> Finding {
    let variance = summary.logvar_variance;
    let constant = variance < settings.min_logvar_variance;
    let what = match constant {
        true => {
            format!("nearly the same uncertainty for every set: logvar varies by {variance:.2e}")
        }
        false => format!("logvar varies by {variance:.4} across sets"),
    };
    Finding::new(
        "logvar_variance",
        Verdict::of(false, constant),
        what,
        "warning: the variance of logvar across sets, mean over latent dimensions, is below 1e-4",
        "the reference's objective gives logvar no gradient from the data; pretrain with `objective = \"elbo\"`",
    )
    .value("logvar_variance", variance)
    .value("variance_min", summary.variance_min)
    .value("variance_max", summary.variance_max)
}

fn dependence(sensitivity: &Sensitivity, fusion: Fusion) -> [Finding; 2] {
    let is_deaf = |change: Option<f64>| change.is_none_or(|change| change < MIN_CHANGE);
    let shown = |area: Option<f64>| area.map_or("undefined".into(), |area| format!("{area:.3}"));
    let told = |part: &str, without: Option<f64>, change: Option<f64>| match change {
        None => "the logit is the same for every stay".to_string(),
        Some(change) => format!(
            "with {part} replaced by its mean the logit moves by {:.1} % of its deviation, and the AUROC goes from {} to {}",
            change * 100.0,
            shown(sensitivity.auroc),
            shown(without)
        ),
    };
    let drop = |without: Option<f64>| sensitivity.auroc.zip(without).map(|(a, b)| a - b);
    let (mu, logvar) = (
        sensitivity.change_without_mu,
        sensitivity.change_without_logvar,
    );
    let mu_told = told("mu", sensitivity.auroc_without_mu, mu);
    let (logvar_told, reads_logvar) = match fusion {
        Fusion::None => ("this fusion does not read logvar".to_string(), false),
        _ => (
            told("logvar", sensitivity.auroc_without_logvar, logvar),
            true,
        ),
    };
    let mu_finding = Finding::new(
        "mu_sensitivity",
        Verdict::of(is_deaf(mu), false),
        mu_told,
        "fault: without mu the logit moves by less than 0.1 % of its deviation, or it is the same for every stay",
        "look at `active_units` and `probabilities`: the head answers without looking at the events",
    );
    let logvar_finding = Finding::new(
        "logvar_sensitivity",
        Verdict::of(false, reads_logvar && is_deaf(logvar)),
        logvar_told,
        "warning: the fusion reads logvar, and without it the logit moves by less than 0.1 % of its deviation",
        "look at `logvar_variance`; `fusion = \"none\"` says the same with less",
    );
    [
        mu_finding
            .value("change", mu)
            .value("auroc_drop", drop(sensitivity.auroc_without_mu)),
        logvar_finding
            .value("change", logvar)
            .value("auroc_drop", drop(sensitivity.auroc_without_logvar)),
    ]
}
