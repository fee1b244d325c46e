//! What is done to single values before anything is counted on them.

use std::collections::BTreeMap;

use super::loss::Loss;
use crate::config::{CleaningRule, Logarithm, Outside};
use crate::missing::is_written_as;
use pipeline_error::Error;

/// The rules of a recipe, by variable of the source.
pub(crate) struct Cleaning {
    rules: Vec<Option<CleaningRule>>,
}

impl Cleaning {
    /// Fails for a rule whose variable the source does not hold and its format does not know, or whose
    /// numbers make no sense.
    pub(crate) fn new(
        rules: &BTreeMap<String, CleaningRule>,
        variables: &[String],
        known: &[&str],
    ) -> Result<Self, Error> {
        for (name, rule) in rules {
            if variables.binary_search(name).is_err() && !known.contains(&name.as_str()) {
                return Err(no_such_variable("cleaning", name, variables));
            }
            if let Some((setting, what)) = rule.mistakes().first() {
                return Err(Error::stage(format!(
                    "cleaning of `{name}`: {setting} {what}"
                )));
            }
        }
        Ok(Self {
            rules: variables
                .iter()
                .map(|name| rules.get(name).cloned())
                .collect(),
        })
    }

    /// The value as the recipe wants it, and whether it was set to an end of its range; or why
    /// it is left out. An event without a value has nothing to clean.
    pub(crate) fn clean(&self, variable: u32, value: f64) -> Result<(f64, bool), Loss> {
        let Some(rule) = &self.rules[variable as usize] else {
            return Ok((value, false));
        };
        if value.is_nan() {
            return Ok((value, false));
        }
        if (rule.missing.iter()).any(|marker| is_written_as(value, *marker)) {
            return Err(Loss::Missing);
        }
        let value = value * rule.factor.unwrap_or(1.0);
        let cleaned = match rule.range {
            Some(ends) if ends.iter().any(|end| is_written_as(value, *end)) => value,
            Some([low, high]) if !(low..=high).contains(&value) => match rule.outside {
                Outside::Drop => return Err(Loss::OutOfRange),
                Outside::Clip => value.clamp(low, high),
            },
            _ => value,
        };
        match rule.log {
            Some(logarithm) if !logarithm.of(cleaned).is_finite() => Err(Loss::NoLogarithm),
            _ => Ok((cleaned, cleaned != value)),
        }
    }

    /// What z-scores are made of: the value, or its logarithm.
    pub(crate) fn scored(&self, variable: u32, value: f64) -> f64 {
        let rule = self.rules[variable as usize].as_ref();
        rule.and_then(|rule| rule.log)
            .map_or(value, |log| log.of(value))
    }
}

impl Logarithm {
    fn of(self, value: f64) -> f64 {
        match self {
            Logarithm::Ln => value.ln(),
            Logarithm::Log1p => value.ln_1p(),
        }
    }
}

/// A setting names a variable that the source does not hold.
pub(crate) fn no_such_variable(setting: &str, name: &str, variables: &[String]) -> Error {
    let error = Error::stage(format!("{setting}: the source has no variable `{name}`"));
    // Longer names cost too much to compare, and nobody mistyped them.
    let comparable = |name: &str| name.len() <= 256;
    let nearest = (variables.iter())
        .filter(|variable| comparable(variable) && comparable(name))
        .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    match nearest {
        Some(nearest) => error.with_hint(format!("its nearest name is `{nearest}`")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaning(rule: CleaningRule) -> Result<Cleaning, Error> {
        let rules = BTreeMap::from([("Temp".to_string(), rule)]);
        Cleaning::new(&rules, &["HR".to_string(), "Temp".to_string()], &["pH"])
    }

    #[test]
    fn missing_markers_units_ranges_and_logarithms_follow_each_other() {
        let rule = CleaningRule {
            missing: vec![-1.0],
            factor: Some(2.0),
            range: Some([0.0, 20.0]),
            outside: Outside::Drop,
            log: Some(Logarithm::Ln),
        };
        let drop = cleaning(rule.clone()).unwrap();
        assert_eq!(drop.clean(0, -1.0), Ok((-1.0, false)), "another variable");
        assert_eq!(drop.clean(1, -1.0), Err(Loss::Missing));
        assert_eq!(drop.clean(1, 4.0), Ok((8.0, false)));
        assert_eq!(drop.clean(1, 10.5), Err(Loss::OutOfRange));
        assert_eq!(drop.clean(1, 0.0), Err(Loss::NoLogarithm));
        assert!(drop.clean(1, f64::NAN).unwrap().0.is_nan());
        assert_eq!(drop.scored(1, 1.0), 0.0);
        assert_eq!(drop.scored(0, 1.0), 1.0);
        let clip = cleaning(CleaningRule {
            outside: Outside::Clip,
            ..rule
        });
        assert_eq!(clip.unwrap().clean(1, 10.5), Ok((20.0, true)));
    }

    #[test]
    fn a_number_of_32_bits_is_the_one_that_the_recipe_states() {
        let of = |value: f32| f64::from(value);
        let rule = CleaningRule {
            missing: vec![999.9],
            range: Some([0.1, 99.9]),
            ..CleaningRule::default()
        };
        let cleaning = cleaning(rule).unwrap();
        assert_eq!(cleaning.clean(1, of(999.9)), Err(Loss::Missing));
        for end in [0.1, 99.9] {
            assert_eq!(cleaning.clean(1, of(end)), Ok((of(end), false)));
        }
        assert_eq!(cleaning.clean(1, of(99.90001)), Err(Loss::OutOfRange));
    }

    #[test]
    fn a_rule_of_no_variable_or_no_range_is_named() {
        let refusal = |rule, name: &str| {
            let rules = BTreeMap::from([(name.to_string(), rule)]);
            let error = Cleaning::new(&rules, &["HR".to_string(), "Temp".to_string()], &["pH"]);
            let error = error.err().unwrap();
            format!("{error} {error:?}")
        };
        let unknown = refusal(CleaningRule::default(), "Tmp");
        assert!(unknown.contains("no variable `Tmp`") && unknown.contains("`Temp`"));
        let rules = BTreeMap::from([("pH".to_string(), CleaningRule::default())]);
        let known = Cleaning::new(&rules, &["HR".to_string()], &["pH"]);
        assert!(known.is_ok(), "a variable of the format that is not there");
        let empty = CleaningRule {
            range: Some([2.0, 1.0]),
            ..CleaningRule::default()
        };
        assert!(refusal(empty, "HR").contains("cleaning of `HR`: range = [2, 1]"));
        let nothing = CleaningRule {
            factor: Some(0.0),
            ..CleaningRule::default()
        };
        assert!(refusal(nothing, "HR").contains("factor = 0"));
    }
}
