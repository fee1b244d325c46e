//! A file that tells splits: of stays or of patients, one key for all of it.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::config::{Source, SplitLists};
use super::dataset::Split;
use super::id_names::{names_patients, names_stays};
use super::missing::is_missing;
use super::names::quoted;
use super::small_table::SmallTable;
use super::source::StayRow;
use super::spellings::{SPELLING_HINT, twins};
use super::stay_id::StayId;
use super::text_file;
use pipeline_error::Error;

/// Whose ids a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Stay,
    Patient,
}

/// A table of ids and splits, or a list of ids a split.
pub(super) struct SplitTable {
    files: Vec<PathBuf>,
    /// What the ids are called there.
    title: String,
    key: Key,
    splits: BTreeMap<StayId, (Split, Place)>,
}

/// Where an id stands: the number of the file, and the line.
#[derive(Clone, Copy)]
struct Place(usize, u64);

impl SplitTable {
    /// Reads the file, and finds whose ids it holds: its header says so, or only the ids of either
    /// tell a split of every stay. Where both do, and differ, the file is refused.
    pub(super) fn read(path: &Path, source: &Source, stays: &[StayRow]) -> Result<Self, Error> {
        let table = SmallTable::read(path)?;
        let splits = splits_of(&table, source)?;
        let mut read = Self {
            files: vec![path.to_path_buf()],
            title: table.header[0].clone(),
            key: Key::Stay,
            splits,
        };
        let has_patients = stays.iter().any(|stay| stay.subject.is_some());
        if has_patients {
            read.key = match key_of_header(&table.header[0], source) {
                Some(key) => key,
                None => read.key_of_ids(source, stays)?,
            };
        }
        read.refuse_second_spellings(read.key, source, stays)?;
        Ok(read)
    }

    /// Reads a list of ids a split, and finds whose they are.
    pub(super) fn of_lists(
        lists: &SplitLists,
        source: &Source,
        stays: &[StayRow],
    ) -> Result<Self, Error> {
        let lists = [
            (Split::Train, &lists.train),
            (Split::Validation, &lists.validation),
            (Split::Test, &lists.test),
        ];
        let mut read = Self {
            files: (lists.iter())
                .map(|(_, path)| path.as_ref().to_path_buf())
                .collect(),
            title: "id".into(),
            key: Key::Stay,
            splits: BTreeMap::new(),
        };
        for (file, (split, path)) in lists.into_iter().enumerate() {
            read.add_list(file, split, path.as_ref(), source)?;
        }
        if stays.iter().any(|stay| stay.subject.is_some()) {
            read.key = read.key_of_ids(source, stays)?;
        }
        read.refuse_second_spellings(read.key, source, stays)?;
        Ok(read)
    }

    fn add_list(
        &mut self,
        file: usize,
        split: Split,
        path: &Path,
        source: &Source,
    ) -> Result<(), Error> {
        let bytes = text_file::read(path)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| Error::file(path, "is not UTF-8"))?;
        for (line, text) in (1u64..).zip(text.lines()) {
            let bad = |what: String| Error::file(path, format!("line {line}: {what}"));
            let id =
                StayId::read(text, source.ids()).map_err(|what| bad(format!("the id {what}")))?;
            let Some(id) = id else { continue };
            if text.contains([',', ';', '\t']) {
                let what = format!("`{text}` is more than an id, and each line is one");
                return Err(
                    bad(what).with_hint("split = { file = … } reads a table of ids and splits")
                );
            }
            if let Some((other, place)) = self.splits.insert(id.clone(), (split, Place(file, line)))
            {
                let what = match other == split {
                    true => format!("{id} again, as on {}", self.place(place)),
                    false => format!("{id} is in {} too, on {}", other.name(), self.place(place)),
                };
                return Err(bad(what));
            }
        }
        Ok(())
    }

    fn place(&self, Place(file, line): Place) -> String {
        format!("{} line {line}", self.files[file].display())
    }

    /// The files, for a message.
    fn path(&self) -> PathBuf {
        let names = self.files.iter().map(|file| file.display().to_string());
        names.collect::<Vec<_>>().join(", ").into()
    }

    /// The split of a stay.
    pub(super) fn split_of(&self, stay: &StayRow) -> Option<Split> {
        self.by(self.key, stay)
    }

    fn by(&self, key: Key, stay: &StayRow) -> Option<Split> {
        let entry = self.splits.get(id_of(key, stay)?);
        entry.map(|entry| entry.0)
    }

    /// The complaint about a stay, called `title`, that it does not know.
    pub(super) fn lacks(&self, stay: &StayRow, title: &str) -> Error {
        let path = self.path();
        let path = path.display();
        let (what, whose) = match (self.key, &stay.subject) {
            (Key::Patient, Some(patient)) => (
                format!(
                    "{title} of patient {patient} has no split in {path}, which tells those of patients"
                ),
                "patient's",
            ),
            _ => (format!("{title} has no split in {path}"), "stay's"),
        };
        // A table is one file; of lists each is the ids of one split.
        let line = match self.files.len() {
            1 => format!("write a line for it: the {whose} id and train, validation or test"),
            _ => format!("add the {whose} id as a line of one of the lists"),
        };
        let hint =
            format!("{line}; without_split = \"drop\" leaves such stays out and counts them");
        Error::stage(what).with_hint(hint)
    }

    /// Ids that are none of these stays', or of their patients'.
    pub(super) fn unused(&self, stays: &[StayRow]) -> u64 {
        let known: HashSet<&StayId> = (stays.iter())
            .filter_map(|stay| id_of(self.key, stay))
            .collect();
        self.splits.keys().filter(|id| !known.contains(id)).count() as u64
    }

    /// The column of a table's ids, and whether they are those of patients; none of lists.
    pub(super) fn column(&self) -> Option<(&Path, &str, bool)> {
        match &*self.files {
            [file] => Some((file, &self.title, self.key == Key::Patient)),
            _ => None,
        }
    }

    /// Whose ids they are: those by which alone any stay has a split, or every stay has.
    fn key_of_ids(&self, source: &Source, stays: &[StayRow]) -> Result<Key, Error> {
        let found = |key| {
            stays
                .iter()
                .filter(|stay| self.by(key, stay).is_some())
                .count()
        };
        let (by_stay, by_patient) = (found(Key::Stay), found(Key::Patient));
        let is_all = |found: usize| found == stays.len();
        match (by_stay, by_patient) {
            (_, 0) => return Ok(Key::Stay),
            (0, _) => return Ok(Key::Patient),
            _ if is_all(by_stay) && !is_all(by_patient) => return Ok(Key::Stay),
            _ if is_all(by_patient) && !is_all(by_stay) => return Ok(Key::Patient),
            _ => {}
        }
        let splits = |stay: &StayRow| (self.by(Key::Stay, stay), self.by(Key::Patient, stay));
        let two = stays.iter().find_map(|stay| match splits(stay) {
            (Some(of_stay), Some(of_patient)) if of_stay != of_patient => {
                Some((stay, of_stay, of_patient))
            }
            _ => None,
        });
        let differ = match two {
            Some((stay, of_stay, of_patient)) => format!(
                "stay {} is in {}, its patient {} in {}",
                stay.id,
                of_stay.name(),
                stay.subject.as_ref().unwrap_or(&stay.id),
                of_patient.name()
            ),
            None if stays.iter().map(splits).all(|(one, other)| one == other) => {
                return Ok(Key::Stay);
            }
            None => format!(
                "of {} stays {by_stay} have a split by their own id, and {by_patient} by their patient's",
                stays.len()
            ),
        };
        // A second spelling may be why neither fits.
        for key in [Key::Stay, Key::Patient] {
            self.refuse_second_spellings(key, source, stays)?;
        }
        let what = format!(
            "its ids `{}` are both stays' and patients': {differ}",
            self.title
        );
        Err(Error::file(&self.path(), what).with_hint(match self.column() {
            Some(_) => "call the first column stay_id, or subject_id for ids of patients",
            None => "split = { file = … } reads a table whose first column is called stay_id, or subject_id for ids of patients, and whose second is the split",
        }))
    }

    fn refuse_second_spellings(
        &self,
        key: Key,
        source: &Source,
        stays: &[StayRow],
    ) -> Result<(), Error> {
        let lines = self.splits.iter();
        let lines = lines.map(|(id, (_, line))| (id.into(), Some(*line)));
        let known = stays.iter().filter_map(|stay| id_of(key, stay));
        let Some(found) = twins(source.ids(), known.map(|id| (id.into(), None)).chain(lines))
        else {
            return Ok(());
        };
        let [first, second] = found.shown();
        let place = |place: Option<Place>| {
            place.map_or("the source".to_string(), |place| self.place(place))
        };
        let what = format!(
            "{first} ({}) and {second} ({}) are two spellings of one id",
            place(found.first.1),
            place(found.second.1)
        );
        Err(Error::file(&self.path(), what).with_hint(SPELLING_HINT))
    }
}

fn id_of(key: Key, stay: &StayRow) -> Option<&StayId> {
    match key {
        Key::Stay => Some(stay.landmark_of.as_ref().unwrap_or(&stay.id)),
        Key::Patient => stay.subject.as_ref(),
    }
}

/// Whose ids the first column holds by its name: that of one of the source's own columns, or one in
/// common use.
fn key_of_header(name: &str, source: &Source) -> Option<Key> {
    let (of_stays, of_patients) = source.id_columns();
    match name {
        _ if of_stays.contains(&name) => Some(Key::Stay),
        _ if of_patients.contains(&name) => Some(Key::Patient),
        _ if names_stays(name) => Some(Key::Stay),
        _ if names_patients(name) => Some(Key::Patient),
        _ => None,
    }
}

/// What the table says; a stay whose split is empty has none.
fn splits_of(
    table: &SmallTable,
    source: &Source,
) -> Result<BTreeMap<StayId, (Split, Place)>, Error> {
    if table.header.len() != 2 {
        return Err(Error::file(
            table.path(),
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
        let id = (table.id(row, 0, source.ids())?)
            .ok_or_else(|| table.error(row.line, "the stay id is blank"))?;
        if is_missing(&row.fields[1]) {
            continue;
        }
        let split = Split::from_name(&row.fields[1]).ok_or_else(|| {
            let what = format!("unknown split `{}` of stay {id}", &row.fields[1]);
            table
                .error(row.line, what)
                .with_hint("train, validation (or valid, val, tuning), test (or held_out)")
        })?;
        if let Some((other, Place(_, line))) = splits.get(&id) {
            let (split, other) = (split.name(), Split::name(*other));
            let what = format!("stay {id} is in {split}, and on line {line} in {other}");
            return Err(table.error(row.line, what));
        }
        splits.insert(id, (split, Place(0, row.line)));
    }
    Ok(splits)
}
