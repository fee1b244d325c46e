//! The data stage: from a source to the three tables.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::cohort::{Cohort, RawEvent, RawStay, go_on};
use super::config::{DataConfig, Source, StayPolicy};
use super::csv_table::quoted;
use super::dataset::Split;
use super::embedding::of_variables;
use super::report::DataReport;
use super::split::SplitAssigner;
use super::statistics::{self, Variable};
use super::statistics_file;
use super::tables::{self, EventRows};
use super::timeline::arrange;
use super::{patient_parquet, physionet2012, synthetic};
use crate::error::Error;

/// Reads the source and writes `events.parquet`, `stays.parquet` and `variables.parquet` into
/// `work`. `seed` is the stage's resolved seed; `notes` receives what is worth reading.
///
/// It works in the current rayon pool; no thread count changes a byte. Errors name the file,
/// line or row, stay and variable. [`Error::Interrupted`] soon after `interrupted` is set.
pub fn build(
    config: &DataConfig,
    seed: u64,
    work: &Path,
    interrupted: &AtomicBool,
    notes: &mut dyn FnMut(String),
) -> Result<DataReport, Error> {
    check_settings(config)?;
    let (report, lines) = Building::new(config, seed, interrupted).finish(work)?;
    lines.into_iter().for_each(notes);
    Ok(report)
}

fn check_settings(config: &DataConfig) -> Result<(), Error> {
    if let Some(hours) = config.hours.filter(|hours| hours.is_nan() || *hours < 0.0) {
        return Err(Error::stage(format!(
            "hours = {hours} is no window: a number ≥ 0 is expected"
        )));
    }
    if let Some(clip) = config.clip.filter(|clip| clip.is_nan() || *clip <= 0.0) {
        return Err(Error::stage(format!(
            "clip = {clip} leaves no value: a number above 0 is expected"
        )));
    }
    Ok(())
}

struct Building<'a> {
    config: &'a DataConfig,
    seed: u64,
    interrupted: &'a AtomicBool,
    report: DataReport,
    notes: Vec<String>,
}

impl<'a> Building<'a> {
    fn new(config: &'a DataConfig, seed: u64, interrupted: &'a AtomicBool) -> Self {
        Self {
            config,
            seed,
            interrupted,
            report: DataReport::default(),
            notes: Vec::new(),
        }
    }

    fn finish(mut self, work: &Path) -> Result<(DataReport, Vec<String>), Error> {
        let mut cohort = self.read_source()?;
        go_on(self.interrupted)?;
        self.arrange(&mut cohort)?;
        self.drop_without_label(&mut cohort)?;
        let lack = match self.config.hours {
            Some(hours) => format!("no event in the first {hours} hours"),
            None => "no event".into(),
        };
        self.drop_without_events(&mut cohort, &lack)?;
        let mut splits = self.assign_splits(&cohort)?;
        let variables = self.score_variables(&mut cohort, &mut splits)?;
        check_no_split_is_empty(&splits)?;

        go_on(self.interrupted)?;
        let names: Vec<&str> = variables.iter().map(|v| v.name.as_str()).collect();
        let embeddings = of_variables(&self.config.embeddings, &names, self.seed)?;
        let rows = self.score_events(&cohort.stays, &variables)?;
        self.count(&cohort.stays, &splits, &variables);
        go_on(self.interrupted)?;
        tables::write_variables(&work.join("variables.parquet"), &variables, &embeddings)?;
        tables::write_stays(&work.join("stays.parquet"), &cohort.stays, &splits)?;
        tables::write_events(&work.join("events.parquet"), rows)?;
        Ok((self.report, self.notes))
    }

    fn read_source(&mut self) -> Result<Cohort, Error> {
        let cohort = match &self.config.source {
            Source::Synthetic(source) => synthetic::generate(source.stays, self.seed)?,
            Source::Physionet2012(source) => physionet2012::read(source, self.interrupted)?,
            Source::PatientParquet(source) => {
                patient_parquet::read(source, &self.config.split, self.interrupted)?
            }
        };
        self.report.source_rows = cohort.rows;
        self.report.source_stays = cohort.stays.len() as u64;
        self.report.missing_markers = cohort.missing;
        self.report.unused_labels = cohort.unused_labels;
        self.report.stays_without_series = cohort.without_series.len() as u64;
        if !cohort.without_series.is_empty() {
            let ids: Vec<String> = cohort
                .without_series
                .iter()
                .map(ToString::to_string)
                .collect();
            self.notes.push(format!(
                "{} stays have no series: descriptors are their only events: {}",
                ids.len(),
                ids.join(", ")
            ));
        }
        Ok(cohort)
    }

    fn arrange(&mut self, cohort: &mut Cohort) -> Result<(), Error> {
        let last_minute = self.config.hours.map(|hours| hours * 60.0);
        let arranged: Vec<Result<_, Error>> = (cohort.stays.par_iter_mut())
            .map(|stay| arrange(stay, last_minute, self.config.duplicates))
            .collect();
        for outcome in arranged {
            let arranged = outcome?;
            self.report.events_outside_window += arranged.outside;
            self.report.duplicates_merged += arranged.merged;
        }
        Ok(())
    }

    fn drop_without_label(&mut self, cohort: &mut Cohort) -> Result<(), Error> {
        let without: Vec<&RawStay> = cohort.stays.iter().filter(|s| s.label.is_none()).collect();
        if self.config.without_label == StayPolicy::Error {
            refuse(&without, "no label", "without_label")?;
        }
        self.report.stays_without_label = without.len() as u64;
        if !without.is_empty() {
            self.notes.push(format!(
                "{} stays without a label are dropped",
                without.len()
            ));
            cohort.stays.retain(|stay| stay.label.is_some());
        }
        Ok(())
    }

    fn drop_without_events(&mut self, cohort: &mut Cohort, lack: &str) -> Result<(), Error> {
        let without: Vec<&RawStay> = (cohort.stays.iter())
            .filter(|stay| stay.events.is_empty())
            .collect();
        if self.config.without_events == StayPolicy::Error {
            refuse(&without, lack, "without_events")?;
        }
        self.report.stays_without_events += without.len() as u64;
        if !without.is_empty() {
            (self.notes).push(format!("{} stays with {lack} are dropped", without.len()));
            cohort.stays.retain(|stay| !stay.events.is_empty());
        }
        Ok(())
    }

    fn assign_splits(&mut self, cohort: &Cohort) -> Result<Vec<Split>, Error> {
        let assigner = SplitAssigner::new(&self.config.split, self.seed)?;
        self.report.unused_splits = assigner.unused(&cohort.stays);
        let splits: Vec<Split> = (cohort.stays.iter())
            .map(|stay| assigner.split_of(stay))
            .collect::<Result<_, _>>()?;
        check_no_split_is_empty(&splits)?;
        Ok(splits)
    }

    /// The variables of the artifacts, by name; afterwards the events refer to them.
    fn score_variables(
        &mut self,
        cohort: &mut Cohort,
        splits: &mut Vec<Split>,
    ) -> Result<Vec<Variable>, Error> {
        let Some(file) = &self.config.statistics else {
            let training = training_events(&cohort.stays, splits);
            let found = statistics::of_training(&cohort.variables, training)?;
            return self.drop_unseen(cohort, splits, found);
        };
        let path = file.path.as_ref();
        let mut variables = statistics_file::read(path)?;
        statistics::check_all_known(&cohort.variables, &cohort.stays, &variables, path)?;
        let numbers: Vec<Option<u32>> = (cohort.variables.iter())
            .map(|name| variables.binary_search_by(|v| v.name.cmp(name)).ok())
            .map(|place| place.map(|place| place as u32))
            .collect();
        renumber(&mut cohort.stays, &numbers);
        for event in training_events(&cohort.stays, splits) {
            variables[event.variable as usize].train_events += 1;
        }
        Ok(variables)
    }

    /// Drops the events of variables that training never shows, and the stays that have no others.
    fn drop_unseen(
        &mut self,
        cohort: &mut Cohort,
        splits: &mut Vec<Split>,
        found: Vec<Option<Variable>>,
    ) -> Result<Vec<Variable>, Error> {
        let mut next = 0..;
        let numbers: Vec<Option<u32>> = (found.iter())
            .map(|variable| variable.as_ref().and_then(|_| next.next()))
            .collect();
        let dropped = renumber(&mut cohort.stays, &numbers);
        let seen_elsewhere = (0..numbers.len()).filter(|&index| dropped[index] > 0);
        let unseen: Vec<&String> = seen_elsewhere.map(|i| &cohort.variables[i]).collect();
        if !unseen.is_empty() {
            let events: u64 = dropped.iter().sum();
            self.report.events_of_unseen_variables = events;
            self.notes.push(format!(
                "{events} events are dropped, of variables that the training split never shows: {}",
                quoted(unseen.into_iter())
            ));
            let mut kept = cohort.stays.iter().map(|stay| !stay.events.is_empty());
            splits.retain(|_| kept.next().unwrap_or(false));
            let lack = "no event of a variable that the training split shows";
            self.drop_without_events(cohort, lack)?;
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn score_events(
        &mut self,
        stays: &[RawStay],
        variables: &[Variable],
    ) -> Result<EventRows, Error> {
        let mut rows = EventRows::with_capacity(stays.iter().map(|stay| stay.events.len()).sum());
        let clip = self.config.clip.unwrap_or(f64::INFINITY);
        for (index, stay) in stays.iter().enumerate() {
            for event in &stay.events {
                let variable = &variables[event.variable as usize];
                let score = variable.z_score(event.value);
                let clipped = score.clamp(-clip, clip);
                self.report.clipped_values += u64::from(clipped != score);
                if !(clipped as f32).is_finite() {
                    return Err(Error::stage(format!(
                        "{}: value {} of `{}` has no finite z-score (mean {}, std {})",
                        stay.title(),
                        event.value,
                        variable.name,
                        variable.mean,
                        variable.std
                    )));
                }
                rows.push(index as u32, event, clipped as f32);
            }
        }
        Ok(rows)
    }

    fn count(&mut self, stays: &[RawStay], splits: &[Split], variables: &[Variable]) {
        for (stay, &split) in stays.iter().zip(splits) {
            let counts = self.report.of_mut(split);
            counts.stays += 1;
            counts.sets += u64::from(tables::sets_of(stay));
            counts.events += stay.events.len() as u64;
            counts.positives += u64::from(stay.label.is_some_and(|label| label > 0));
        }
        self.report.variables = variables.len() as u64;
        self.report.constant_variables = variables.iter().filter(|v| v.constant).count() as u64;
        let constant: Vec<&String> = (variables.iter())
            .filter(|variable| variable.constant)
            .map(|variable| &variable.name)
            .collect();
        if !constant.is_empty() {
            self.notes.push(format!(
                "constant in the training split, so they count as presence (1): {}",
                quoted(constant.into_iter())
            ));
        }
    }
}

fn training_events<'a>(
    stays: &'a [RawStay],
    splits: &'a [Split],
) -> impl Iterator<Item = &'a RawEvent> + Clone {
    (stays.iter().zip(splits))
        .filter(|(_, split)| **split == Split::Train)
        .flat_map(|(stay, _)| &stay.events)
}

/// Gives events their variable's new number and drops those that have none. Sets that become
/// empty vanish. Returns the number of events dropped, by old number.
fn renumber(stays: &mut [RawStay], numbers: &[Option<u32>]) -> Vec<u64> {
    let mut dropped = vec![0; numbers.len()];
    for stay in stays {
        let (mut previous, mut set) = (None, 0);
        stay.events.retain_mut(|event| {
            let Some(number) = numbers[event.variable as usize] else {
                dropped[event.variable as usize] += 1;
                return false;
            };
            event.variable = number;
            if previous.is_some_and(|previous| previous != event.set) {
                set += 1;
            }
            previous = Some(event.set);
            event.set = set;
            true
        });
    }
    dropped
}

fn refuse(stays: &[&RawStay], lack: &str, setting: &str) -> Result<(), Error> {
    let Some(first) = stays.first() else {
        return Ok(());
    };
    let more = match stays.len() {
        1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    Err(
        Error::stage(format!("{} has {lack}{more}", first.title())).with_hint(format!(
            "{setting} = \"drop\" leaves such stays out and counts them"
        )),
    )
}

fn check_no_split_is_empty(splits: &[Split]) -> Result<(), Error> {
    let count = |split| splits.iter().filter(|&&other| other == split).count();
    let all = [Split::Train, Split::Validation, Split::Test];
    match all.into_iter().find(|&split| count(split) == 0) {
        Some(empty) => Err(Error::stage(format!(
            "the {} split is empty (train {}, validation {}, test {} stays)",
            empty.name(),
            count(Split::Train),
            count(Split::Validation),
            count(Split::Test)
        ))
        .with_hint("every split needs at least one stay that has events and a label")),
        None => Ok(()),
    }
}
