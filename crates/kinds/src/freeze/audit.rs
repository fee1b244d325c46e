//! What a freeze stage tells of its parameters: the artifact `audit`.

use serde::{Deserialize, Serialize};

/// The artifact `audit` of a freeze stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FreezeAudit {
    /// Numbers in trainable parameters.
    pub trainable_numbers: usize,
    /// Numbers in frozen parameters.
    pub frozen_numbers: usize,
    /// Share of all numbers that is trainable.
    pub trainable_fraction: f64,
    /// Every parameter, sorted by name.
    pub parameters: Vec<FreezeEntry>,
}

/// One parameter of a freeze audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FreezeEntry {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether it may be trained.
    pub trainable: bool,
    /// Whether no weights were loaded for it.
    pub new: bool,
    /// Digest of its numbers; none for a new one.
    pub digest: Option<String>,
}
