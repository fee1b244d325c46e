use pipeline_data::target::Truth;

/// What is true of rows, and the loss that outputs have by it.
pub enum Outcomes<'a> {
    /// A class each: −log of its probability under the softmax of the outputs.
    Classes {
        /// The class of every row.
        labels: &'a [u32],
        /// Classes.
        classes: usize,
        /// What a row's loss counts, by its class; none: all alike.
        weights: Option<Vec<f64>>,
    },
    /// Any number of labels each: −log of what each is, under the sigmoid of its output, summed over the labels.
    Labels {
        /// Row-major [rows, labels].
        has: &'a [bool],
        /// Labels.
        labels: usize,
    },
    /// A number each: half the squared distance of the one output from it.
    Numbers(&'a [f64]),
}

impl<'a> Outcomes<'a> {
    /// Those of `truth`, for a head of so many `outputs`; `weights` are those of classes.
    pub fn of(truth: &'a Truth, outputs: usize, weights: Option<Vec<f64>>) -> Self {
        match truth {
            Truth::Classes(labels) => Self::Classes {
                labels,
                classes: outputs,
                weights,
            },
            Truth::Labels { has, labels } => Self::Labels {
                has,
                labels: *labels,
            },
            Truth::Numbers(numbers) => Self::Numbers(numbers),
        }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Labels { has, labels } => has.len() / labels,
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// Numbers that a row is told apart by: with two classes, the logarithm of the odds of class 1; else one an output of the
    /// head.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Classes { classes: 2, .. } => 1,
            _ => self.head_outputs(),
        }
    }

    /// Outputs of a head that says it.
    pub fn head_outputs(&self) -> usize {
        match self {
            Self::Classes { classes, .. } => *classes,
            Self::Labels { labels, .. } => *labels,
            Self::Numbers(_) => 1,
        }
    }

    /// What a row counts.
    fn weight(&self, row: usize) -> f64 {
        match self {
            Self::Classes {
                labels,
                weights: Some(weights),
                ..
            } => weights[labels[row] as usize],
            _ => 1.0,
        }
    }

    /// What all rows count together.
    pub fn total(&self) -> f64 {
        (0..self.len()).map(|row| self.weight(row)).sum()
    }

    /// The loss of all rows as it is shown: a mean over rows (and labels), of numbers that of the whole square.
    pub fn mean(&self, loss: f64) -> f64 {
        let mean = loss / self.total();
        match self {
            Self::Classes { .. } => mean,
            Self::Labels { labels, .. } => mean / *labels as f64,
            Self::Numbers(_) => 2.0 * mean,
        }
    }

    /// The intercepts that fit best where no column counts.
    pub(super) fn intercepts(&self) -> Vec<f64> {
        match self {
            Self::Classes {
                labels, classes, ..
            } => {
                let mut counts = vec![0.0; *classes];
                for (row, label) in labels.iter().enumerate() {
                    counts[*label as usize] += self.weight(row);
                }
                let logs: Vec<f64> = counts.iter().map(|count: &f64| count.ln()).collect();
                match logs.as_slice() {
                    [negative, positive] => vec![positive - negative],
                    logs => {
                        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
                        logs.iter().map(|log| log - mean).collect()
                    }
                }
            }
            Self::Labels { has, labels } => {
                let odds = |label: usize| {
                    let of_label = has.iter().skip(label).step_by(*labels);
                    let positive = of_label.filter(|has| **has).count() as f64;
                    (positive / (self.len() as f64 - positive)).ln()
                };
                (0..*labels).map(odds).collect()
            }
            Self::Numbers(numbers) => {
                vec![numbers.iter().sum::<f64>() / numbers.len() as f64]
            }
        }
    }

    /// The loss of a row, by what it counts; its outputs become the slopes of that by each of them.
    pub fn loss_and_slopes(&self, outputs: &mut [f64], row: usize) -> f64 {
        match self {
            Self::Classes { labels, .. } => {
                let weight = self.weight(row);
                let loss = weight * of_class(outputs, labels[row]);
                outputs.iter_mut().for_each(|slope| *slope *= weight);
                loss
            }
            Self::Labels { has, labels } => {
                let has = &has[row * labels..][..*labels];
                let each = outputs.iter_mut().zip(has);
                each.map(|(output, has)| of_odds(output, f64::from(u8::from(*has))))
                    .sum()
            }
            Self::Numbers(numbers) => {
                outputs[0] -= numbers[row];
                outputs[0] * outputs[0] / 2.0
            }
        }
    }
}

/// −log p of the class of a row, whose outputs become the slopes of that by each of them.
fn of_class(outputs: &mut [f64], label: u32) -> f64 {
    if let [odds] = outputs {
        return of_odds(odds, f64::from(label));
    }
    let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let of_truth = outputs[label as usize] - largest;
    let mut sum = 0.0;
    for output in outputs.iter_mut() {
        *output = (*output - largest).exp();
        sum += *output;
    }
    outputs.iter_mut().for_each(|power| *power /= sum);
    outputs[label as usize] -= 1.0;
    sum.ln() - of_truth
}

/// −log p of `target`, 0 or 1, where the logarithm of its odds is `odds`, which becomes the slope.
fn of_odds(odds: &mut f64, target: f64) -> f64 {
    let z = *odds;
    *odds = 1.0 / (1.0 + (-z).exp()) - target;
    z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every slope is what a small step of its output gives.
    #[test]
    fn slopes_are_those_of_the_losses() {
        let step = 1e-6;
        let (has, numbers) = ([true, false, true], [1.5]);
        let cases: [(Outcomes, Vec<f64>); 4] = [
            (
                Outcomes::Labels {
                    has: &has,
                    labels: 3,
                },
                vec![0.3, -1.2, 4.0],
            ),
            (Outcomes::Numbers(&numbers), vec![-0.7]),
            (
                Outcomes::Classes {
                    labels: &[2],
                    classes: 3,
                    weights: Some(vec![1.0, 1.0, 0.7]),
                },
                vec![0.3, -1.2, 1.0],
            ),
            (
                Outcomes::Classes {
                    labels: &[1],
                    classes: 2,
                    weights: None,
                },
                vec![-0.4],
            ),
        ];
        for (outcomes, at) in cases {
            let mut slopes = at.clone();
            outcomes.loss_and_slopes(&mut slopes, 0);
            for output in 0..at.len() {
                let moved = |by: f64| {
                    let mut outputs = at.clone();
                    outputs[output] += by;
                    outcomes.loss_and_slopes(&mut outputs, 0)
                };
                let slope = (moved(step) - moved(-step)) / (2.0 * step);
                assert!((slope - slopes[output]).abs() < 1e-8, "{slope} {slopes:?}");
            }
        }
    }
}
