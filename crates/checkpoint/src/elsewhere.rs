use std::collections::BTreeMap;
use std::sync::Arc;

use super::dict_path::DictPath;

/// What lies in a file beside the tensors that are read, so that parameters that are missing can be found there.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere {
    /// The dict that is read.
    pub read: DictPath,
    /// Tensors of other dicts, by each name that a model may have for them.
    pub tensors: BTreeMap<String, Place>,
    /// Entries of the dict that is read that are no tensors, by name, and their kind.
    pub others: BTreeMap<String, &'static str>,
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
    pub(super) fn words(&self) -> String {
        match self.dict.is_root() {
            true => "beside the state dict, where nothing is read".into(),
            false => format!("under `{}`, which is not read", self.dict),
        }
    }
}
