//! Which stay belongs to which split.

use std::collections::HashMap;
use std::path::Path;

use super::address::address_of;
use super::config::{DataConfig, Source, SplitFolders, SplitRule};
use super::dataset::Split;
use super::division::Division;
use super::names::quoted;
use super::source::StayRow;
use super::split_table::SplitTable;
use super::stay_id::StayId;
use pipeline_error::{Code, Error};
use pipeline_random::Stream;

/// A split rule, ready to be asked.
pub(super) enum SplitAssigner {
    /// The source tells.
    Source,
    /// By a table of stay ids.
    Table(SplitTable),
    /// By the folder of the stay's file.
    Folders(SplitFolders),
    /// By a uniform draw that belongs to the id alone of the patient, or where the source tells none, of the stay: no
    /// other stay and no order can move it.
    Ratio {
        train: f64,
        validation: f64,
        test: f64,
        draws: Stream,
    },
    /// Every class divided by itself.
    Division(Division),
    /// All of them are to be scored.
    All,
}

impl SplitAssigner {
    /// Reads what the rule needs for these stays of the source.
    pub(super) fn new(config: &DataConfig, seed: u64, stays: &[StayRow]) -> Result<Self, Error> {
        match config.shares_of_classes() {
            Some(shares) => Ok(Self::Division(Division::by_shares(shares, seed, stays))),
            None => Self::of_rule(&config.split, seed, &config.source, stays),
        }
    }

    /// By a rule that looks at no class.
    fn of_rule(
        rule: &SplitRule,
        seed: u64,
        source: &Source,
        stays: &[StayRow],
    ) -> Result<Self, Error> {
        match rule {
            SplitRule::Column(_) => Ok(SplitAssigner::Source),
            SplitRule::File(path) => {
                let table = SplitTable::read(path.as_ref(), source, stays)?;
                Ok(SplitAssigner::Table(table))
            }
            SplitRule::Lists(lists) => {
                let table = SplitTable::of_lists(lists, source, stays)?;
                Ok(SplitAssigner::Table(table))
            }
            SplitRule::Folders(folders) => Ok(SplitAssigner::Folders(folders.clone())),
            SplitRule::Ratio(shares) | SplitRule::Independent(shares) => {
                let valid = shares.iter().all(|&s| s.is_finite() && s >= 0.0);
                if !valid || (shares.iter().sum::<f64>() - 1.0).abs() > 1e-9 {
                    return Err(Error::stage(format!(
                        "split ratio {shares:?}: three shares ≥ 0 that sum to 1 are expected"
                    )));
                }
                Ok(SplitAssigner::Ratio {
                    train: shares[0],
                    validation: shares[1],
                    test: shares[2],
                    draws: Stream::new(seed, "split"),
                })
            }
            SplitRule::Folds(folds) => {
                Division::by_folds(folds, seed, stays).map(SplitAssigner::Division)
            }
            SplitRule::All => Ok(SplitAssigner::All),
        }
    }

    /// Whether a rule that is told, and not drawn, tells a split of `stay`.
    pub(super) fn tells(&self, stay: &StayRow) -> bool {
        match self {
            SplitAssigner::Source => stay.split.is_some(),
            SplitAssigner::Table(table) => table.split_of(stay).is_some(),
            _ => true,
        }
    }

    /// The split of `stay`. A stay that the rule does not know is an error.
    ///
    /// `origin` is the file it was read from, `title` what it is called in messages.
    pub(super) fn split_of(
        &self,
        stay: &StayRow,
        origin: &Path,
        title: &dyn Fn() -> String,
    ) -> Result<Split, Error> {
        match self {
            SplitAssigner::Source => stay.split.ok_or_else(|| {
                Error::stage(format!("{} has no split in the source", title()))
                    .with_hint("state another: split = { file = … } or { ratio = […] }; without_split = \"drop\" leaves such stays out and counts them")
            }),
            SplitAssigner::Table(table) => table
                .split_of(stay)
                .ok_or_else(|| table.lacks(stay, &title())),
            SplitAssigner::Folders(folders) => {
                let folder = origin.parent().and_then(Path::file_name);
                let named = |name: &str| folder.is_some_and(|folder| folder == name);
                match folders {
                    _ if named(&folders.train) => Ok(Split::Train),
                    _ if named(&folders.validation) => Ok(Split::Validation),
                    _ if named(&folders.test) => Ok(Split::Test),
                    _ => Err(Error::stage(format!(
                        "{} is in none of the split folders {}",
                        title(),
                        quoted([&folders.train, &folders.validation, &folders.test])
                    ))),
                }
            }
            SplitAssigner::Ratio {
                train,
                validation,
                test,
                draws,
            } => {
                let whose = stay.subject.as_ref().unwrap_or(&stay.id);
                let draw = draws.at(&[address_of(&whose.to_string())]).uniform();
                Ok(match draw {
                    _ if draw < *train => Split::Train,
                    // A sum of shares that is rounded down leaves no room for a share of 0.
                    _ if draw < train + validation || *test == 0.0 => Split::Validation,
                    _ => Split::Test,
                })
            }
            SplitAssigner::Division(division) => division
                .split_of(stay)
                .ok_or_else(|| Error::stage(format!("{} was not divided", title()))),
            SplitAssigner::All => Ok(Split::Test),
        }
    }

    /// The column of ids of a split file, and whether they are those of patients.
    pub(super) fn column(&self) -> Option<(&Path, &str, bool)> {
        match self {
            SplitAssigner::Table(table) => table.column(),
            _ => None,
        }
    }

    /// Ids of the split file that are none of these stays', or of their patients'.
    pub(super) fn unused(&self, stays: &[StayRow]) -> u64 {
        match self {
            SplitAssigner::Table(table) => table.unused(stays),
            _ => 0,
        }
    }
}

/// Fails if stays of one patient are in two splits: what is learned of him in one answers for
/// him in the other.
pub(super) fn refuse_straddling(stays: &[StayRow], splits: &[Split]) -> Result<(), Error> {
    let mut homes: HashMap<&StayId, (&StayRow, Split)> = HashMap::new();
    for (stay, &split) in stays.iter().zip(splits) {
        let Some(subject) = &stay.subject else {
            continue;
        };
        let (first, home) = *homes.entry(subject).or_insert((stay, split));
        if home != split {
            return Err(Error::stage(format!(
                "patient {subject} is in two splits: stay {} in {}, stay {} in {}",
                first.id,
                home.name(),
                stay.id,
                split.name()
            ))
            .with_hint("split by patient: all stays of a patient belong in the same split")
            .coded(Code::SplitOverlap));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::SyntheticSource;
    use crate::input_path::InputPath;
    use crate::source::Start;

    const SOURCE: Source = Source::Synthetic(SyntheticSource { stays: 1 });

    fn stay(name: &str) -> StayRow {
        let stem = name.strip_suffix(".txt").unwrap();
        StayRow {
            landmark_of: None,
            id: StayId::parse(stem).unwrap(),
            subject: None,
            series: 0,
            label: None,
            start: Start::FirstEvent,
            prediction: None,
            split: None,
        }
    }

    fn split_of(assigner: &SplitAssigner, stay: &StayRow) -> Result<Split, Error> {
        let title = || format!("stay {} (x)", stay.id);
        assigner.split_of(stay, Path::new("set-a/x"), &title)
    }

    #[test]
    fn a_patient_in_two_splits_is_named_with_both_stays() {
        let mut stays = [stay("1.txt"), stay("2.txt"), stay("3.txt")];
        for stay in &mut stays[1..] {
            stay.subject = StayId::parse("P7");
        }
        let splits = [Split::Train, Split::Test, Split::Test];
        assert!(refuse_straddling(&stays, &splits).is_ok());
        let splits = [Split::Train, Split::Train, Split::Test];
        let error = refuse_straddling(&stays, &splits).unwrap_err().to_string();
        assert!(
            error.contains("patient P7 is in two splits: stay 2 in train, stay 3 in test"),
            "{error}"
        );
    }

    #[test]
    fn stays_of_a_patient_are_drawn_together_and_found_by_his_id() {
        let mut stays = [stay("1.txt"), stay("2.txt")];
        for stay in &mut stays {
            stay.subject = StayId::parse("9");
        }
        let drawn =
            SplitAssigner::of_rule(&SplitRule::Independent([0.4, 0.3, 0.3]), 3, &SOURCE, &[]);
        let drawn = drawn.ok().unwrap();
        let splits = stays.each_ref().map(|stay| split_of(&drawn, stay).unwrap());
        assert_eq!(splits[0], splits[1]);
        let named = table("id,split\n9,test\n", &stays).ok().unwrap();
        assert_eq!(split_of(&named, &stays[0]).unwrap(), Split::Test);
        assert_eq!(named.unused(&stays), 0);
    }

    fn table(text: &str, stays: &[StayRow]) -> Result<SplitAssigner, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("splits.csv");
        std::fs::write(&path, text).unwrap();
        SplitAssigner::of_rule(&SplitRule::File(InputPath::file(path)), 1, &SOURCE, stays)
    }

    fn refusal(text: &str) -> String {
        table(text, &[]).err().unwrap().to_string()
    }

    #[test]
    fn a_split_file_knows_the_aliases_and_numbers_as_numbers() {
        let assigner = table("id,split\n1.0,train\n2,tuning\n3,held_out\n9,val\n", &[])
            .ok()
            .unwrap();
        assert_eq!(split_of(&assigner, &stay("1.txt")).unwrap(), Split::Train);
        assert_eq!(
            split_of(&assigner, &stay("2.0.txt")).unwrap(),
            Split::Validation
        );
        assert_eq!(split_of(&assigner, &stay("3.txt")).unwrap(), Split::Test);
        assert_eq!(assigner.unused(&[stay("1.txt"), stay("2.txt")]), 2);
    }

    #[test]
    fn a_wrong_line_of_a_split_file_is_named() {
        assert!(
            refusal("id,split\n1,train\n2,tset\n")
                .contains("line 3: unknown split `tset` of stay 2")
        );
        let twice = refusal("id,split\n1,train\n1.0,test\n");
        assert!(
            twice.contains("line 3: stay 1 is in test, and on line 2 in train"),
            "{twice}"
        );
        assert!(refusal("id,split\n1,train\n1,train\n").contains("line 3: stay 1"));
        assert!(refusal("1,train\n2,test\n").contains("line 1: a stay where the header should be"));
        assert!(refusal("id,set,split\n1,a,train\n").contains("it has `id`, `set`, `split`"));
    }

    #[test]
    fn a_stay_that_the_split_file_does_not_know_is_named() {
        let assigner = table("id,split\n1,train\n", &[]).ok().unwrap();
        let text = split_of(&assigner, &stay("4.txt")).unwrap_err().to_string();
        assert!(
            text.contains("stay 4 (") && text.contains("has no split"),
            "{text}"
        );
    }

    #[test]
    fn a_split_file_has_one_key_for_all_its_rows() {
        let mut stays = [stay("1.txt"), stay("2.txt"), stay("3.txt")];
        for (stay, subject) in stays.iter_mut().zip(["2", "3", "1"]) {
            stay.subject = StayId::parse(subject);
        }
        let splits = |text: &str| {
            let assigner = table(text, &stays)?;
            let splits = stays.iter().map(|stay| split_of(&assigner, stay));
            splits.collect::<Result<Vec<Split>, Error>>()
        };
        use Split::*;
        let rows = "1,train\n2,val\n3,test\n";
        for (header, expected) in [
            ("stay_id", [Train, Validation, Test]),
            ("ICUSTAY_ID", [Train, Validation, Test]),
            ("subject_id", [Validation, Test, Train]),
            ("patient", [Validation, Test, Train]),
        ] {
            let found = splits(&format!("{header},split\n{rows}")).unwrap();
            assert_eq!(found, expected, "{header}");
        }
        let error = splits(&format!("id,split\n{rows}")).unwrap_err();
        let text = "its ids `id` are both stays' and patients': stay 1 is in train, its patient 2 in validation";
        assert!(error.to_string().contains(text), "{error}");
        // Some stays are found by either, and no header decides.
        let error = splits("id,split\n1,train\n2,val\n").unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        let error = splits("id,split\n1,train\n").unwrap_err().to_string();
        let text = "of 3 stays 1 have a split by their own id, and 1 by their patient's";
        assert!(error.contains(text), "{error}");
        // Alike by either key: no matter.
        assert!(splits("id,split\n1,train\n2,train\n3,train\n").is_ok());
        let error = splits("patient,split\n1,train\n2,val\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("of patient 3 has no split"), "{error}");
        stays[2].subject = StayId::parse("9");
        let assigner = table("id,split\n2,train\n3,val\n9,test\n1,test\n4,test\n", &stays);
        assert!(assigner.is_err(), "all stays are found by either");
        let assigner = table("id,split\n2,train\n3,val\n9,test\n", &stays)
            .ok()
            .unwrap();
        assert_eq!(split_of(&assigner, &stays[1]).unwrap(), Validation);
        let twins = table("id,split\n01,train\n2,val\n3,val\n", &stays)
            .err()
            .unwrap();
        assert!(
            twins.to_string().contains("are two spellings of one id"),
            "{twins}"
        );
    }

    #[test]
    fn a_drawn_split_belongs_to_the_stay_and_follows_the_shares() {
        let rule = SplitRule::Ratio([0.5, 0.3, 0.2]);
        let assigner = SplitAssigner::of_rule(&rule, 3, &SOURCE, &[]).ok().unwrap();
        let mut counts = BTreeMap::new();
        for id in 0..4000 {
            let split = split_of(&assigner, &stay(&format!("{id}.txt"))).unwrap();
            *counts.entry(split).or_insert(0) += 1;
        }
        for (split, share) in [
            (Split::Train, 0.5),
            (Split::Validation, 0.3),
            (Split::Test, 0.2),
        ] {
            assert!((f64::from(counts[&split]) / 4000.0 - share).abs() < 0.03);
        }
    }

    #[test]
    fn shares_that_do_not_sum_to_one_are_refused() {
        for shares in [[0.8, 0.1, 0.2], [1.2, -0.1, -0.1], [f64::NAN, 0.5, 0.5]] {
            assert!(SplitAssigner::of_rule(&SplitRule::Ratio(shares), 1, &SOURCE, &[]).is_err());
        }
    }
}
