//! What is asked of stays: their label, or a target that their data stage names.

use pipeline_data::config::Task;
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::feature_table::FeatureTable;
use pipeline_data::stay_columns::StayColumns;
use pipeline_data::target::{Target, Truth};
use pipeline_error::{Code, Error};

use crate::kind::{Lookup, StageKind};

/// The artifact of a data stage that holds its targets, and the role of it.
pub const TARGETS: &str = "targets";

/// What is asked of stays.
#[derive(Clone, Copy)]
pub enum Asked<'a> {
    /// Their label.
    Label,
    /// A target, and the table of targets that holds it.
    Target(&'a Target, &'a StayColumns),
}

/// Stays of which the truth is known.
pub struct Known {
    /// Which of those that were asked for.
    pub rows: Vec<usize>,
    /// What is true of them.
    pub truth: Truth,
    /// How many have no value.
    pub without: usize,
}

impl<'a> Asked<'a> {
    /// The target, held by the table `targets`; the label where there is none.
    pub fn of(target: Option<&'a Target>, targets: Option<&'a StayColumns>) -> Self {
        match target.zip(targets) {
            Some((target, targets)) => Self::Target(target, targets),
            None => Self::Label,
        }
    }

    /// The target; none: the label.
    pub fn target(&self) -> Option<&'a Target> {
        match self {
            Self::Label => None,
            Self::Target(target, _) => Some(target),
        }
    }

    /// Names of what is said of a stay; none of a label.
    pub fn names(&self) -> &'a [String] {
        match self {
            Self::Label => &[],
            Self::Target(target, _) => &target.outputs,
        }
    }

    /// What is known of the stays of a split in a table of features. A stay without a label is an error, and so is a split
    /// without stays.
    pub fn of_features(&self, table: &FeatureTable, split: Split) -> Result<Known, Error> {
        let rows = table.rows_of(split);
        let ids = table.ids(&rows);
        self.known(rows, &ids, split, |rows| table.classes(rows))
    }

    /// The same of a dataset.
    pub fn of_dataset(&self, dataset: &Dataset, split: Split) -> Result<Known, Error> {
        let rows = dataset.stays_of(split);
        let ids: Vec<String> = rows
            .iter()
            .map(|&row| dataset.stays[row].id.clone())
            .collect();
        self.known(rows, &ids, split, |rows| {
            rows.iter().map(|&row| dataset.stays[row].class()).collect()
        })
    }

    /// The same of these `rows` of a table of stays, whose ids are `ids`.
    pub fn of_stays(
        &self,
        stays: &StayColumns,
        rows: Vec<usize>,
        ids: &[String],
        split: Split,
    ) -> Result<Known, Error> {
        self.known(rows, ids, split, |rows| stays.classes(rows))
    }

    fn known(
        &self,
        rows: Vec<usize>,
        ids: &[String],
        split: Split,
        classes: impl FnOnce(&[usize]) -> Result<Vec<u32>, Error>,
    ) -> Result<Known, Error> {
        let known = match self {
            Self::Label => Known {
                truth: Truth::Classes(classes(&rows)?),
                rows,
                without: 0,
            },
            Self::Target(target, targets) => {
                let of_table = targets.rows_of(ids)?;
                let has = targets.have_value(target, &of_table);
                let kept = |all: &[usize]| -> Vec<usize> {
                    let pairs = all.iter().zip(&has);
                    pairs
                        .filter(|(_, has)| **has)
                        .map(|(row, _)| *row)
                        .collect()
                };
                Known {
                    truth: targets.truth(target, &kept(&of_table))?,
                    rows: kept(&rows),
                    without: has.iter().filter(|has| !**has).count(),
                }
            }
        };
        match known.rows.is_empty() {
            false => Ok(known),
            true => Err(self.no_stays(split)),
        }
    }

    fn no_stays(&self, split: Split) -> Error {
        let of_what = match self {
            Self::Label => String::new(),
            Self::Target(target, _) => format!(" with a value of `{}`", target.name),
        };
        Error::stage(format!("the split {} has no stays{of_what}", split.name()))
            .with_hint("look at `split` in the data stage, and at the stays it dropped")
            .coded(Code::EmptySplit)
    }
}

impl Known {
    /// The first stay whose class is none of so many: its position, and the class.
    pub fn class_beyond(&self, classes: usize) -> Option<(usize, u32)> {
        let found = self.truth.classes().unwrap_or_default().iter();
        let mut beyond = found
            .enumerate()
            .filter(|(_, class)| **class as usize >= classes);
        beyond.next().map(|(at, class)| (at, *class))
    }

    /// Fails unless the labels are of the classes that a head of so many outputs tells apart.
    pub fn check_classes(&self, ids: &[String], outputs: usize) -> Result<(), Error> {
        let Some((at, class)) = self.class_beyond(outputs) else {
            return Ok(());
        };
        Err(Error::stage(format!(
            "stay {} has label {class}, the model's classes are 0 to {}",
            ids[at],
            outputs - 1
        ))
        .with_hint("set model.classifier.num_classes to the number of classes"))
    }

    /// How to say that some stays have no value; none where all have one.
    pub fn note(&self, split: Split) -> Option<String> {
        let all = self.without + self.rows.len();
        (self.without > 0).then(|| {
            format!(
                "{} of {all} stays of the split {} have no value of the target and are left out",
                self.without,
                split.name()
            )
        })
    }
}

/// The target, or the label where there is none, in words.
pub fn named(target: Option<&Target>) -> String {
    match target {
        Some(target) => format!("the target `{}`", target.name),
        None => "the label".into(),
    }
}

/// The target called `name` of the data stage `data`.
pub fn target_of(stage: &Lookup, data: &str, name: &str) -> Option<Target> {
    let table = stage(data).and_then(StageKind::targets)?.get(name)?;
    Some(Target::of_table(name, table))
}

/// What is asked of the target called `name`; without one of its name, or of the label, a class.
pub fn task_of(stage: &Lookup, data: &str, name: Option<&str>) -> Task {
    let target = name.and_then(|name| target_of(stage, data, name));
    target.map_or(Task::Classification, |target| target.task)
}
