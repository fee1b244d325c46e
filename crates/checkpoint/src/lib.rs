//! Reads checkpoints without running anything in them, and imports them under a strict audit.
//!
//! [`read`] takes safetensors and PyTorch files (zip and the older stream). PyTorch files are
//! pickles, that is programs: the machine here knows a closed list of globals, builds
//! plain values and refuses everything else by name. [`import`] matches what was read with a
//! model's parameters: it succeeds only if missing, unused, shapes, types and numbers are all as
//! declared, and otherwise names every offender at once. This crate knows no model and no recipe.
//!
//! ```
//! use std::collections::BTreeMap;
//! use pipeline_checkpoint::{FloatTensor, read, write_safetensors};
//!
//! # fn main() -> Result<(), pipeline_error::Error> {
//! # let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("weights.safetensors");
//! let bias = FloatTensor { shape: vec![2], values: vec![0.5, -0.5] };
//! write_safetensors(&path, &BTreeMap::from([("bias".to_string(), bias)]), &BTreeMap::new())?;
//! let checkpoint = read(&path)?;
//! assert_eq!(checkpoint.tensors["bias"].shape(), [2]);
//! # Ok(())
//! # }
//! ```

mod bytes;
mod container;
mod contents;
mod dict_path;
mod dtype;
mod elsewhere;
mod file;
mod float_tensor;
mod folder;
mod foreign;
mod import;
mod inspect;
mod pattern;
pub mod pickle;
mod refusal;
mod safetensors_file;
mod sharded;
mod source;
mod source_tensor;
mod stated;
mod statistics;
mod torch;
mod wrappers;
mod writer;

pub use container::Container;
pub use dict_path::DictPath;
pub use dtype::Dtype;
pub use elsewhere::{Elsewhere, Place};
pub use file::{Checkpoint, Open, container, read, read_from, read_with};
pub use float_tensor::{FloatTensor, TensorValues, tensor_digest};
pub use folder::in_place_of_folder;
pub use foreign::stand_in;
pub use import::{
    Audit, Counts, Flag, Ignored, Import, ImportRules, Loaded, New, RenameRule, Renamed,
    TargetTensor, audit, import,
};
pub use inspect::{Summary, TensorSummary, summarise};
pub use pattern::Pattern;
pub use refusal::Refusal;
pub use sharded::files_of;
pub use source::Source;
pub use source_tensor::{Conversion, SourceTensor};
pub use stated::{Stated, is_same};
pub use statistics::Statistics;
pub use wrappers::without_those_before;
pub use writer::{read_metadata, safetensors_bytes, write_safetensors};

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod forms_tests;
#[cfg(test)]
mod tests;
