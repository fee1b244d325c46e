use super::input;
use super::probability::{log_loss_term, target};
use super::ranking::Ranking;
use super::undefined::{Undefined, share};
use pipeline_error::Error;

/// Which labels items have, and the probability of each label, prepared so that every metric is a linear pass under any weights.
#[derive(Clone, Debug)]
pub struct MultiLabelScores {
    items: usize,
    labels: Vec<OneLabel>,
    /// Of all labels of all items together.
    together: Ranking,
}

#[derive(Clone, Debug)]
struct OneLabel {
    ranking: Ranking,
    positives: usize,
    squares: Vec<f64>,
    log_losses: Vec<f64>,
}

/// What is measured of several labels.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiLabelMetrics {
    /// Area under the ROC curve of every label.
    pub aurocs: Vec<Result<f64, Undefined>>,
    /// Average precision of every label.
    pub average_precisions: Vec<Result<f64, Undefined>>,
    /// Area under the ROC curve of all labels of all items together.
    pub micro_auroc: Result<f64, Undefined>,
    /// Average precision of all labels of all items together.
    pub micro_average_precision: Result<f64, Undefined>,
    /// Mean squared error of the probabilities, over items and labels.
    pub brier: Result<f64, Undefined>,
    /// Mean negative log likelihood, in nats, over items and labels.
    pub log_loss: Result<f64, Undefined>,
}

impl MultiLabelMetrics {
    /// The names of what is measured over all labels, in the order of [`MultiLabelMetrics::results`].
    pub const NAMES: [&'static str; 6] = [
        "auroc",
        "average_precision",
        "micro_auroc",
        "micro_average_precision",
        "brier",
        "log_loss",
    ];

    /// What is measured over all labels, or why it has no value. AUROC and average precision are means over the labels,
    /// as scikit-learn's `average="macro"`: undefined where that of any label is.
    pub fn results(&self) -> [Result<f64, Undefined>; 6] {
        [
            mean(&self.aurocs),
            mean(&self.average_precisions),
            self.micro_auroc,
            self.micro_average_precision,
            self.brier,
            self.log_loss,
        ]
    }

    /// The same, as [`super::Bootstrap`] takes them.
    pub fn values(&self) -> Vec<Option<f64>> {
        self.results().into_iter().map(Result::ok).collect()
    }
}

fn mean(values: &[Result<f64, Undefined>]) -> Result<f64, Undefined> {
    let sum = values.iter().copied().sum::<Result<f64, Undefined>>()?;
    share(sum, values.len() as f64, Undefined::NoStays)
}

impl MultiLabelScores {
    /// `has` and `probabilities` are row-major [items, labels]. Errors: lengths that do not fit, what is no probability.
    pub fn new(has: &[bool], probabilities: &[f64], labels: usize) -> Result<Self, Error> {
        if labels == 0 || !has.len().is_multiple_of(labels) {
            return Err(Error::stage(format!(
                "label scores: {} entries are no rows of {labels} labels",
                has.len()
            )));
        }
        input::probabilities("label scores", has, probabilities)?;
        let of_label = |label: usize| {
            let has: Vec<bool> = has.iter().skip(label).step_by(labels).copied().collect();
            let said: Vec<f64> = (probabilities.iter().skip(label).step_by(labels))
                .copied()
                .collect();
            let pairs = || has.iter().zip(&said);
            Ok(OneLabel {
                ranking: Ranking::new(&has, &said)?,
                positives: has.iter().filter(|has| **has).count(),
                squares: pairs().map(|(has, p)| (p - target(*has)).powi(2)).collect(),
                log_losses: pairs()
                    .map(|(has, p)| log_loss_term(if *has { *p } else { 1.0 - p }))
                    .collect(),
            })
        };
        Ok(Self {
            items: has.len() / labels,
            labels: (0..labels).map(of_label).collect::<Result<_, Error>>()?,
            together: Ranking::new(has, probabilities)?,
        })
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.items
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Items that have each label.
    pub fn positives(&self) -> Vec<usize> {
        self.labels.iter().map(|label| label.positives).collect()
    }

    /// Measures under weights, one an item.
    pub fn measure(&self, weights: &[f64]) -> MultiLabelMetrics {
        let labels = self.labels.len();
        let of_entries: Vec<f64> = (weights.iter())
            .flat_map(|weight| std::iter::repeat_n(*weight, labels))
            .collect();
        let total: f64 = of_entries.iter().sum();
        let mean_of = |terms: fn(&OneLabel) -> &Vec<f64>| {
            let sum: f64 = (self.labels.iter())
                .map(|label| -> f64 { terms(label).iter().zip(weights).map(|(t, w)| t * w).sum() })
                .sum();
            share(sum, total, Undefined::NoStays)
        };
        let each = |metric: fn(&Ranking, &[f64]) -> Result<f64, Undefined>| {
            let rankings = self.labels.iter().map(|label| &label.ranking);
            rankings.map(|ranking| metric(ranking, weights)).collect()
        };
        MultiLabelMetrics {
            aurocs: each(Ranking::auroc),
            average_precisions: each(Ranking::average_precision),
            micro_auroc: self.together.auroc(&of_entries),
            micro_average_precision: self.together.average_precision(&of_entries),
            brier: mean_of(|label| &label.squares),
            log_loss: mean_of(|label| &label.log_losses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HAS: [bool; 8] = [true, false, false, true, true, true, false, false];
    const SAID: [f64; 8] = [0.9, 0.2, 0.4, 0.7, 0.3, 0.6, 0.1, 0.65];

    #[test]
    fn every_label_is_ranked_by_itself_and_all_together() {
        let scores = MultiLabelScores::new(&HAS, &SAID, 2).unwrap();
        let metrics = scores.measure(&[1.0; 4]);
        assert_eq!(scores.positives(), [2, 2]);
        // By hand: of the first label's four pairs three are in order, of the second's three.
        assert_eq!(metrics.aurocs, [Ok(0.75), Ok(0.75)]);
        assert_eq!(metrics.results()[0], Ok(0.75));
        let micro = crate::auroc(&HAS, &SAID).unwrap();
        assert_eq!(metrics.micro_auroc.ok(), micro);
        let brier = crate::brier(&HAS, &SAID).unwrap().unwrap();
        assert!((metrics.brier.unwrap() - brier).abs() < 1e-15);
        let loss = crate::log_loss(&HAS, &SAID).unwrap().unwrap();
        assert!((metrics.log_loss.unwrap() - loss).abs() < 1e-15);
    }

    #[test]
    fn a_weight_counts_as_copies_do() {
        let (has, said) = ([&HAS[..2], &HAS].concat(), [&SAID[..2], &SAID].concat());
        let copied = MultiLabelScores::new(&has, &said, 2).unwrap();
        let copied = copied.measure(&[1.0; 5]).values();
        let scores = MultiLabelScores::new(&HAS, &SAID, 2).unwrap();
        let weighted = scores.measure(&[2.0, 1.0, 1.0, 1.0]).values();
        for (one, other) in copied.into_iter().zip(weighted) {
            assert!((one.unwrap() - other.unwrap()).abs() < 1e-12);
        }
    }

    #[test]
    fn a_label_that_no_item_has_leaves_no_mean() {
        let scores = MultiLabelScores::new(&[true, false, false, false], &[0.5; 4], 2).unwrap();
        let metrics = scores.measure(&[1.0; 2]);
        assert_eq!(metrics.aurocs[1], Err(Undefined::OneClass));
        assert_eq!(metrics.results()[0], Err(Undefined::OneClass));
        assert!(metrics.micro_auroc.is_ok());
        assert!(MultiLabelScores::new(&HAS, &SAID, 3).is_err());
        assert!(MultiLabelScores::new(&HAS, &[1.5; 8], 2).is_err());
    }
}
