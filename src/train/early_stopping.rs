//! When to stop before the last epoch.

use super::config::EarlyStopping;

/// Counts the epochs since the last improvement that was large enough.
///
/// As Lightning's EarlyStopping: the score to beat rises only by improvements above `min_delta`,
/// so a slow creep below it runs out of patience.
#[derive(Clone, Debug)]
pub struct Patience<'a> {
    rule: Option<&'a EarlyStopping>,
    to_beat: f64,
    epochs_without: usize,
}

impl<'a> Patience<'a> {
    /// Without a rule it never runs out.
    pub fn new(rule: Option<&'a EarlyStopping>) -> Self {
        Self {
            rule,
            to_beat: f64::NEG_INFINITY,
            epochs_without: 0,
        }
    }

    /// Takes the score of an epoch, more being better; returns whether it is time to stop.
    pub fn runs_out(&mut self, score: f64) -> bool {
        let Some(rule) = self.rule else { return false };
        if score > self.to_beat + rule.min_delta {
            self.to_beat = score;
            self.epochs_without = 0;
        } else {
            self.epochs_without += 1;
        }
        self.epochs_without >= rule.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs_until_stop(min_delta: f64, scores: &[f64]) -> Option<usize> {
        let rule = EarlyStopping {
            patience: 2,
            min_delta,
        };
        let mut patience = Patience::new(Some(&rule));
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
        let mut patience = Patience::new(None);
        assert!(!(0..100).any(|_| patience.runs_out(0.0)));
    }
}
