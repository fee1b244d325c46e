//! Whether the times of a source agree on what they say of their zone.

use std::sync::{Mutex, PoisonError};

use super::rows::{RowPlace, Told};
use pipeline_error::Error;

/// A time that was read: where, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sighting {
    pub(super) place: RowPlace,
    pub(super) column: String,
    pub(super) text: String,
}

/// The first time with a zone, and the first without one. Which are first does not depend on the order in
/// which parts are read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zones {
    zoned: Option<Sighting>,
    naive: Option<Sighting>,
    /// The first date without a time of day, which has no zone either.
    day: Option<Sighting>,
}

/// What one reader has seen: later times of a kind are no news.
#[derive(Debug, Default)]
pub(super) struct Seen {
    zoned: bool,
    naive: bool,
    day: bool,
}

impl Seen {
    /// Whether a time that tells this is the first of its kind.
    pub(super) fn is_new(&mut self, told: Told) -> bool {
        let seen = match told {
            Told::Zoned => &mut self.zoned,
            Told::Naive => &mut self.naive,
            Told::Day => &mut self.day,
            Told::Plain | Told::Folded => return false,
        };
        !std::mem::replace(seen, true)
    }
}

impl Zones {
    pub(super) fn add(&mut self, told: Told, sighting: Sighting) {
        let first = match told {
            Told::Zoned => &mut self.zoned,
            Told::Naive => &mut self.naive,
            Told::Day => &mut self.day,
            Told::Plain | Told::Folded => return,
        };
        if first.as_ref().is_none_or(|first| sighting < *first) {
            *first = Some(sighting);
        }
    }

    /// Adds to those of all parts.
    pub(super) fn add_to(all: &Mutex<Self>, told: Told, sighting: Sighting) {
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        all.add(told, sighting);
    }

    /// Fails if some times have a zone and others none: which hour the latter are is not known.
    pub(super) fn check(&self) -> Result<(), Error> {
        let naive = self.naive.as_ref().or(self.day.as_ref());
        let (Some(zoned), Some(naive)) = (&self.zoned, naive) else {
            return Ok(());
        };
        let place = zoned.place.told()?;
        let other = naive.place.told()?;
        let what = format!(
            "{place}: {} `{}` knows its time zone, and {} `{}` ({}, {other}) does not: they cannot be compared",
            zoned.column,
            zoned.text,
            naive.column,
            naive.text,
            naive.place.file.display(),
        );
        Err(Error::file(&zoned.place.file, what).with_hint(
            "time = { …, zone = \"Europe/Berlin\" } (or \"+01:00\", \"UTC\") says where times without a zone are from",
        ))
    }

    /// What is worth reading of dates without a time of day, where other times have one.
    pub(super) fn note(&self) -> Result<Option<String>, Error> {
        let timed = self.naive.as_ref().or(self.zoned.as_ref());
        let (Some(day), Some(timed)) = (&self.day, timed) else {
            return Ok(None);
        };
        Ok(Some(format!(
            "{} `{}` ({}, {}) has no time of day, and midnight is taken; other times have one, like {} `{}`",
            day.column,
            day.text,
            day.place.file.display(),
            day.place.told()?,
            timed.column,
            timed.text,
        )))
    }
}
