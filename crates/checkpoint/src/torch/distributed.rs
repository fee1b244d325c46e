//! Files of torch.distributed.checkpoint: a folder of them is one checkpoint, and none alone.

use std::path::Path;

use crate::folder::{PART, in_one_file};
use crate::refusal::Refusal;

/// A class that the index of the parts is made of.
const INDEX: &[u8] = b"torch.distributed.checkpoint.metadata";

/// What the file at `path`, which begins so, is of such a checkpoint.
pub(crate) fn refusal(path: &Path, start: &[u8]) -> Option<Refusal> {
    let is_part = path.extension().is_some_and(|ending| ending == PART);
    let is_index = start.windows(INDEX.len()).any(|name| name == INDEX);
    let what = match start {
        [b'P', b'K', 3, 4, ..] if is_part => "a part",
        [0x80, ..] if is_index => "the index",
        _ => return None,
    };
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
    Some(Refusal::new(format!(
        "is {what} of a checkpoint of torch.distributed, which is the whole folder that it is in"
    ))
    .with_hint(in_one_file(whole.parent().unwrap_or(&whole))))
}
