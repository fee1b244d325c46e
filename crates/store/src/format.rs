//! Which layout a store has: the file `format`, a number.

use std::io::ErrorKind;
use std::path::Path;

use super::{folder, unread};
use pipeline_error::Error;

/// The layout that this build writes, and the only one it reads. A store without the file was
/// written before there was one, and has this layout.
///
/// 1. `actions/v1`, `blobs/v1`.
pub const FORMAT: u32 = 1;

/// The file's name in the store's root.
pub(super) const FILE: &str = "format";

/// What the file says.
pub(super) fn text() -> String {
    format!("{FORMAT}\n")
}

/// Refuses a store that a later build has written: what it cannot read it must not mend.
pub(super) fn check(root: &Path) -> Result<(), Error> {
    let path = root.join(FILE);
    let text = match folder::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(folder::refusal(&error).unwrap_or_else(|| unread(&path, error))),
    };
    match text.trim().parse::<u32>() {
        Ok(found) if found <= FORMAT && found > 0 => Ok(()),
        Ok(found) if found > FORMAT => Err(Error::Store {
            message: format!(
                "{}: this store has format {found}, and this pipeline ({}) reads up to {FORMAT}: \
                 a newer pipeline wrote it",
                root.display(),
                env!("CARGO_PKG_VERSION"),
            ),
            hint: Some("use the newer pipeline, or name another store with --store".into()),
        }),
        _ => Err(Error::Store {
            message: format!("{}: is no store format: {:?}", path.display(), text.trim()),
            hint: Some(format!(
                "a store of this pipeline says {FORMAT}; if this is one, write that"
            )),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use std::fs;

    #[test]
    fn a_store_says_its_format_and_one_of_a_later_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.prepare().unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        assert!(Store::open(folder.path()).is_ok());
        fs::write(&path, "2\n").unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert_eq!(error.exit_code(), 6);
        assert!(error.to_string().contains("format 2"), "{error}");
        fs::write(&path, "one").unwrap();
        assert_eq!(Store::open(folder.path()).unwrap_err().exit_code(), 6);
    }

    #[test]
    fn a_store_from_before_the_file_is_read_and_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.prepare().unwrap();
        fs::remove_file(folder.path().join(FILE)).unwrap();
        Store::open(folder.path()).unwrap().prepare().unwrap();
        assert!(folder.path().join(FILE).is_file());
    }
}
