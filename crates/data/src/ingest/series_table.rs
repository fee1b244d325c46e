//! Every series of a source, while its parts are read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::stay_id::StayId;

/// Locks, so that threads seldom wait for each other.
const SHARDS: u32 = 64;

/// A part and one of its files.
pub(super) type FilePlace = (u32, u32);

/// Numbers series as they are met. The numbers depend on which thread came first, so they are no
/// part of any result: see [`SeriesTable::into_sorted`].
pub(super) struct SeriesTable {
    shards: Vec<Mutex<HashMap<StayId, (u32, SeriesFacts)>>>,
}

/// What is known of a series. Joining facts is commutative: no order of parts changes any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeriesFacts {
    /// Where its first row is.
    pub(super) first: FilePlace,
    /// Whether the source says which events form a set.
    pub(super) has_set_index: bool,
    /// The first two files that hold this series and no other.
    pub(super) own_files: [Option<FilePlace>; 2],
}

/// A series that was met.
pub(super) struct MetSeries {
    pub(super) id: StayId,
    pub(super) number: u32,
    pub(super) facts: SeriesFacts,
}

impl SeriesFacts {
    /// Of a series that has a row in a file.
    pub(super) fn of(place: FilePlace) -> Self {
        Self {
            first: place,
            has_set_index: false,
            own_files: [None, None],
        }
    }

    fn join(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.has_set_index |= other.has_set_index;
        let mut files: Vec<FilePlace> = (self.own_files.iter().chain(&other.own_files))
            .flatten()
            .copied()
            .collect();
        files.sort_unstable();
        files.dedup();
        self.own_files = [files.first().copied(), files.get(1).copied()];
    }
}

impl SeriesTable {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The number of a series; `facts` are joined to what is known of it.
    pub(super) fn note(&self, id: &StayId, facts: &SeriesFacts) -> u32 {
        let shard = bucket_of(id, SHARDS);
        let mut known = unpoisoned(&self.shards[shard as usize]);
        let next = known.len() as u32 * SHARDS + shard;
        match known.entry(id.clone()) {
            Entry::Occupied(mut entry) => {
                entry.get_mut().1.join(facts);
                entry.get().0
            }
            Entry::Vacant(entry) => entry.insert((next, *facts)).0,
        }
    }

    /// All series by id, and one more than the largest number.
    pub(super) fn into_sorted(self) -> (Vec<MetSeries>, usize) {
        let mut all = Vec::new();
        for shard in self.shards {
            let known = shard.into_inner().unwrap_or_else(PoisonError::into_inner);
            let met = known.into_iter();
            all.extend(met.map(|(id, (number, facts))| MetSeries { id, number, facts }));
        }
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let end = all.iter().map(|met| met.number as usize + 1).max();
        (all, end.unwrap_or(0))
    }
}

/// One of `count` buckets, by an id alone.
pub(super) fn bucket_of(id: &StayId, count: u32) -> u32 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    (hasher.finish() % u64::from(count)) as u32
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_series_does_not_depend_on_who_came_first() {
        let own = |place| SeriesFacts {
            own_files: [Some(place), None],
            ..SeriesFacts::of(place)
        };
        let facts = [own((2, 0)), own((0, 3)), own((1, 1))];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let table = SeriesTable::new();
            let id = StayId::Number(7);
            let numbers = order.map(|index| table.note(&id, &facts[index]));
            assert_eq!(numbers, [numbers[0]; 3]);
            table.note(&StayId::Number(3), &SeriesFacts::of((0, 0)));
            let (met, _) = table.into_sorted();
            assert_eq!([&met[0].id, &met[1].id], [&StayId::Number(3), &id]);
            assert_eq!(met[1].facts.first, (0, 3));
            assert_eq!(met[1].facts.own_files, [Some((0, 3)), Some((1, 1))]);
        }
    }
}
