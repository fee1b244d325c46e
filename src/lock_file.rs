//! `NAME.lock` beside the recipe `NAME.toml`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::terminal::page;
use pipeline_error::Error;
use pipeline_runner::Lock;

/// No lock that a run writes is longer.
const MAX_BYTES: u64 = 64 << 20;

/// Where the lock of a recipe lies.
pub fn path_for(recipe: &Path) -> PathBuf {
    recipe.with_extension("lock")
}

/// The lock at `path`; none if there is no such file.
pub fn read(path: &Path) -> Result<Option<Lock>, Error> {
    let wrong = |what: String| Error::Usage {
        message: format!("{}: {what}", path.display()),
        hint: Some(
            "mend it, or delete it and write it anew with `pipeline lock`; tolerances written by \
             hand are in it"
                .into(),
        ),
    };
    let bytes = match pipeline_files::read_at_most(path, MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8 text".into()))?;
    Lock::parse(&text).map(Some).map_err(wrong)
}

/// Puts the lock of `recipe` in its place, whole or not at all, unless it is one of the files `read`.
pub fn write(
    path: &Path,
    recipe: &Path,
    read: impl FnOnce() -> Vec<PathBuf>,
    lock: &Lock,
) -> Result<(), Error> {
    let failed = |what: String| Error::Usage {
        message: format!("{}: cannot be written: {what}", path.display()),
        hint: None,
    };
    let body = lock.text().map_err(failed)?;
    let name = recipe.file_name().unwrap_or_default().to_string_lossy();
    let text = format!(
        "# Written by `pipeline lock {name}`, checked by `pipeline run {name} --locked`.\n\
         # By hand: [stages.NAME.tolerances], how far metrics may lie from these; they are kept.\n\
         {body}"
    );
    page::replace(path, true, read, text.as_bytes()).map(|_| ())
}
