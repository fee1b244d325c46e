//! Patients divided into parts, each class by itself: folds, and stratified shares.

use std::collections::{BTreeMap, HashMap};

use super::address::address_of;
use super::config::Folds;
use super::dataset::Split;
use super::source::StayRow;
use super::stay_id::StayId;
use pipeline_error::Error;
use pipeline_error::listed::counted;
use pipeline_random::Stream;

/// As few folds as a recipe may state.
const FEWEST_FOLDS: usize = 3;

/// The split of every patient; where a source tells none, of every stay.
pub(super) struct Division(HashMap<StayId, Split>);

impl Division {
    /// Shares of train, validation and test of the patients of every class: each part has, of each class, less than one
    /// patient more or less than its share.
    pub(super) fn by_shares(shares: [f64; 3], seed: u64, stays: &[StayRow]) -> Self {
        let mut splits = HashMap::new();
        for patients in drawn(stays, seed, 0, true) {
            let count = patients.len() as f64;
            let train = (shares[0] * count).round() as usize;
            // A sum of shares that is rounded down leaves no room for a share of 0.
            let validation = match shares[2] == 0.0 {
                true => patients.len(),
                false => ((shares[0] + shares[1]) * count).round() as usize,
            };
            for (place, patient) in patients.into_iter().enumerate() {
                let split = match place {
                    _ if place < train => Split::Train,
                    _ if place < validation => Split::Validation,
                    _ => Split::Test,
                };
                splits.insert(patient, split);
            }
        }
        Self(splits)
    }

    /// One fold tests, the next validates, all others train. Folds differ by at most one patient, also in each class
    /// where these are divided by themselves. Fails where there are fewer patients than folds, of which some would be empty.
    pub(super) fn by_folds(rule: &Folds, seed: u64, stays: &[StayRow]) -> Result<Self, Error> {
        let classes = drawn(stays, seed, u64::from(rule.repeat), rule.stratified);
        let patients = classes.iter().map(Vec::len).sum::<usize>();
        if patients < rule.count as usize {
            let hint = match patients < FEWEST_FOLDS {
                true => {
                    "folds are 3 at least, to train, validate and test: the source needs 3 patients"
                }
                false => "state at most as many folds as there are patients",
            };
            return Err(Error::stage(format!(
                "`split.folds.count` is {}, and the source has {}: some folds would be empty",
                rule.count,
                counted(patients, "patient")
            ))
            .with_hint(hint));
        }
        let patients = classes.into_iter().flatten();
        let validation = (rule.fold + 1) % rule.count;
        let splits = patients.enumerate().map(|(place, patient)| {
            let fold = (place % rule.count as usize) as u32;
            let split = match fold {
                _ if fold == rule.fold => Split::Test,
                _ if fold == validation => Split::Validation,
                _ => Split::Train,
            };
            (patient, split)
        });
        Ok(Self(splits.collect()))
    }

    /// The split of a stay.
    pub(super) fn split_of(&self, stay: &StayRow) -> Option<Split> {
        self.0.get(patient_of(stay)).copied()
    }
}

/// Whose stays are never parted.
fn patient_of(stay: &StayRow) -> &StayId {
    let own = stay.landmark_of.as_ref().unwrap_or(&stay.id);
    stay.subject.as_ref().unwrap_or(own)
}

/// The patients of every class in an order that is drawn, all of them as one class where they are not divided by class. A
/// patient is of the largest class that a stay of his has.
fn drawn(stays: &[StayRow], seed: u64, repeat: u64, by_class: bool) -> Vec<Vec<StayId>> {
    let mut class_of: BTreeMap<&StayId, Option<u32>> = BTreeMap::new();
    for stay in stays {
        let class = class_of.entry(patient_of(stay)).or_default();
        *class = (*class).max(stay.label.filter(|_| by_class));
    }
    let draws = Stream::new(seed, "division");
    let mut classes: BTreeMap<Option<u32>, Vec<(f64, StayId)>> = BTreeMap::new();
    for (patient, class) in class_of {
        let draw = draws
            .at(&[repeat, address_of(&patient.to_string())])
            .uniform();
        classes
            .entry(class)
            .or_default()
            .push((draw, patient.clone()));
    }
    let in_order = |mut patients: Vec<(f64, StayId)>| {
        patients.sort_by(|one, other| one.0.total_cmp(&other.0).then_with(|| one.1.cmp(&other.1)));
        patients.into_iter().map(|(_, patient)| patient).collect()
    };
    classes.into_values().map(in_order).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::source::Start;

    /// Of every patient as many stays as he is given, all with his class.
    fn stays(patients: &[(usize, u32)]) -> Vec<StayRow> {
        let mut rows = Vec::new();
        for (patient, (count, class)) in patients.iter().enumerate() {
            for stay in 0..*count {
                rows.push(StayRow {
                    landmark_of: None,
                    id: StayId::parse(&format!("{patient}{stay:02}")).unwrap(),
                    subject: StayId::parse(&format!("P{patient}")),
                    series: 0,
                    label: Some(*class),
                    start: Start::FirstEvent,
                    prediction: None,
                    split: None,
                });
            }
        }
        rows
    }

    /// Patients of all numbers of stays and both classes, drawn.
    fn cohort(seed: u64) -> Vec<StayRow> {
        let mut draws = Stream::new(seed, "test").at(&[]);
        let count = 20 + (draws.uniform() * 60.0) as usize;
        let patients: Vec<(usize, u32)> = (0..count)
            .map(|_| {
                let stays = 1 + (draws.uniform() * 3.0) as usize;
                (stays, u32::from(draws.uniform() < 0.2))
            })
            .collect();
        stays(&patients)
    }

    /// Patients by class and split; no patient is in two.
    fn counted(division: &Division, stays: &[StayRow]) -> BTreeMap<(u32, &'static str), f64> {
        let mut of_patient: BTreeMap<String, (u32, &str)> = BTreeMap::new();
        for stay in stays {
            let split = division.split_of(stay).unwrap().name();
            let patient = stay.subject.as_ref().unwrap().to_string();
            let found = of_patient
                .entry(patient)
                .or_insert((stay.label.unwrap(), split));
            assert_eq!(found.1, split, "one patient in two parts");
        }
        let mut counts = BTreeMap::new();
        for place in of_patient.into_values() {
            *counts.entry(place).or_insert(0.0) += 1.0;
        }
        counts
    }

    #[test]
    fn every_part_has_its_share_of_every_class_to_less_than_one_patient() {
        let shares = [0.7, 0.1, 0.2];
        for seed in 0..200 {
            let stays = cohort(seed);
            let counts = counted(&Division::by_shares(shares, seed, &stays), &stays);
            for class in [0, 1] {
                let of = |split| counts.get(&(class, split)).copied().unwrap_or(0.0);
                let all = of("train") + of("validation") + of("test");
                for (split, share) in ["train", "validation", "test"].into_iter().zip(shares) {
                    assert!(
                        (of(split) - share * all).abs() < 1.0,
                        "seed {seed} {split} {counts:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_patient_tests_once_and_validates_once() {
        for seed in 0..50 {
            let stays = cohort(seed);
            let mut tested: BTreeMap<String, (u32, u32)> = BTreeMap::new();
            let mut sizes = Vec::new();
            for fold in 0..5 {
                let rule = Folds {
                    count: 5,
                    fold,
                    repeat: 0,
                    stratified: true,
                };
                let division = Division::by_folds(&rule, seed, &stays).unwrap();
                let counts = counted(&division, &stays);
                sizes
                    .push([0, 1].map(|class| counts.get(&(class, "test")).copied().unwrap_or(0.0)));
                for stay in &stays {
                    let times = tested.entry(stay.id.to_string()).or_default();
                    match division.split_of(stay) {
                        Some(Split::Test) => times.0 += 1,
                        Some(Split::Validation) => times.1 += 1,
                        _ => {}
                    }
                }
            }
            assert!(tested.values().all(|times| *times == (1, 1)));
            for class in [0, 1] {
                let of_class = sizes.iter().map(|size| size[class]);
                let (least, most) = of_class.fold((f64::MAX, 0.0f64), |(least, most), size| {
                    (least.min(size), most.max(size))
                });
                assert!(most - least <= 1.0, "{sizes:?}");
            }
        }
    }

    #[test]
    fn another_repeat_divides_anew_and_the_order_of_the_source_changes_nothing() {
        let stays = cohort(3);
        let splits = |repeat, stays: &[StayRow]| -> BTreeMap<String, &str> {
            let rule = Folds {
                count: 5,
                fold: 0,
                repeat,
                stratified: true,
            };
            let division = Division::by_folds(&rule, 1, stays).unwrap();
            stays
                .iter()
                .map(|stay| (stay.id.to_string(), division.split_of(stay).unwrap().name()))
                .collect()
        };
        assert_ne!(splits(0, &stays), splits(1, &stays));
        let mut turned = cohort(3);
        turned.reverse();
        assert_eq!(splits(0, &stays), splits(0, &turned));
    }

    #[test]
    fn of_fewer_patients_than_folds_may_be_the_hint_proposes_no_count() {
        let rule = Folds {
            count: 3,
            fold: 0,
            repeat: 0,
            stratified: true,
        };
        let error = Division::by_folds(&rule, 1, &stays(&[(1, 0), (2, 1)])).err();
        let hint = error.as_ref().and_then(Error::hint).unwrap();
        assert!(hint.contains("needs 3 patients"), "{hint}");
        let error = Division::by_folds(&rule, 1, &stays(&[(1, 0)]))
            .err()
            .unwrap();
        assert!(error.to_string().contains("has 1 patient:"), "{error}");
    }

    #[test]
    fn more_folds_than_patients_are_refused() {
        let stays = cohort(3);
        let patients: BTreeSet<StayId> =
            stays.iter().map(|stay| patient_of(stay).clone()).collect();
        let rule = |count: usize| Folds {
            count: count as u32,
            fold: 0,
            repeat: 0,
            stratified: true,
        };
        assert!(Division::by_folds(&rule(patients.len()), 1, &stays).is_ok());
        let error = Division::by_folds(&rule(patients.len() + 1), 1, &stays)
            .err()
            .unwrap();
        let expected = format!(
            "is {}, and the source has {} patients",
            patients.len() + 1,
            patients.len()
        );
        assert!(error.to_string().contains(&expected), "{error}");
    }
}
