//! Formats in: what a source must tell, and who reads which.

mod cohort;
mod compared_ids;
mod copies;
mod folder;
mod join_clock;
mod labels;
mod landmarks;
mod long;
mod meds;
mod meds_labels;
mod meds_shards;
mod other_ids;
mod other_stays;
mod patient_columns;
mod patient_parquet;
mod physionet2012;
mod physionet2019;
mod row_label;
mod row_place;
mod row_span;
mod row_statics;
mod row_tables;
mod rows;
mod rules;
mod stay_files;
mod stay_place;
mod stay_table;
mod synthetic;
mod value_text;
mod variable_columns;
mod versions;
mod wide;
mod zones;

use std::sync::atomic::AtomicBool;

use super::config::{DataConfig, Source};
use super::ingest::{Ingested, PartWriter};
use super::like::Like;
use super::stay_id::StayId;
pub(super) use compared_ids::ComparedIds;
pub(super) use join_clock::JoinClock;
pub(super) use labels::class as class_of;
use pipeline_error::Error;
use rules::ReadRules;
pub(super) use stay_table::{SkippedFile, Start, StayRow, StayTable};

/// A source of clinical time series, ready to be read.
pub(super) trait EventSource: Sync {
    /// The number of pieces that can be read each by itself. Their order is that of the source.
    fn parts(&self) -> usize;

    /// Writes the rows of a part. Errors name the file, the line or row, the stay and the rule.
    /// Looks at `interrupted` now and then.
    fn read(
        &self,
        part: usize,
        rows: &mut PartWriter,
        interrupted: &AtomicBool,
    ) -> Result<(), Error>;

    /// Variables that the format defines, and that this source need not hold: a rule for one is no mistake.
    fn known_variables(&self) -> &'static [&'static str] {
        &[]
    }

    /// The stays to make of the series that were read.
    fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error>;

    /// Whether a column of this name in the source's own tables holds the ids of the column of stays, or of patients,
    /// beside it. Looks at `interrupted` now and then.
    fn compared_ids(
        &self,
        _column: &str,
        _of_patients: bool,
        _interrupted: &AtomicBool,
    ) -> Result<ComparedIds, Error> {
        Ok(ComparedIds::Unknown)
    }

    /// The first place that spells a stay's id, a variable or a category so, for a complaint about it.
    fn place_of(&self, _name: Sought) -> Option<String> {
        None
    }
}

/// What a complaint looks for.
#[derive(Clone, Copy)]
pub(super) enum Sought<'a> {
    Stay(&'a StayId),
    Variable(&'a str),
    /// A variable, and the text of one of its values.
    Category(&'a str, &'a str),
}

/// Opens the source of `config`: lists its files and reads its small tables.
/// Of stays that are `like` others, values of variables that those do not have are not looked at.
pub(super) fn open(
    config: &DataConfig,
    like: Option<&Like>,
    seed: u64,
) -> Result<Box<dyn EventSource>, Error> {
    let split = &config.split;
    let rules = ReadRules::of(config, like);
    Ok(match &config.source {
        Source::Synthetic(source) => Box::new(synthetic::Synthetic::new(source.stays, seed)),
        Source::Physionet2012(source) => {
            Box::new(physionet2012::Physionet2012::open(source, rules)?)
        }
        Source::Physionet2019(source) => {
            let hours = physionet2019::as_wide(source, config.labels);
            let passed_over = physionet2019::passed_over(config.labels);
            Box::new(wide::Wide::open(hours, split, rules)?.passing_over(passed_over))
        }
        Source::Meds(source) => Box::new(meds::Meds::open(source, config)?),
        Source::PatientParquet(source) => {
            Box::new(patient_parquet::PatientParquet::open(source, split, rules)?)
        }
        Source::Long(source) => Box::new(long::Long::open(source, split, rules)?),
        Source::Wide(source) => Box::new(wide::Wide::open(source.clone(), split, rules)?),
    })
}
