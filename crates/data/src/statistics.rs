//! Count, mean and spread of every variable, gathered from chunks of stays.
//!
//! Within a chunk the squares are taken about the chunk's own mean; chunks are joined by the
//! formula of Chan, Golub and LeVeque (1983), always in the order of the stays, so that no number
//! of threads changes a bit.

use super::contract::InputVariable;
use pipeline_error::Error;

/// A variable with what makes its values z-scores.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) mean: f64,
    /// Population standard deviation; 0 where the variable is constant.
    pub(super) std: f64,
    /// It never varies in the training split: it counts as presence.
    pub(super) constant: bool,
    /// It has values: an event of it without one is left out.
    pub(super) numeric: bool,
    /// Its events in the training split.
    pub(super) train_events: u64,
}

impl From<&InputVariable> for Variable {
    /// How many events a training split had of it is no part of what it means.
    fn from(variable: &InputVariable) -> Self {
        Self {
            name: variable.name.clone(),
            mean: variable.mean,
            std: variable.std,
            constant: variable.constant,
            numeric: variable.numeric,
            train_events: 0,
        }
    }
}

impl Variable {
    /// The z-score of `value`; 1 for presence.
    pub(super) fn z_score(&self, value: f64) -> f64 {
        if self.constant {
            1.0
        } else {
            (value - self.mean) / self.std
        }
    }

    /// The variable `name` by the events of its training split; `None` if there are none.
    pub(super) fn of_training(name: &str, moments: &Moments) -> Result<Option<Self>, Error> {
        if moments.events() == 0 {
            return Ok(None);
        }
        let constant = moments.low >= moments.high;
        let std = moments.std();
        let usable = moments.mean.is_finite() && std.is_finite() && std > 0.0;
        if moments.valued > 0 && !(constant || usable) {
            return Err(Error::stage(format!(
                "variable `{name}`: values from {} to {} in the training split have no usable mean and standard deviation",
                moments.low, moments.high
            )));
        }
        let (mean, std) = match (moments.valued, constant) {
            // Presence alone.
            (0, _) => (1.0, 0.0),
            (_, true) => (moments.low, 0.0),
            (_, false) => (moments.mean, std),
        };
        Ok(Some(Self {
            name: name.to_string(),
            mean,
            std,
            constant: moments.valued == 0 || constant,
            numeric: moments.valued > 0,
            train_events: match moments.valued {
                0 => moments.valueless,
                valued => valued,
            },
        }))
    }
}

/// Moments of the values of one variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moments {
    /// Events that have a value.
    pub(super) valued: u64,
    /// Events that have none.
    pub(super) valueless: u64,
    /// Stays that have either.
    pub(super) stays: u64,
    /// Stays that have an event with a value.
    stays_with_value: u64,
    pub(super) mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            valued: 0,
            valueless: 0,
            stays: 0,
            stays_with_value: 0,
            mean: 0.0,
            squares: 0.0,
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
        }
    }
}

impl Moments {
    /// Events with and without a value.
    pub(super) fn events(&self) -> u64 {
        self.valued + self.valueless
    }

    /// Stays that the statistics are learned from: where some events have values, the others are left out.
    pub(super) fn stays_learned_from(&self) -> u64 {
        match self.valued {
            0 => self.stays,
            _ => self.stays_with_value,
        }
    }

    /// The population's standard deviation; NaN without values.
    pub(super) fn std(&self) -> f64 {
        (self.squares / self.valued as f64).sqrt()
    }

    /// Joins the moments of later stays.
    pub(super) fn merge(&mut self, other: &Self) {
        self.valueless += other.valueless;
        self.stays += other.stays;
        self.stays_with_value += other.stays_with_value;
        if other.valued == 0 {
            return;
        }
        let (mine, theirs) = (self.valued as f64, other.valued as f64);
        let all = mine + theirs;
        let difference = other.mean - self.mean;
        self.mean += difference * (theirs / all);
        self.squares += other.squares + difference * difference * (mine * theirs / all);
        self.valued += other.valued;
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }
}

/// Gathers the moments of all variables over a chunk of stays.
pub(super) struct Gathering {
    moments: Vec<Moments>,
    /// One more than the number of the stay that had the variable last.
    last_stay: Vec<u32>,
    /// As `last_stay`, of events with a value.
    last_with_value: Vec<u32>,
    stay: u32,
    values: Vec<(u32, f64)>,
}

impl Gathering {
    /// Of this many variables.
    pub(super) fn new(variables: usize) -> Self {
        Self {
            moments: vec![Moments::default(); variables],
            last_stay: vec![0; variables],
            last_with_value: vec![0; variables],
            stay: 0,
            values: Vec::new(),
        }
    }

    /// The events that follow are those of another stay.
    pub(super) fn next_stay(&mut self) {
        self.stay += 1;
    }

    /// Takes an event; NaN has no value.
    pub(super) fn add(&mut self, variable: u32, value: f64) {
        let moments = &mut self.moments[variable as usize];
        let last = &mut self.last_stay[variable as usize];
        if *last != self.stay {
            *last = self.stay;
            moments.stays += 1;
        }
        if value.is_nan() {
            moments.valueless += 1;
            return;
        }
        let last = &mut self.last_with_value[variable as usize];
        if *last != self.stay {
            *last = self.stay;
            moments.stays_with_value += 1;
        }
        moments.valued += 1;
        // The sum, until the chunk is finished.
        moments.mean += value;
        moments.low = moments.low.min(value);
        moments.high = moments.high.max(value);
        self.values.push((variable, value));
    }

    /// The moments, by variable.
    pub(super) fn finish(mut self) -> Vec<Moments> {
        for moments in &mut self.moments {
            if moments.valued > 0 {
                moments.mean /= moments.valued as f64;
            }
        }
        for (variable, value) in self.values {
            let moments = &mut self.moments[variable as usize];
            moments.squares += (value - moments.mean).powi(2);
        }
        self.moments
    }
}

/// Joins the moments of a later chunk to those of the earlier ones.
pub(super) fn merge_all(moments: &mut [Moments], later: &[Moments]) {
    for (moments, later) in moments.iter_mut().zip(later) {
        moments.merge(later);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stays: &[&[(u32, f64)]]) -> Vec<Moments> {
        let mut gathering = Gathering::new(4);
        for stay in stays {
            gathering.next_stay();
            for &(variable, value) in *stay {
                gathering.add(variable, value);
            }
        }
        gathering.finish()
    }

    #[test]
    fn where_some_events_have_values_stays_without_one_teach_nothing() {
        let found = of(&[
            &[(0, 1.0), (0, 2.0), (1, f64::NAN)],
            &[(0, f64::NAN), (1, f64::NAN)],
        ]);
        let learned_from = [0, 1].map(|variable: usize| found[variable].stays_learned_from());
        assert_eq!(learned_from, [1, 2]);
    }

    #[test]
    fn the_standard_deviation_is_the_populations() {
        let nothing = f64::NAN;
        let found = of(&[
            &[(0, 1.0), (2, 0.1), (3, nothing)],
            &[(0, 5.0), (2, 0.1), (2, 0.1)],
        ]);
        let a = Variable::of_training("a", &found[0]).unwrap().unwrap();
        assert_eq!(
            (a.mean, a.std, a.constant, a.train_events),
            (3.0, 2.0, false, 2)
        );
        assert_eq!(a.z_score(7.0), 2.0);
        assert_eq!(Variable::of_training("b", &found[1]).unwrap(), None);
        let c = Variable::of_training("c", &found[2]).unwrap().unwrap();
        assert_eq!(
            (c.mean, c.std, c.constant, c.train_events),
            (0.1, 0.0, true, 3)
        );
        assert_eq!(
            c.z_score(7.0),
            1.0,
            "a constant variable counts as presence"
        );
        let d = Variable::of_training("d", &found[3]).unwrap().unwrap();
        assert!(
            d.constant && d.z_score(nothing) == 1.0,
            "so does one without values"
        );
        assert_eq!((found[0].stays, found[2].stays, found[3].stays), (2, 2, 1));
    }

    #[test]
    fn chunks_join_to_the_moments_of_the_whole() {
        let values: Vec<(u32, f64)> = (0..1000)
            .map(|i| (0, (f64::from(i) * 0.7).sin() + 1e3))
            .collect();
        let whole = of(&[&values])[0];
        let mut joined = Moments::default();
        for chunk in values.chunks(77) {
            joined.merge(&of(&[chunk])[0]);
        }
        assert_eq!(
            (joined.valued, joined.low, joined.high),
            (1000, whole.low, whole.high)
        );
        assert!((joined.mean - whole.mean).abs() < 1e-12 * whole.mean);
        assert!((joined.std() - whole.std()).abs() < 1e-10 * whole.std());
    }

    #[test]
    fn values_whose_spread_overflows_are_refused_by_name() {
        let found = of(&[&[(0, 1e300), (0, -1e300)]]);
        let error = Variable::of_training("huge", &found[0]).unwrap_err();
        assert!(error.to_string().contains("variable `huge`"));
    }
}
