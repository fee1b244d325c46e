use std::collections::BTreeMap;
use std::sync::Arc;

use super::dict_path::DictPath;
use pipeline_error::listed::first_of;

/// Rivals of a place that are kept and named.
pub(super) const MOST_RIVALS: usize = 8;

/// What lies in a file beside the tensors that are read, so that parameters that are missing can be found there.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere {
    /// The dict that is read.
    pub read: DictPath,
    /// Tensors of other dicts, by each name that a model may have for them.
    pub tensors: BTreeMap<String, Place>,
    /// Further dicts that may be meant by such a name, the first of them: they lie as deep, or are read and have a part
    /// of the same module.
    pub rivals: BTreeMap<String, Vec<Arc<DictPath>>>,
    /// Entries of the dict that is read that are no tensors, by name, and their kind.
    pub others: BTreeMap<String, &'static str>,
}

impl Elsewhere {
    /// Where a tensor that a model calls so lies, in words.
    pub(super) fn words(&self, name: &str) -> Option<String> {
        let place = self.tensors.get(name)?;
        if !self.rivals.contains_key(name) {
            return Some(place.words());
        }
        let dicts = first_of(self.dicts(name).map(DictPath::place), MOST_RIVALS + 1);
        Some(format!("where several dicts hold the module: {dicts}"))
    }

    /// The dicts that may be meant by a name.
    pub(super) fn dicts(&self, name: &str) -> impl Iterator<Item = &DictPath> {
        let place = self.tensors.get(name).map(|place| &place.dict);
        let rivals = self.rivals.get(name).into_iter().flatten();
        place.into_iter().chain(rivals).map(|dict| &**dict)
    }
}

/// Where a tensor lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its dict.
    pub dict: Arc<DictPath>,
    /// Its name there.
    pub name: String,
}

impl Place {
    /// In words.
    fn words(&self) -> String {
        match self.dict.is_root() {
            true => "beside the state dict, where nothing is read".into(),
            false => format!("under `{}`, which is not read", self.dict),
        }
    }
}
