//! Parameters that lie in the file, but in another dict than the one that is read.

use super::New;
use crate::file::Checkpoint;
use pipeline_error::listed::first_of;

/// Parameters that a note names.
const SHOWN: usize = 5;

/// Where a parameter lies that the state dict lacks.
pub(super) fn describe(checkpoint: &Checkpoint, name: &str) -> Option<String> {
    let place = checkpoint.elsewhere.get(name)?;
    Some(format!(" – it is in the file, under `{place}`"))
}

/// What to do about parameters that lie elsewhere.
pub(super) fn hint<'a>(
    checkpoint: &Checkpoint,
    mut missing: impl Iterator<Item = &'a str>,
) -> Option<String> {
    missing.any(|name| checkpoint.elsewhere.contains_key(name)).then(|| {
        "one dict of the file is read: save one state dict that holds all, as torch.save({**first, **second}, …) does"
            .into()
    })
}

/// A note of parameters that are declared new and lie in the file.
pub(super) fn note(checkpoint: &Checkpoint, new: &[New]) -> Option<String> {
    let found = new.iter().filter_map(|new| {
        let place = checkpoint.elsewhere.get(&new.target)?;
        Some((&new.target, place))
    });
    let found: Vec<_> = found.collect();
    let (_, place) = found.first()?;
    let names = first_of(found.iter().map(|(name, _)| name), SHOWN);
    Some(format!(
        "warning: parameters that are declared new are in the file under `{place}`, which is not read: {names}"
    ))
}
