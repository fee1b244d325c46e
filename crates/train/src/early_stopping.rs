//! When to stop before the last epoch.

use super::config::EarlyStopping;

/// Counts the validations since the last improvement that was large enough.
///
/// As Lightning's EarlyStopping: the score to beat rises only by improvements above `min_delta`,
/// so a slow creep below it runs out of patience.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Validations that are borne, and what counts as an improvement.
    rule: Option<(usize, f64)>,
    to_beat: f64,
    without: usize,
}

impl Patience {
    /// Without a rule it never runs out.
    pub fn new<M>(rule: Option<&EarlyStopping<M>>) -> Self {
        Self {
            rule: rule.map(|rule| (rule.patience, rule.min_delta)),
            to_beat: f64::NEG_INFINITY,
            without: 0,
        }
    }

    /// Takes the score of a validation, more being better; returns whether it is time to stop.
    pub fn runs_out(&mut self, score: f64) -> bool {
        let Some((patience, min_delta)) = self.rule else {
            return false;
        };
        if score > self.to_beat + min_delta {
            self.to_beat = score;
            self.without = 0;
        } else {
            self.without += 1;
        }
        self.without >= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SelectionMetric;

    fn rule(min_delta: f64) -> EarlyStopping<SelectionMetric> {
        EarlyStopping {
            metric: None,
            mode: None,
            patience: 2,
            min_delta,
        }
    }

    fn epochs_until_stop(min_delta: f64, scores: &[f64]) -> Option<usize> {
        let mut patience = Patience::new(Some(&rule(min_delta)));
        scores.iter().position(|score| patience.runs_out(*score))
    }

    #[test]
    fn it_stops_after_as_many_epochs_without_an_improvement() {
        assert_eq!(epochs_until_stop(0.0, &[0.5, 0.6, 0.6, 0.55]), Some(3));
        assert_eq!(epochs_until_stop(0.0, &[0.5, 0.4, 0.6, 0.5]), None);
    }

    #[test]
    fn a_creep_below_min_delta_is_no_improvement() {
        assert_eq!(epochs_until_stop(0.1, &[0.5, 0.55, 0.59, 0.7]), Some(2));
        assert_eq!(epochs_until_stop(0.1, &[0.5, 0.55, 0.65, 0.7]), None);
    }

    #[test]
    fn without_a_rule_it_never_stops() {
        let mut patience = Patience::new::<SelectionMetric>(None);
        assert!(!(0..100).any(|_| patience.runs_out(0.0)));
    }
}
