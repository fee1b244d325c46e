use super::input;
use super::probability::log_loss_term;
use super::ranking::Ranking;
use super::undefined::{Undefined, share};
use pipeline_error::Error;

/// Labels and probabilities of more than two classes, prepared so that every metric is a linear
/// pass under any weights.
#[derive(Clone, Debug)]
pub struct ClassScores {
    labels: Vec<u32>,
    /// Row-major [items, classes].
    probabilities: Vec<f64>,
    classes: usize,
    /// The items by the probability of each class, which is the positive one.
    rankings: Vec<Ranking>,
}

/// What is measured of more than two classes.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassMetrics {
    /// Area under the ROC curve of every class against all others.
    pub aurocs: Vec<Result<f64, Undefined>>,
    /// Average precision of every class against all others.
    pub average_precisions: Vec<Result<f64, Undefined>>,
    /// Share of the items whose most probable class is theirs.
    pub accuracy: Result<f64, Undefined>,
    /// Mean over items of the squared distance from the outcome, summed over classes (Brier 1950): 0 to 2.
    pub brier: Result<f64, Undefined>,
    /// Mean negative log likelihood, in nats.
    pub log_loss: Result<f64, Undefined>,
}

impl ClassMetrics {
    /// Mean of the AUROC over classes, as scikit-learn's `roc_auc_score(multi_class="ovr")`;
    /// undefined where it is for any class.
    pub fn macro_auroc(&self) -> Result<f64, Undefined> {
        mean(&self.aurocs)
    }

    /// Mean of the average precision over classes; undefined where it is for any class.
    pub fn macro_average_precision(&self) -> Result<f64, Undefined> {
        mean(&self.average_precisions)
    }
}

fn mean(values: &[Result<f64, Undefined>]) -> Result<f64, Undefined> {
    let sum = values.iter().copied().sum::<Result<f64, Undefined>>()?;
    share(sum, values.len() as f64, Undefined::NoStays)
}

impl ClassScores {
    /// `probabilities` is row-major [items, classes]. Errors: lengths that do not fit, a label that is
    /// no class, what is no probability.
    pub fn new(labels: Vec<u32>, probabilities: Vec<f64>, classes: usize) -> Result<Self, Error> {
        if classes == 0 || labels.len() * classes != probabilities.len() {
            return Err(Error::stage(format!(
                "class scores: {} labels and {classes} classes, but {} probabilities",
                labels.len(),
                probabilities.len()
            )));
        }
        if let Some(at) = labels.iter().position(|label| *label as usize >= classes) {
            return Err(Error::stage(format!(
                "class scores: label {} at {at} (counting from 0) is none of the classes 0 to {}",
                labels[at],
                classes - 1
            )));
        }
        let rankings = (0..classes).map(|class| {
            let of_class: Vec<f64> = probabilities
                .iter()
                .skip(class)
                .step_by(classes)
                .copied()
                .collect();
            let is_class: Vec<bool> = labels
                .iter()
                .map(|label| *label as usize == class)
                .collect();
            input::probabilities("class scores", &is_class, &of_class)?;
            Ranking::new(&is_class, &of_class)
        });
        Ok(Self {
            rankings: rankings.collect::<Result<_, _>>()?,
            labels,
            probabilities,
            classes,
        })
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Each item's class.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The most probable class of every item; of equally probable ones the first.
    pub fn predicted(&self) -> Vec<u32> {
        let rows = self.probabilities.chunks(self.classes);
        let most_probable = rows.map(|row| {
            let better =
                |best: usize, class: usize| if row[class] > row[best] { class } else { best };
            (0..self.classes).fold(0, better) as u32
        });
        most_probable.collect()
    }

    /// The weight of the items of each class (rows) that are predicted to be of each (columns).
    pub fn confusion(&self, weights: &[f64]) -> Vec<Vec<f64>> {
        let mut table = vec![vec![0.0; self.classes]; self.classes];
        for ((label, predicted), weight) in self.labels.iter().zip(self.predicted()).zip(weights) {
            table[*label as usize][predicted as usize] += weight;
        }
        table
    }

    /// Measures under weights, one an item.
    pub fn measure(&self, weights: &[f64]) -> ClassMetrics {
        let total: f64 = weights.iter().sum();
        let (mut right, mut distance, mut loss) = (0.0, 0.0, 0.0);
        let rows = self.probabilities.chunks(self.classes);
        let items = rows.zip(&self.labels).zip(self.predicted()).zip(weights);
        for (((row, &label), predicted), &weight) in items {
            right += if label == predicted { weight } else { 0.0 };
            loss += weight * log_loss_term(row[label as usize]);
            let squares = row.iter().enumerate().map(|(class, p)| {
                let target = f64::from(u8::from(class == label as usize));
                (p - target).powi(2)
            });
            distance += weight * squares.sum::<f64>();
        }
        let mean = |sum: f64| share(sum, total, Undefined::NoStays);
        ClassMetrics {
            aurocs: self.rankings.iter().map(|r| r.auroc(weights)).collect(),
            average_precisions: self
                .rankings
                .iter()
                .map(|r| r.average_precision(weights))
                .collect(),
            accuracy: mean(right),
            brier: mean(distance),
            log_loss: mean(loss),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_classes_measured_as_many_are_the_binary_metrics() {
        let positive = [0.9, 0.2, 0.4, 0.6];
        let labels = vec![1, 0, 1, 0];
        let rows = positive.iter().flat_map(|p| [1.0 - p, *p]).collect();
        let found = ClassScores::new(labels, rows, 2)
            .unwrap()
            .measure(&[1.0; 4]);
        assert_eq!(found.macro_auroc(), Ok(0.75));
        assert_eq!(found.aurocs[0], found.aurocs[1]);
        assert_eq!(found.accuracy, Ok(0.5));
        let binary = (0.1_f64.powi(2) + 0.2_f64.powi(2) + 2.0 * 0.6_f64.powi(2)) / 4.0;
        assert!((found.brier.unwrap() - 2.0 * binary).abs() < 1e-12);
    }

    #[test]
    fn an_absent_class_leaves_the_mean_undefined() {
        let rows = vec![0.2, 0.5, 0.3, 0.6, 0.3, 0.1];
        let scores = ClassScores::new(vec![0, 1], rows, 3).unwrap();
        let found = scores.measure(&[1.0; 2]);
        assert_eq!(found.aurocs[2], Err(Undefined::OneClass));
        assert_eq!(found.macro_auroc(), Err(Undefined::OneClass));
        assert_eq!(found.macro_average_precision(), Err(Undefined::NoPositives));
        assert_eq!(scores.predicted(), [1, 0]);
        assert_eq!(scores.confusion(&[1.0, 2.0])[1], [2.0, 0.0, 0.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |labels: Vec<u32>, rows: Vec<f64>| {
            ClassScores::new(labels, rows, 2).unwrap_err().to_string()
        };
        assert!(error(vec![0], vec![0.5]).contains("1 labels and 2 classes, but 1"));
        assert!(error(vec![2], vec![0.5, 0.5]).contains("label 2 at 0"));
        assert!(error(vec![0], vec![0.5, 1.5]).contains("no probability"));
    }
}
