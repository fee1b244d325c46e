//! Files that are read, which nothing that is written replaces.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pipeline_error::Error;
use pipeline_files::DataFile;

/// Fails if one of the files `written` is one of those that are `read`, under whatever name. These are listed only if
/// something is replaced.
pub fn refuse_read(
    written: impl IntoIterator<Item = impl AsRef<Path>>,
    read: impl FnOnce() -> Vec<PathBuf>,
) -> Result<(), Error> {
    let there = written.into_iter();
    let there = there.filter_map(|path| DataFile::at(path.as_ref()).ok());
    let there: BTreeMap<_, PathBuf> = there.map(|file| (file.identity, file.path)).collect();
    if there.is_empty() {
        return Ok(());
    }
    let at = |read: &PathBuf| there.get(&DataFile::at(read).ok()?.identity);
    match read().iter().find_map(|read| Some((at(read)?, read))) {
        None => Ok(()),
        Some((path, read)) => Err(Error::Usage {
            message: format!(
                "{}: is read, as {}, and would be replaced",
                path.display(),
                read.display()
            ),
            hint: Some("name another file or folder".into()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_read_is_not_replaced_under_any_of_its_names() {
        let around = tempfile::tempdir().unwrap();
        let place = |name: &str| around.path().join(name);
        for name in ["events.csv", "other.csv"] {
            fs::write(place(name), name).unwrap();
        }
        fs::hard_link(place("events.csv"), place("hard.csv")).unwrap();
        std::os::unix::fs::symlink("events.csv", place("soft.csv")).unwrap();
        let told = |name: &str| {
            let written = ["new.csv", name].map(place);
            let read = refuse_read(written, || vec![place("none.csv"), place("events.csv")]);
            read.map_err(|e| e.to_string())
        };
        for name in ["events.csv", "hard.csv", "soft.csv", "./events.csv"] {
            let what = told(name).unwrap_err();
            assert!(
                what.starts_with(&place(name).display().to_string()),
                "{what}"
            );
            assert!(what.contains("would be replaced"), "{name}: {what}");
        }
        assert!(told("other.csv").is_ok());
        // Nothing is replaced: no file is looked for.
        refuse_read([place("new.csv")], || unreachable!()).unwrap();
    }
}
