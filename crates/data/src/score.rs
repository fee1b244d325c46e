//! From the events of a source to rows of the artifact: z-scores, row groups, counts.

use std::path::Path;

use rayon::prelude::*;

use super::assemble::{Assembler, Losses, Workspace};
use super::chunks::{chunks_of, in_order};
use super::config::Labels;
use super::dataset::Split;
use super::fit::{Fitted, Material};
use super::leaks::Suspicions;
use super::long_stays::is_too_long;
use super::statistics::{Gathering, Moments, Variable, merge_all};
use super::tables::{EventRows, EventTable, KeptStay};
use pipeline_error::Error;

/// The splits, in the order in which they are counted.
pub(super) const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

/// What came of a source.
pub(super) struct Scored<'a> {
    pub(super) kept: Vec<KeptStay<'a>>,
    /// Stays without an event, by index.
    pub(super) empty: Vec<usize>,
    /// Stays that last longer than a life, by index.
    pub(super) too_long: Vec<usize>,
    pub(super) losses: Losses,
    /// Z-scores that were clipped.
    pub(super) clipped: u64,
    /// Of the values before they became z-scores, by split and variable of the artifact.
    pub(super) moments: [Vec<Moments>; 3],
    pub(super) suspicions: Suspicions,
}

/// A chunk of stays.
struct Chunk<'a> {
    rows: EventRows,
    kept: Vec<KeptStay<'a>>,
    empty: Vec<usize>,
    too_long: Vec<usize>,
    losses: Losses,
    clipped: u64,
    moments: [Vec<Moments>; 3],
    suspicions: Suspicions,
}

impl<'a> Material<'a> {
    /// Writes the table of events.
    pub(super) fn score(&self, fitted: &Fitted, path: &Path) -> Result<Scored<'a>, Error> {
        let variables = fitted.variables.len();
        let mut scored = Scored {
            kept: Vec::new(),
            empty: Vec::new(),
            too_long: Vec::new(),
            losses: Losses::none(fitted.of_source.fates.len()),
            clipped: 0,
            moments: SPLITS.map(|_| vec![Moments::default(); variables]),
            suspicions: Suspicions::none(variables),
        };
        let mut table = EventTable::create(path)?;
        in_order(
            &chunks_of(self.stays, self.ingested),
            self.config.memory.0,
            self.interrupted,
            |stays| self.score_chunk(stays, fitted),
            |chunks| {
                let rows: Vec<EventRows> = (chunks.into_iter())
                    .map(|chunk| scored.take(chunk))
                    .filter(|rows| !rows.is_empty())
                    .collect();
                let encoded: Vec<_> = (rows.into_par_iter())
                    .map(|rows| table.encode(rows))
                    .collect();
                encoded.into_iter().try_for_each(|rows| table.append(rows?))
            },
        )?;
        table.finish()?;
        Ok(scored)
    }

    fn score_chunk(
        &self,
        stays: std::ops::Range<usize>,
        fitted: &Fitted,
    ) -> Result<Chunk<'a>, Error> {
        let assembler = Assembler::new(self.config, self.ingested, self.cleaning);
        let mut gatherings = SPLITS.map(|_| Gathering::new(fitted.variables.len()));
        let mut work = Workspace::default();
        let mut chunk = Chunk {
            rows: EventRows::default(),
            kept: Vec::new(),
            empty: Vec::new(),
            too_long: Vec::new(),
            losses: Losses::none(fitted.of_source.fates.len()),
            clipped: 0,
            moments: Default::default(),
            suspicions: Suspicions::none(fitted.variables.len()),
        };
        let sources = &fitted.of_source.sources;
        for index in stays {
            let (stay, split) = (&self.stays[index], self.splits[index]);
            assembler.assemble(stay, split, &fitted.of_source, &mut work, &mut chunk.losses)?;
            let Some(last) = work.events.last() else {
                chunk.empty.push(index);
                continue;
            };
            if is_too_long(self.config, last.time) {
                chunk.too_long.push(index);
            }
            let (sets, events) = (last.set + 1, work.events.len() as u32);
            let gathering = &mut gatherings[split as usize];
            gathering.next_stay();
            for event in &work.events {
                let variable = &fitted.variables[event.variable as usize];
                let source = sources[event.variable as usize];
                let value = self.cleaning.scored(source, event.value);
                gathering.add(event.variable, value);
                let (score, clipped) = self.z_score(variable, value).map_err(|what| {
                    let title = self.ingested.title(&self.ingested.series[stay.series]);
                    Error::stage(format!("{title}: {what}"))
                })?;
                chunk.clipped += u64::from(clipped);
                chunk.rows.push(event, score);
            }
            if split == Split::Train && self.config.labels == Labels::Source {
                chunk.suspicions.take(stay.label, &work.events);
            }
            chunk.rows.end_stay(chunk.kept.len() as u32, events);
            chunk.kept.push(KeptStay {
                stay,
                row: index,
                split,
                sets,
                events,
            });
        }
        chunk.moments = gatherings.map(Gathering::finish);
        Ok(chunk)
    }

    /// The z-score of a value, and whether it was clipped.
    fn z_score(&self, variable: &Variable, value: f64) -> Result<(f32, bool), String> {
        let clip = self.config.clip.unwrap_or(f64::INFINITY);
        let score = variable.z_score(value);
        let clipped = score.clamp(-clip, clip);
        match (clipped as f32).is_finite() {
            true => Ok((clipped as f32, clipped != score)),
            false => Err(format!(
                "value {value} of `{}` has no finite z-score (mean {}, std {})",
                variable.name, variable.mean, variable.std
            )),
        }
    }
}

impl<'a> Scored<'a> {
    /// Adds a chunk; its rows then name their stays by their number among all.
    fn take(&mut self, chunk: Chunk<'a>) -> EventRows {
        let before = self.kept.len() as u32;
        self.kept.extend(chunk.kept);
        self.empty.extend(chunk.empty);
        self.too_long.extend(chunk.too_long);
        self.losses.merge(&chunk.losses);
        self.clipped += chunk.clipped;
        for (moments, later) in self.moments.iter_mut().zip(&chunk.moments) {
            merge_all(moments, later);
        }
        self.suspicions.merge(chunk.suspicions);
        chunk.rows.after(before)
    }
}
