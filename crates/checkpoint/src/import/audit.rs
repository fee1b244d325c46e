use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Container, Dtype, Statistics, TensorSummary};
use pipeline_error::Error;

/// The record of a successful import. It names the file without its folder, so that it is the
/// same wherever the file lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "audit")]
pub struct Audit {
    /// Which file: its name, or its digest where the record must not depend on a place.
    pub file: String,
    /// Its format.
    pub container: Container,
    /// Sums of what follows.
    pub counts: Counts,
    /// What was done to names, in words.
    pub renamings: Vec<String>,
    /// Parameters with a source, by target name.
    pub loaded: Vec<Loaded>,
    /// Of these, the ones called differently in the file.
    pub renamed: Vec<Renamed>,
    /// Parameters without a source, as declared.
    pub new: Vec<New>,
    /// Tensors without a target, as declared.
    pub ignored: Vec<Ignored>,
    /// What the reader noted.
    pub notes: Vec<String>,
}

/// Sums of an [`Audit`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Tensors of the checkpoint's state dict.
    pub source_tensors: usize,
    /// Parameters of the model.
    pub target_parameters: usize,
    /// Parameters loaded.
    pub loaded: usize,
    /// Numbers in them.
    pub loaded_numbers: usize,
    /// Parameters loaded under another name.
    pub renamed: usize,
    /// Parameters left new.
    pub new: usize,
    /// Tensors ignored.
    pub ignored: usize,
}

/// A parameter and what it was loaded from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Loaded {
    /// Name in the file.
    pub source: String,
    /// Name in the model.
    pub target: String,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Type in the file.
    pub dtype: Dtype,
    /// Whether the source's optimizer has a state for it; null where the file does not tell.
    pub trained: Option<bool>,
    /// Digest of the loaded value: its shape and its numbers as F32.
    pub digest: String,
    /// Moments and range of the loaded value.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// What deserves a look.
    pub flags: Vec<Flag>,
}

/// What deserves a look without being wrong.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// Stored in half precision; the values are kept exactly.
    Widened,
    /// Stored as F64; the values were rounded.
    Narrowed,
    /// Every number is zero.
    AllZero,
    /// Every number is the same one.
    Constant,
    /// The source's optimizer has no state for it: it never had a gradient there.
    NeverTrained,
    /// In the file it is one tensor with another that was loaded; in the model they are two.
    Tied,
}

impl Flag {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Flag::Widened => "widened to F32",
            Flag::Narrowed => "rounded to F32",
            Flag::AllZero => "all zero",
            Flag::Constant => "constant",
            Flag::NeverTrained => "never trained in the source",
            Flag::Tied => "one tensor with another in the source, and two here",
        }
    }
}

/// A parameter called differently in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Renamed {
    /// Name in the file.
    pub source: String,
    /// Name in the model.
    pub target: String,
}

/// A parameter left new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct New {
    /// Name in the model.
    pub target: String,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The pattern that declares it.
    pub pattern: String,
}

/// A tensor left in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ignored {
    /// The pattern that declares it.
    pub pattern: String,
    /// The tensor, by its name in the file.
    #[serde(flatten)]
    pub tensor: TensorSummary,
}

impl Audit {
    /// Compares the digests of a built model's parameters with what was loaded: every loaded
    /// parameter must be there unchanged, every new one must be there, and no other.
    pub fn verify(&self, digests: &BTreeMap<String, String>) -> Result<(), Error> {
        let mut wrong = Vec::new();
        let mut known = 0;
        for entry in &self.loaded {
            match digests.get(&entry.target) {
                Some(digest) => {
                    known += 1;
                    if *digest != entry.digest {
                        wrong.push(format!("{} {:?}: differs", entry.target, entry.shape));
                    }
                }
                None => wrong.push(format!("{} {:?}: absent", entry.target, entry.shape)),
            }
        }
        for entry in &self.new {
            match digests.contains_key(&entry.target) {
                true => known += 1,
                false => wrong.push(format!("{} {:?}: absent", entry.target, entry.shape)),
            }
        }
        if known < digests.len() {
            wrong.extend(self.strangers(digests));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Error::Audit {
            message: format!(
                "the built model does not hold what was imported from {}: {}\n  {}",
                self.file,
                wrong.len(),
                wrong.join("\n  ")
            ),
            hint: None,
        })
    }

    fn strangers(&self, digests: &BTreeMap<String, String>) -> Vec<String> {
        let loaded = self.loaded.iter().map(|entry| entry.target.as_str());
        let new = self.new.iter().map(|entry| entry.target.as_str());
        let known: std::collections::BTreeSet<&str> = loaded.chain(new).collect();
        let strangers = digests.keys().filter(|name| !known.contains(name.as_str()));
        strangers
            .map(|name| format!("{name}: no part of the import"))
            .collect()
    }
}
