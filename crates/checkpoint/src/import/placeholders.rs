//! Weights that are none.

use super::{Flag, Loaded, Pair};
use crate::file::Checkpoint;
use pipeline_error::Error;

/// Tensors that may all be zero: a new head is.
const ZEROS: usize = 2;

pub(super) const HINT: &str = "sharded training leaves placeholders in a file: gather the weights where it comes from (`zero_to_fp32.py` of DeepSpeed)";

/// Whether a tensor has no numbers, as sharded training saves it in place of one that is elsewhere.
pub(super) fn is_empty(pair: &Pair) -> bool {
    pair.tensor.shape() == [0] && pair.shape != [0]
}

/// Fails on weights that are zero everywhere, as sharded training saves them in place of those that are elsewhere.
pub(super) fn refuse(checkpoint: &Checkpoint, loaded: &[Loaded]) -> Result<(), Error> {
    let is_zero = |entry: &Loaded| entry.flags.contains(&Flag::AllZero);
    if loaded.len() <= ZEROS || !loaded.iter().all(is_zero) {
        return Ok(());
    }
    let message = format!(
        "{}: all {} tensors are zero everywhere: these are no trained weights; nothing was loaded",
        checkpoint.path.display(),
        loaded.len()
    );
    Err(Error::Audit {
        message,
        hint: Some(HINT.into()),
    })
}
