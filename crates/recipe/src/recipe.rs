use std::ops::Deref;
use std::path::PathBuf;

use super::exposure::Exposure;

/// A validated recipe: everything resolved, all defaults in, all paths as they are to be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe<E> {
    /// The file it was loaded from.
    pub path: PathBuf,
    /// All files that it was read from, those that it extends among them.
    pub files: Vec<PathBuf>,
    /// Its name.
    pub name: String,
    /// What it is about, in words.
    pub description: Option<String>,
    /// Who made it.
    pub authors: Vec<String>,
    /// The seed of every stage that has none of its own.
    pub seed: u64,
    /// Whether it has a table `[sweep]`, which is no part of it as it stands.
    pub has_sweep: bool,
    /// What of it others should not see.
    pub exposure: Exposure,
    /// What it is about.
    pub experiment: E,
}

impl<E> Deref for Recipe<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.experiment
    }
}
