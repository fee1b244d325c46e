//! How the variables of a stage that is like another differ from those that were trained on: units that changed, a
//! laboratory that measures something else, a variable that is not there.

use serde_json::{Value, json};

use super::fit::Fitted;
use super::like::{Held, Like};
use super::score::Scored;
use super::statistics::{Moments, Variable};
use pipeline_error::pasted::toml_string;

/// Standard deviations that a mean may move.
const MEAN: f64 = 1.0;
/// Standard errors that the mean of few events may move besides: the standard deviation there, over the root of the stays.
/// Events of one stay are alike, so it is stays that count.
const ERRORS: f64 = 4.0;
/// Stays from which the mean of few events says something.
const STAYS: u64 = 3;
/// How many times as large or as small a standard deviation may be.
const SPREAD: f64 = 2.0;
/// By how much the share of stays that have a variable may differ.
const SHARE: f64 = 0.3;
/// Standard errors by which it may differ besides, as few stays lack much by chance.
const SHARE_ERRORS: f64 = 3.0;
/// Stays from which the standard deviation says something.
const MANY: u64 = 30;

/// A variable here, beside the training split there.
pub(super) struct Shift<'a> {
    pub(super) name: &'a str,
    /// How far the mean is away, in standard deviations of the training split; none for presence or without values.
    mean: Option<f64>,
    /// How far it may be away.
    may_move: f64,
    /// The standard deviation over that of the training split.
    spread: Option<f64>,
    /// Events a stay: here, and there if that is known.
    rate: [Option<f64>; 2],
    /// Share of the stays that have it: here, and there.
    share: [Option<f64>; 2],
    means: [f64; 2],
    /// All stays here.
    stays: f64,
}

/// The variables of `like`, each with how it is here.
pub(super) fn shifts<'a>(like: &Like, fitted: &'a Fitted, scored: &Scored) -> Vec<Shift<'a>> {
    let stays = scored.kept.len() as f64;
    let variables = fitted.variables.iter().enumerate();
    let shift = |(index, variable): (usize, &'a Variable)| {
        let mut here = Moments::default();
        scored
            .moments
            .iter()
            .for_each(|split| here.merge(&split[index]));
        let there = like.training.as_ref().map(|training| {
            let held = training.by_variable.get(&variable.name);
            (held.copied().unwrap_or_default(), training.stays as f64)
        });
        Shift::new(variable, &here, stays, there)
    };
    variables.map(shift).collect()
}

impl<'a> Shift<'a> {
    fn new(variable: &'a Variable, here: &Moments, stays: f64, there: Option<(Held, f64)>) -> Self {
        let has_mean = !variable.constant && here.valued > 0 && here.stays >= STAYS;
        let has_spread = has_mean && here.stays >= MANY;
        let share = |count: u64, of: f64| if of > 0.0 { count as f64 / of } else { 0.0 };
        Self {
            name: &variable.name,
            mean: has_mean.then(|| (here.mean - variable.mean) / variable.std),
            may_move: MEAN.max(ERRORS / (here.stays as f64).sqrt()),
            spread: has_spread.then(|| here.std() / variable.std),
            rate: [
                Some(share(here.events(), stays)),
                there.map(|(held, stays)| share(held.events, stays)),
            ],
            share: [
                Some(share(here.stays, stays)),
                there.map(|(held, stays)| share(held.stays, stays)),
            ],
            means: [here.mean, variable.mean],
            stays,
        }
    }

    /// What deserves a warning: of its values, and of the stays that have it.
    fn findings(&self) -> [Vec<String>; 2] {
        let [here, there] = self.means;
        let mean = self.mean.filter(|mean| mean.abs() > self.may_move);
        let mean = mean.map(|mean| {
            format!(
                "its mean is {mean:+.1} standard deviations away ({here:.4} here, {there:.4} there)"
            )
        });
        let is_other = |spread: &f64| !(1.0 / SPREAD..=SPREAD).contains(spread);
        let spread = self.spread.filter(is_other);
        let spread =
            spread.map(|spread| format!("its standard deviation is {spread:.2} times that there"));
        let here = self.share[0].unwrap_or_default();
        let by_chance =
            |there: f64| SHARE_ERRORS * (there * (1.0 - there) / self.stays.max(1.0)).sqrt();
        let share = match self.share[1] {
            None if here == 0.0 => Some("no stay has it".to_string()),
            Some(there) if here == 0.0 && there > by_chance(there) => {
                Some("no stay has it".to_string())
            }
            Some(there) if (here - there).abs() > SHARE.max(by_chance(there)) => Some(format!(
                "{:.0} % of stays have it, {:.0} % there",
                100.0 * here,
                100.0 * there
            )),
            _ => None,
        };
        let values = mean.into_iter().chain(spread);
        [values.collect(), share.into_iter().collect()]
    }

    /// The warning, if one is due.
    pub(super) fn warning(&self) -> Option<String> {
        let [values, share] = self.findings();
        // Another unit changes values, and not who has them.
        let hint = match values.is_empty() {
            true => String::new(),
            false => format!(
                "; another unit? cleaning = {{ {} = {{ factor = … }} }} converts it",
                toml_string(self.name)
            ),
        };
        let findings = [values, share].concat();
        (!findings.is_empty()).then(|| {
            format!(
                "warning: `{}` is not as in the training split that these inputs are like: {}{hint}",
                self.name,
                findings.join(", ")
            )
        })
    }

    /// As the profile has it.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "mean": self.mean,
            "spread": self.spread,
            "events_per_stay": self.rate,
            "share_of_stays": self.share,
            "warnings": self.findings().concat(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Gathering;

    fn variable() -> Variable {
        Variable {
            name: "a \"b\"".into(),
            mean: 80.0,
            std: 10.0,
            constant: false,
            numeric: true,
            train_events: 1000,
        }
    }

    /// The warning about so many stays of one event each, half of them `around` below the mean and half above.
    fn warning(stays: u64, mean: f64, around: f64, share_there: f64) -> Option<String> {
        let mut here = Gathering::new(1);
        for stay in 0..stays {
            here.next_stay();
            here.add(0, mean + if stay % 2 == 0 { around } else { -around });
        }
        let here = here.finish()[0];
        let held = Held {
            events: (100.0 * share_there) as u64,
            stays: (100.0 * share_there) as u64,
        };
        let variable = variable();
        Shift::new(&variable, &here, stays as f64, Some((held, 100.0))).warning()
    }

    #[test]
    fn few_stays_warn_where_their_mean_is_further_away_than_they_can_bring_it_by_chance() {
        for stays in [3, 4, 16, 29, 30] {
            let warning = warning(stays, 18.0 * 80.0, 10.0, 1.0).unwrap();
            assert!(warning.contains("its mean is +136"), "{warning}");
            assert!(
                warning.contains(r#"cleaning = { "a \"b\"" = { factor"#),
                "{warning}"
            );
        }
        // 15 above are 1.5 standard deviations: of 4 stays 3 standard errors, of 30 many more.
        assert_eq!(warning(4, 95.0, 10.0, 1.0), None);
        assert!(warning(30, 95.0, 10.0, 1.0).is_some());
        assert_eq!(warning(2, 18.0 * 80.0, 10.0, 1.0), None);
        assert_eq!(warning(30, 80.0, 10.0, 1.0), None);
    }

    #[test]
    fn another_unit_is_asked_for_only_where_values_differ() {
        let warning = warning(30, 80.0, 10.0, 0.5).unwrap();
        assert!(
            warning.ends_with(": 100 % of stays have it, 50 % there"),
            "{warning}"
        );
    }
}
