//! Paths with `*`, `?`, `[…]` and `**`, which mean every file that they fit.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::glob::Glob;
use super::listing::{DataFiles, ListingError, files_of_data, refuse_special};

/// A path that means several files.
#[derive(Debug)]
pub struct FilePattern {
    /// The deepest folder that every such file is in.
    folder: PathBuf,
    /// What fits the path below it.
    below: Glob,
    /// The same as it is written.
    text: PathBuf,
}

impl FilePattern {
    /// The pattern that `path` is; `None` if it is a plain path. A file or folder that is there
    /// under just this name is what is meant, whatever characters the name has.
    pub fn of(path: &Path) -> Result<Option<Self>, String> {
        let mut folder = PathBuf::new();
        let mut components = path.components();
        loop {
            let Some(component) = components.next() else {
                return Ok(None);
            };
            let next = folder.join(component);
            if is_special(component) && next.symlink_metadata().is_err() {
                let pattern: PathBuf = std::iter::once(component).chain(components).collect();
                let below = Glob::new(&pattern.to_string_lossy(), true)
                    .map_err(|reason| format!("is no pattern of paths: {reason}"))?;
                return Ok(Some(Self {
                    folder,
                    below,
                    text: pattern,
                }));
            }
            folder = next;
        }
    }

    /// The folder that its files are in, or below.
    pub fn folder(&self) -> &Path {
        match self.folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => &self.folder,
        }
    }

    /// Whether a path fits that starts from [`Self::folder`].
    pub fn fits(&self, below: &Path) -> bool {
        self.below.matches(below.as_os_str().as_bytes())
    }

    /// Every file of data that fits, by path.
    pub fn files(&self) -> Result<DataFiles, ListingError> {
        let folder = self.folder();
        let fits = |path: &Path| {
            path.strip_prefix(folder)
                .is_ok_and(|below| self.fits(below))
        };
        let mut found = files_of_data(folder)?;
        // A file is meant by whichever of its paths fits.
        let mut further = std::mem::take(&mut found.repeated);
        further.retain(|(path, _)| fits(path));
        for file in &mut found.files {
            if !fits(&file.path)
                && let Some(at) = further.iter().position(|(_, first)| *first == file.path)
            {
                let first = further.remove(at).0;
                for (_, other) in further.iter_mut().filter(|(_, other)| *other == file.path) {
                    other.clone_from(&first);
                }
                file.path = first;
            }
        }
        found.files.retain(|file| fits(&file.path));
        found
            .files
            .sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        found.hidden.retain(|path| fits(path));
        found.repeated = further;
        refuse_special(&found.files)?;
        Ok(found)
    }

    /// The same pattern from the root of the file system.
    pub fn canonical(&self) -> std::io::Result<PathBuf> {
        Ok(self.folder().canonicalize()?.join(&self.text))
    }
}

fn is_special(component: Component) -> bool {
    let text = component.as_os_str().to_string_lossy();
    matches!(component, Component::Normal(_)) && text.contains(['*', '?', '[', '{'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path, pattern: &str) -> Vec<String> {
        let pattern = FilePattern::of(&folder.join(pattern)).unwrap().unwrap();
        let found = pattern.files().unwrap();
        let files = found.files.iter();
        files
            .map(|file| {
                let below = file.path.strip_prefix(folder).unwrap();
                below.display().to_string()
            })
            .collect()
    }

    #[test]
    fn a_pattern_means_the_files_it_fits_and_a_name_that_is_there_means_itself() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("[a]");
        for file in ["x.csv", "y.csv.gz", "deep/z.csv", "deep/er/z.csv", "n*.csv"] {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(files(&folder, "*.csv"), ["n*.csv", "x.csv"]);
        assert_eq!(files(&folder, "*.csv*"), ["n*.csv", "x.csv", "y.csv.gz"]);
        let all = ["deep/er/z.csv", "deep/z.csv", "n*.csv", "x.csv"];
        assert_eq!(files(&folder, "**/*.csv"), all);
        assert_eq!(files(&folder, "deep/?.csv"), ["deep/z.csv"]);
        assert_eq!(files(&folder, "{x,deep/z}.csv"), ["deep/z.csv", "x.csv"]);
        assert_eq!(files(&folder, "*.tsv"), [""; 0]);
        std::fs::write(folder.join("é.csv"), "").unwrap();
        assert_eq!(files(&folder, "?.csv"), ["x.csv", "é.csv"]);
        std::fs::remove_file(folder.join("é.csv")).unwrap();
        std::os::unix::fs::symlink(folder.join("deep/z.csv"), folder.join("a.link")).unwrap();
        assert_eq!(files(&folder, "**/*.csv"), all);
        std::fs::write(folder.join(".hidden.csv"), "").unwrap();
        assert_eq!(files(&folder, "*.csv"), ["n*.csv", "x.csv"]);
        for plain in ["n*.csv", "x.csv", "absent.csv"] {
            let found = FilePattern::of(&folder.join(plain)).unwrap();
            assert!(found.is_none(), "{plain}");
        }
        let odd = FilePattern::of(&folder.join("[.csv")).unwrap_err();
        assert!(odd.contains("no pattern"), "{odd}");
    }
}
