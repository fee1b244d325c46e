//! Which stay belongs to which split.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::address::address_of;
use super::cohort::RawStay;
use super::config::{SplitFolders, SplitRule};
use super::csv_table::{CsvTable, quoted};
use super::dataset::Split;
use super::stay_id::StayId;
use crate::error::Error;
use crate::random::Stream;

/// A split rule, ready to be asked.
pub(super) enum SplitAssigner {
    /// By a table of stay ids.
    Table {
        path: PathBuf,
        splits: BTreeMap<StayId, (Split, u64)>,
    },
    /// By the folder of the stay's file.
    Folders(SplitFolders),
    /// By a uniform draw that belongs to the stay's id alone, so that no other stay and no order can move it.
    Ratio {
        train: f64,
        validation: f64,
        draws: Stream,
    },
}

impl SplitAssigner {
    /// Reads what the rule needs.
    pub(super) fn new(rule: &SplitRule, seed: u64) -> Result<Self, Error> {
        match rule {
            SplitRule::File(path) => read_table(path.as_ref()),
            SplitRule::Folders(folders) => Ok(SplitAssigner::Folders(folders.clone())),
            SplitRule::Ratio(shares) => {
                let valid = shares.iter().all(|&s| s.is_finite() && s >= 0.0);
                if !valid || (shares.iter().sum::<f64>() - 1.0).abs() > 1e-9 {
                    return Err(Error::stage(format!(
                        "split ratio {shares:?}: three shares ≥ 0 that sum to 1 are expected"
                    )));
                }
                Ok(SplitAssigner::Ratio {
                    train: shares[0],
                    validation: shares[1],
                    draws: Stream::new(seed, "split"),
                })
            }
        }
    }

    /// The split of `stay`. A stay that the rule does not know is an error.
    pub(super) fn split_of(&self, stay: &RawStay) -> Result<Split, Error> {
        match self {
            SplitAssigner::Table { path, splits } => {
                splits.get(&stay.id).map(|entry| entry.0).ok_or_else(|| {
                    Error::stage(format!(
                        "{} has no split in {}",
                        stay.title(),
                        path.display()
                    ))
                    .with_hint("add a line for it: the stay's id and train, validation or test")
                })
            }
            SplitAssigner::Folders(folders) => {
                let folder = stay.origin.parent().and_then(Path::file_name);
                let named = |name: &str| folder.is_some_and(|folder| folder == name);
                match folders {
                    _ if named(&folders.train) => Ok(Split::Train),
                    _ if named(&folders.validation) => Ok(Split::Validation),
                    _ if named(&folders.test) => Ok(Split::Test),
                    _ => Err(Error::stage(format!(
                        "{} is in none of the split folders {}",
                        stay.title(),
                        quoted([&folders.train, &folders.validation, &folders.test].into_iter())
                    ))),
                }
            }
            SplitAssigner::Ratio {
                train,
                validation,
                draws,
            } => {
                let draw = draws.at(&[address_of(&stay.id.to_string())]).uniform();
                Ok(match draw {
                    _ if draw < *train => Split::Train,
                    _ if draw < train + validation => Split::Validation,
                    _ => Split::Test,
                })
            }
        }
    }

    /// Stays of the split file that are not among `stays` (sorted by id).
    pub(super) fn unused(&self, stays: &[RawStay]) -> u64 {
        match self {
            SplitAssigner::Table { splits, .. } => splits
                .keys()
                .filter(|id| stays.binary_search_by(|stay| stay.id.cmp(id)).is_err())
                .count() as u64,
            _ => 0,
        }
    }
}

fn read_table(path: &Path) -> Result<SplitAssigner, Error> {
    let table = CsvTable::read(path)?;
    if table.header.len() != 2 {
        return Err(Error::file(
            path,
            format!(
                "two columns are expected, stay id and split; it has {}",
                quoted(table.header.iter())
            ),
        ));
    }
    if Split::from_name(&table.header[1]).is_some() {
        return Err(table.error(1, "a stay where the header should be"));
    }
    let mut splits = BTreeMap::new();
    for row in &table.rows {
        let id = StayId::parse(&row.fields[0])
            .ok_or_else(|| table.error(row.line, "the stay id is blank"))?;
        let split = Split::from_name(&row.fields[1]).ok_or_else(|| {
            let what = format!("unknown split `{}` of stay {id}", &row.fields[1]);
            table
                .error(row.line, what)
                .with_hint("train, validation (or valid, val, tuning), test (or held_out)")
        })?;
        if let Some((other, line)) = splits.get(&id) {
            let (split, other) = (split.name(), Split::name(*other));
            let what = format!("stay {id} is in {split}, and on line {line} in {other}");
            return Err(table.error(row.line, what));
        }
        splits.insert(id, (split, row.line));
    }
    Ok(SplitAssigner::Table {
        path: path.to_path_buf(),
        splits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::input_path::InputPath;

    fn stay(name: &str) -> RawStay {
        RawStay::of_file(&Path::new("set-a").join(name)).unwrap()
    }

    fn table(text: &str) -> Result<SplitAssigner, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("splits.csv");
        std::fs::write(&path, text).unwrap();
        SplitAssigner::new(&SplitRule::File(InputPath::file(path)), 1)
    }

    fn refusal(text: &str) -> String {
        table(text).err().unwrap().to_string()
    }

    #[test]
    fn a_split_file_knows_the_aliases_and_numbers_as_numbers() {
        let assigner = table("id,split\n1.0,train\n2,tuning\n3,held_out\n9,val\n")
            .ok()
            .unwrap();
        assert_eq!(assigner.split_of(&stay("1.txt")).unwrap(), Split::Train);
        assert_eq!(
            assigner.split_of(&stay("2.0.txt")).unwrap(),
            Split::Validation
        );
        assert_eq!(assigner.split_of(&stay("3.txt")).unwrap(), Split::Test);
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
        let assigner = table("id,split\n1,train\n").ok().unwrap();
        let text = assigner.split_of(&stay("4.txt")).unwrap_err().to_string();
        assert!(
            text.contains("stay 4 (") && text.contains("has no split"),
            "{text}"
        );
    }

    #[test]
    fn a_drawn_split_belongs_to_the_stay_and_follows_the_shares() {
        let rule = SplitRule::Ratio([0.5, 0.3, 0.2]);
        let assigner = SplitAssigner::new(&rule, 3).ok().unwrap();
        let mut counts = BTreeMap::new();
        for id in 0..4000 {
            let split = assigner.split_of(&stay(&format!("{id}.txt"))).unwrap();
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
            assert!(SplitAssigner::new(&SplitRule::Ratio(shares), 1).is_err());
        }
    }
}
