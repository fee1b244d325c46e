use std::collections::BTreeMap;

/// What lies in a file beside the tensors that are read, so that parameters that lack can be found there.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere {
    /// The dict that is read, as the keys that lead to it.
    pub read: String,
    /// Tensors of other dicts, by each name that a model may have for them.
    pub tensors: BTreeMap<String, Place>,
    /// Entries of the dict that is read that are no tensors, by name, and their kind.
    pub others: BTreeMap<String, &'static str>,
}

/// Where a tensor lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The keys that lead to its dict; none to the file's own entries.
    pub dict: String,
    /// Its name there.
    pub name: String,
}

impl Place {
    /// In words.
    pub(super) fn words(&self) -> String {
        match self.dict.as_str() {
            "" => "beside the state dict, where nothing is read".into(),
            dict => format!("under `{dict}`, which is not read"),
        }
    }
}
