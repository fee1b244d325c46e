//! How the variables of a stage that is like another differ from those that were trained on: units that changed, a
//! laboratory that measures something else, a variable that is not there.

use serde_json::{Value, json};

use super::fit::Fitted;
use super::like::{Held, Like};
use super::score::Scored;
use super::statistics::{Moments, Variable};

/// Standard deviations that a mean may move.
const MEAN: f64 = 1.0;
/// How many times as large or as small a standard deviation may be.
const SPREAD: f64 = 2.0;
/// By how much the share of stays that have a variable may differ.
const SHARE: f64 = 0.3;
/// Events of a variable from which its mean and standard deviation say something.
const EVENTS: u64 = 30;

/// A variable here, beside the training split there.
pub(super) struct Shift<'a> {
    pub(super) name: &'a str,
    /// How far the mean is away, in standard deviations of the training split; none for presence or without values.
    mean: Option<f64>,
    /// The standard deviation over that of the training split.
    spread: Option<f64>,
    /// Events a stay: here, and there if that is known.
    rate: [Option<f64>; 2],
    /// Share of the stays that have it: here, and there.
    share: [Option<f64>; 2],
    means: [f64; 2],
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
        let says_something = !variable.constant && here.valued >= EVENTS;
        let share = |count: u64, of: f64| if of > 0.0 { count as f64 / of } else { 0.0 };
        Self {
            name: &variable.name,
            mean: says_something.then(|| (here.mean - variable.mean) / variable.std),
            spread: says_something.then(|| here.std() / variable.std),
            rate: [
                Some(share(here.events(), stays)),
                there.map(|(held, stays)| share(held.events, stays)),
            ],
            share: [
                Some(share(here.stays, stays)),
                there.map(|(held, stays)| share(held.stays, stays)),
            ],
            means: [here.mean, variable.mean],
        }
    }

    /// What deserves a warning.
    fn findings(&self) -> Vec<String> {
        let [here, there] = self.means;
        let mean = self.mean.filter(|mean| mean.abs() > MEAN);
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
        let share = match self.share[1] {
            _ if here == 0.0 => Some("no stay has it".to_string()),
            Some(there) if (here - there).abs() > SHARE => Some(format!(
                "{:.0} % of stays have it, {:.0} % there",
                100.0 * here,
                100.0 * there
            )),
            _ => None,
        };
        mean.into_iter().chain(spread).chain(share).collect()
    }

    /// The warning, if one is due.
    pub(super) fn warning(&self) -> Option<String> {
        let findings = self.findings();
        (!findings.is_empty()).then(|| {
            let hint = match self.mean.is_some() {
                true => format!("; another unit? cleaning = {{ {:?} = {{ factor = … }} }} converts it", self.name),
                false => String::new(),
            };
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
            "warnings": self.findings(),
        })
    }
}
