//! What a linear model makes of the features, and of what it is compared with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Verdict};
use super::subject::Subject;
use crate::features::compute;
use pipeline_data::dataset::Split;
use pipeline_data::feature_table::FeatureTable;
use pipeline_data::target::Truth;
use pipeline_error::Error;
use pipeline_metrics::auroc;
use pipeline_model::host::initial_parameters;
use pipeline_random::Stream;
use pipeline_train::baseline::{SummaryFeatures, TrueRows, fit_on_validation};

/// Every so many stays of the training split choose the penalty and are not fitted to.
const HELD_OUT: usize = 5;
/// So many standard errors above 0.5 an AUROC is no chance.
const ERRORS: f64 = 2.0;
/// So many standard errors above 0.5 an AUROC with shuffled labels is a warning.
const CONTROL_ERRORS: f64 = 3.0;
/// With a larger distance to be told from chance, a split says nothing about it.
const MAX_BLUR: f64 = 0.15;
/// A head that is worse than the probe by more is a warning.
const MAX_LOSS: f64 = 0.05;
/// Pretrained features that are better than untrained ones by less are a warning.
const MIN_GAIN: f64 = 0.01;

/// AUROC on the split of logistic regressions that are fitted to the training split; null where a class is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeReport {
    /// On the features.
    pub features: Option<f64>,
    /// On the features, with the training labels shuffled.
    pub shuffled_labels: Option<f64>,
    /// On the features of a backbone of the same architecture that was never trained.
    pub untrained_backbone: Option<f64>,
    /// On summaries of the data (mean, minimum, maximum, last, count and missingness of every variable), without the model.
    pub data_summaries: Option<f64>,
    /// The head itself.
    pub head: Option<f64>,
    /// Standard error of an AUROC of scores that know nothing (Mann and Whitney 1947).
    pub chance_error: Option<f64>,
}

/// Standard error of the AUROC of scores that know nothing: √((P + N + 1) / (12 P N)). Infinite where a class is missing.
pub fn chance_error(positives: &[bool]) -> f64 {
    let ones = positives.iter().filter(|is| **is).count() as f64;
    let zeros = positives.len() as f64 - ones;
    ((ones + zeros + 1.0) / (12.0 * ones * zeros)).sqrt()
}

/// Fits the probes; `margins` are the head's logits on the split.
pub fn look(
    subject: &Subject,
    positives: &[bool],
    margins: &[f64],
) -> Result<(ProbeReport, Vec<Finding>), Error> {
    let train = subject.dataset.stays_of(Split::Train);
    let labels = subject.positives(&train);
    let mut shuffled = labels.clone();
    Stream::new(subject.seed, "shuffled labels")
        .at(&[])
        .shuffle(&mut shuffled);
    let rows = Rows::of_table(subject.table, subject.split);
    let untrained = Rows::of_table(&untrained(subject, &train)?, subject.split);
    let summaries = SummaryFeatures::fit(subject.dataset, &train);
    let summaries = Rows {
        train: summaries.of(subject.dataset, &train),
        split: summaries.of(subject.dataset, &subject.stays),
    };
    let probe = |rows: &Rows, labels: &[bool]| -> Result<Option<f64>, Error> {
        subject.check_interruption()?;
        rows.probe(labels, positives)
    };
    let report = ProbeReport {
        features: probe(&rows, &labels)?,
        shuffled_labels: probe(&rows, &shuffled)?,
        untrained_backbone: probe(&untrained, &labels)?,
        data_summaries: probe(&summaries, &labels)?,
        head: auroc(positives, margins)?,
        chance_error: Some(chance_error(positives)).filter(|error| error.is_finite()),
    };
    let findings = vec![
        labels_of(&report),
        linear(&report),
        head(&report),
        backbone(&report),
    ];
    Ok((report, findings))
}

/// Features of a backbone that was never trained.
fn untrained(subject: &Subject, train: &[usize]) -> Result<FeatureTable, Error> {
    let mut artifact = subject.artifact.clone();
    artifact.parameters = initial_parameters(&artifact.specs()?, subject.seed);
    let mut stays = train.to_vec();
    if subject.split != Split::Train {
        stays.extend(&subject.stays);
    }
    compute(&artifact, subject.dataset, &stays, subject.context)
}

/// Numbers of the stays of the training split and of the one that is looked at.
struct Rows {
    train: Vec<f64>,
    split: Vec<f64>,
}

impl Rows {
    /// Of features, z-scored by the training split; one that does not vary there is 0.
    fn of_table(table: &FeatureTable, split: Split) -> Self {
        let width = table.width;
        let train = table.vectors(&table.rows_of(Split::Train));
        let count = train.len() as f64 / width as f64;
        let mean = |of: &dyn Fn(usize, f64) -> f64| {
            let mut sums = vec![0.0; width];
            for row in train.chunks_exact(width) {
                let row = row.iter().enumerate();
                row.for_each(|(at, value)| sums[at] += of(at, f64::from(*value)));
            }
            sums.into_iter()
                .map(|sum| sum / count)
                .collect::<Vec<f64>>()
        };
        let means = mean(&|_, value| value);
        let variances = mean(&|at, value| (value - means[at]).powi(2));
        let scaled = |values: &[f32]| {
            let values = values.iter().enumerate().map(|(place, value)| {
                let at = place % width;
                match variances[at].sqrt() {
                    std if std > 1e-5 * means[at].abs() => (f64::from(*value) - means[at]) / std,
                    _ => 0.0,
                }
            });
            values.collect()
        };
        Self {
            train: scaled(&train),
            split: scaled(&table.vectors(&table.rows_of(split))),
        }
    }

    /// AUROC on the split; none where a class is missing.
    fn probe(&self, labels: &[bool], positives: &[bool]) -> Result<Option<f64>, Error> {
        let width = self.train.len() / labels.len().max(1);
        let (mut fitted, mut held) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        // By class, so that both parts have as many of each as can be.
        let mut seen = [0usize; 2];
        for (row, label) in self.train.chunks_exact(width.max(1)).zip(labels) {
            let nth = &mut seen[usize::from(*label)];
            *nth += 1;
            let part = match nth.is_multiple_of(HELD_OUT) {
                true => &mut held,
                false => &mut fitted,
            };
            part.0.extend_from_slice(row);
            part.1.push(*label);
        }
        if width == 0 || seen.contains(&0) || held.1.is_empty() {
            return Ok(None);
        }
        let fit = fit_on_validation(
            &TrueRows {
                rows: &fitted.0,
                truth: &classes_of(&fitted.1),
            },
            &TrueRows {
                rows: &held.0,
                truth: &classes_of(&held.1),
            },
            &[],
        )?;
        auroc(positives, &fit.says(&self.split))
    }
}

fn classes_of(labels: &[bool]) -> Truth {
    Truth::Classes(labels.iter().map(|label| u32::from(*label)).collect())
}

/// Whether an AUROC is told from chance; none where the split is too small to tell.
fn beyond_chance(area: Option<f64>, report: &ProbeReport) -> Option<bool> {
    let blur = ERRORS * report.chance_error?;
    match area? - 0.5 > blur {
        true => Some(true),
        false => (blur <= MAX_BLUR).then_some(false),
    }
}

fn shown(area: Option<f64>) -> String {
    area.map_or("undefined".into(), |area| format!("{area:.3}"))
}

fn labels_of(report: &ProbeReport) -> Finding {
    let data = beyond_chance(report.data_summaries, report);
    let features = beyond_chance(report.features, report);
    let lost = data == Some(false) && features == Some(false);
    let unknown = data.is_none() && features.is_none();
    let what = match (lost, unknown) {
        (true, _) => format!(
            "the labels have nothing to do with the data: AUROC {} from summaries of the data, {} from the features",
            shown(report.data_summaries),
            shown(report.features)
        ),
        (_, true) => "the split has too few stays of each class to tell".into(),
        _ => format!(
            "the data tell something of the labels: AUROC {} from summaries of them",
            shown(report.data_summaries)
        ),
    };
    Finding::new(
        "labels",
        Verdict::of(lost, unknown || data == Some(false)),
        what,
        "fault: logistic regression is within two standard errors of chance, both on summaries of the data and on the features; warning: on the summaries alone, or two standard errors are more than 0.15 AUROC, so that it cannot be told",
        "check how labels are joined to stays: a shuffled column, ids of another table, an outcome from before the stay",
    )
    .value("data_summaries_auroc", report.data_summaries)
    .value("features_auroc", report.features)
    .value("chance_error", report.chance_error)
}

fn linear(report: &ProbeReport) -> Finding {
    let beyond = beyond_chance(report.features, report);
    let above = report.shuffled_labels.zip(report.chance_error);
    let leaks = above.is_some_and(|(area, error)| area - 0.5 > CONTROL_ERRORS * error);
    let area = shown(report.features);
    let control = shown(report.shuffled_labels);
    let what = match beyond {
        Some(false) => format!(
            "the features hold nothing of the labels: AUROC {area}, {control} with shuffled labels"
        ),
        Some(true) => format!("AUROC {area} from the features, {control} with shuffled labels"),
        None => format!(
            "AUROC {area} from the features: too few stays of each class to tell from chance"
        ),
    };
    Finding::new(
        "linear_probe",
        Verdict::of(beyond == Some(false), beyond.is_none() || leaks),
        what,
        "fault: logistic regression on the features is within two standard errors of chance; warning: that is more than 0.15 AUROC, so that it cannot be told, or with shuffled labels it is three standard errors above chance",
        "look at `labels` first; if the data tell something, the backbone loses it: look at `backbone_weights` and `active_units`",
    )
    .value("auroc", report.features)
    .value("shuffled_labels_auroc", report.shuffled_labels)
    .value("chance_error", report.chance_error)
}

fn head(report: &ProbeReport) -> Finding {
    let behind = report
        .features
        .zip(report.head)
        .map(|(probe, head)| probe - head);
    let error = report.chance_error.unwrap_or_default();
    let what = format!(
        "AUROC {} of the head, {} of the linear probe",
        shown(report.head),
        shown(report.features)
    );
    Finding::new(
        "head_and_probe",
        Verdict::of(false, behind.is_none_or(|behind| behind > MAX_LOSS.max(error))),
        what,
        "warning: the head is behind the linear probe by more than 0.05 AUROC and one standard error",
        "train the head longer or with a higher learning rate; look at `dead_units` and `gradient_flow`",
    )
    .value("head_auroc", report.head)
    .value("probe_auroc", report.features)
    .value("behind", behind)
}

fn backbone(report: &ProbeReport) -> Finding {
    let gain = report
        .features
        .zip(report.untrained_backbone)
        .map(|(own, other)| own - other);
    let what = format!(
        "AUROC {} from the features, {} from those of a backbone that was never trained",
        shown(report.features),
        shown(report.untrained_backbone)
    );
    Finding::new(
        "untrained_backbone",
        Verdict::of(false, gain.is_none_or(|gain| gain < MIN_GAIN)),
        what,
        "warning: the features are not better than those of an untrained backbone by 0.01 AUROC",
        "pretrain longer or on more stays; if `backbone_weights` is a fault, the weights were never loaded",
    )
    .value("auroc", report.features)
    .value("untrained_auroc", report.untrained_backbone)
    .value("gain", gain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(features: f64, data_summaries: f64, chance_error: f64) -> ProbeReport {
        ProbeReport {
            features: Some(features),
            shuffled_labels: Some(0.5),
            untrained_backbone: Some(0.6),
            data_summaries: Some(data_summaries),
            head: Some(0.7),
            chance_error: Some(chance_error),
        }
    }

    #[test]
    fn an_auroc_near_chance_is_a_fault_only_where_the_split_could_tell() {
        let verdicts = |report: ProbeReport| (labels_of(&report).verdict, linear(&report).verdict);
        use Verdict::{Fault, Ok, Warning};
        assert_eq!(verdicts(report(0.8, 0.8, 0.05)), (Ok, Ok));
        assert_eq!(verdicts(report(0.52, 0.48, 0.05)), (Fault, Fault));
        assert_eq!(verdicts(report(0.52, 0.8, 0.05)), (Ok, Fault));
        assert_eq!(verdicts(report(0.8, 0.52, 0.05)), (Warning, Ok));
        assert_eq!(verdicts(report(0.6, 0.6, 0.1)), (Warning, Warning));
    }

    #[test]
    fn a_head_may_be_behind_the_probe_by_as_much_as_chance_makes() {
        let behind = |by: f64, error: f64| head(&report(0.7 + by, 0.8, error)).verdict;
        assert_eq!(behind(0.04, 0.01), Verdict::Ok);
        assert_eq!(behind(0.06, 0.01), Verdict::Warning);
        assert_eq!(behind(0.06, 0.07), Verdict::Ok);
    }

    /// scipy: the null distribution of Mann and Whitney's U with 30 and 70 items has a deviation of √(30·70·101/12).
    #[test]
    fn the_error_by_chance_is_mann_and_whitney_s() {
        let labels: Vec<bool> = (0..100).map(|row| row < 30).collect();
        let expected = (30.0 * 70.0 * 101.0 / 12.0_f64).sqrt() / (30.0 * 70.0);
        assert!((chance_error(&labels) - expected).abs() < 1e-12);
        assert!(!chance_error(&[true, true]).is_finite());
    }
}
