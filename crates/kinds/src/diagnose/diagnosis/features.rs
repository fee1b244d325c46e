//! The features of stays: what the head sees.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Verdict};
use super::range::Range;
use super::spectrum::effective_rank;
use super::subject::Subject;
use pipeline_error::Error;
use pipeline_error::listed::first_of;
use pipeline_metrics::auroc;
use pipeline_model::config::Pooling;

/// A feature is constant if its standard deviation is below this share of the largest one, or of its own mean.
const CONSTANT: f64 = 1e-5;
/// A smaller effective rank is a fault.
const MIN_RANK: f64 = 1.5;
/// An effective rank of a smaller share of the features is a warning.
const MIN_RANK_FRACTION: f64 = 0.05;
/// Features that a message names.
const SHOWN: usize = 8;
/// Rows that are summed by themselves: constant, so that no result depends on the number of threads.
const SHARD_ROWS: usize = 256;

/// The features of the split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FeatureReport {
    /// exp of the entropy of the normalised singular values of the centred features (Roy and Vetterli 2007).
    pub effective_rank: f64,
    /// Features that are the same for every stay, counted from 0.
    pub constant: Vec<usize>,
    /// The feature that ranks the stays best by itself; none where a class is missing.
    pub best: Option<usize>,
    /// The features, in order.
    pub columns: Vec<FeatureColumn>,
}

/// One feature on the split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FeatureColumn {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub std: f64,
    /// Its AUROC, or that of its negative where that is more; null where a class is missing.
    pub auroc: Option<f64>,
    /// (difference of the classes' means)² / (sum of their variances): Fisher's ratio. Null where that is undefined.
    pub fisher_ratio: Option<f64>,
}

/// Looks at the features.
pub fn look(subject: &Subject, positives: &[bool]) -> Result<(FeatureReport, Vec<Finding>), Error> {
    let values = subject.table.vectors(&subject.table.rows_of(subject.split));
    let width = subject.table.width;
    let columns = (0..width).into_par_iter().map(|feature| {
        let column = values.iter().skip(feature).step_by(width);
        let column: Vec<f64> = column.map(|value| f64::from(*value)).collect();
        column_of(&column, positives)
    });
    let columns: Vec<FeatureColumn> = columns.collect::<Result<_, Error>>()?;
    let largest = columns.iter().map(|column| column.std).fold(0.0, f64::max);
    let is_constant =
        |column: &FeatureColumn| column.std <= CONSTANT * largest.max(column.mean.abs());
    let constant = (0..width).filter(|feature| is_constant(&columns[*feature]));
    let score = |feature: &usize| columns[*feature].auroc.unwrap_or_default();
    let best = (0..width).max_by(|a, b| score(a).total_cmp(&score(b)).then(b.cmp(a)));
    let report = FeatureReport {
        effective_rank: effective_rank(covariance(&values, &columns), width),
        constant: constant.collect(),
        best: best.filter(|feature| columns[*feature].auroc.is_some()),
        columns,
    };
    let findings = vec![
        constants(&report, subject.artifact.config.classifier.pooling),
        rank(&report),
        separation(&report, positives),
    ];
    Ok((report, findings))
}

fn column_of(column: &[f64], positives: &[bool]) -> Result<FeatureColumn, Error> {
    let range = Range::of(column.iter().copied());
    let of_class = |class: bool| {
        let rows = column
            .iter()
            .zip(positives)
            .filter(move |(_, own)| **own == class);
        Range::of(rows.map(|(value, _)| *value))
    };
    let (ones, zeros) = (of_class(true), of_class(false));
    let ratio = (ones.mean - zeros.mean).powi(2) / (ones.std.powi(2) + zeros.std.powi(2));
    let area = auroc(positives, column)?;
    Ok(FeatureColumn {
        mean: range.mean,
        std: range.std,
        auroc: area.map(|area| area.max(1.0 - area)),
        fisher_ratio: area.map(|_| ratio).filter(|ratio| ratio.is_finite()),
    })
}

/// Row-major [width, width].
fn covariance(values: &[f32], columns: &[FeatureColumn]) -> Vec<f64> {
    let width = columns.len();
    let shards: Vec<Vec<f64>> = values
        .par_chunks(width * SHARD_ROWS)
        .map(|rows| {
            let mut sum = vec![0.0; width * width];
            for row in rows.chunks_exact(width) {
                let row = row.iter().zip(columns);
                let row: Vec<f64> = row.map(|(x, of)| f64::from(*x) - of.mean).collect();
                for (line, x) in sum.chunks_exact_mut(width).zip(&row) {
                    line.iter_mut().zip(&row).for_each(|(sum, y)| *sum += x * y);
                }
            }
            sum
        })
        .collect();
    let mut total = vec![0.0; width * width];
    for shard in shards {
        total
            .iter_mut()
            .zip(shard)
            .for_each(|(sum, part)| *sum += part);
    }
    total
}

fn constants(report: &FeatureReport, pooling: Pooling) -> Finding {
    let width = report.columns.len();
    let zero = |feature: &&usize| report.columns[**feature].mean == 0.0;
    let resting = report.constant.iter().filter(zero).count();
    // The ReLU of multi-scale pooling leaves some features at 0; nothing else does.
    let tolerated =
        pooling == Pooling::Multiscale && resting == report.constant.len() && 2 * resting <= width;
    let any = !report.constant.is_empty();
    let what = match any {
        false => "every feature varies".to_string(),
        true => format!(
            "the same for every stay: {} of {width} features ({})",
            report.constant.len(),
            first_of(&report.constant, SHOWN)
        ),
    };
    Finding::new(
        "constant_features",
        Verdict::of(any && !tolerated, any),
        what,
        "fault: a feature is the same for every stay of the split (its standard deviation is below 1e-5 of the largest, or of its mean); warning, behind the ReLU of multi-scale pooling: at most half of them are 0",
        "look at the parameters that make this feature: the last norm's weight, or the pooling",
    )
    .value("constant", report.constant.len() as f64)
}

fn rank(report: &FeatureReport) -> Finding {
    let (rank, width) = (report.effective_rank, report.columns.len());
    Finding::new(
        "effective_rank",
        Verdict::of(rank < MIN_RANK, rank < MIN_RANK_FRACTION * width as f64),
        format!("{width} features fill {rank:.1} directions"),
        "fault: an effective rank below 1.5; warning: below 5 % of the features",
        "look at `active_units`; pretrain longer, or with a smaller `max_beta`",
    )
    .value("effective_rank", rank)
    .value("features", width as f64)
}

fn separation(report: &FeatureReport, positives: &[bool]) -> Finding {
    let best = report
        .best
        .map(|feature| (feature, report.columns[feature]));
    let area = best.and_then(|(_, column)| column.auroc);
    // The largest of n normal numbers is near √(2 ln n).
    let width = report.columns.len() as f64;
    let chance = 0.5 + super::probes::chance_error(positives) * (2.0 * width.ln()).sqrt();
    let chance = chance.min(1.0);
    let what = match (best, area) {
        (Some((feature, _)), Some(area)) => {
            format!(
                "feature {feature} alone has an AUROC of {area:.3}; the best of {width} would have about {chance:.3} by chance"
            )
        }
        _ => "the split has one class only".into(),
    };
    Finding::new(
        "class_separation",
        Verdict::of(false, area.is_none_or(|area| area <= chance)),
        what,
        "warning: no feature by itself ranks the stays better than the best of as many random ones",
        "no fault by itself: look at `linear_probe`, which sees all features at once",
    )
    .value("best_auroc", area)
    .value(
        "best_fisher_ratio",
        best.and_then(|(_, column)| column.fisher_ratio),
    )
    .value("chance", Some(chance))
}
