//! Paths with `*`, `?`, `[…]` and `**`, which mean every file that they fit.

use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::listing::{ListingError, files_below};

/// A path that means several files.
#[derive(Debug)]
pub struct FilePattern {
    /// The deepest folder that every such file is in.
    folder: PathBuf,
    /// What fits the path below it.
    below: GlobMatcher,
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
                let below = GlobBuilder::new(&pattern.to_string_lossy())
                    .literal_separator(true)
                    .build()
                    .map_err(|error| format!("is no pattern of paths: {error}"))?
                    .compile_matcher();
                return Ok(Some(Self { folder, below }));
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
        self.below.is_match(below)
    }

    /// Every file that fits, by path.
    pub fn files(&self) -> Result<Vec<PathBuf>, ListingError> {
        let folder = self.folder();
        let mut files = files_below(folder)?;
        files.retain(|file| {
            file.strip_prefix(folder)
                .is_ok_and(|below| self.fits(below))
        });
        Ok(files)
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
        let name = |path: &PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
        found.iter().map(name).collect()
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
        for plain in ["n*.csv", "x.csv", "absent.csv"] {
            let found = FilePattern::of(&folder.join(plain)).unwrap();
            assert!(found.is_none(), "{plain}");
        }
        let odd = FilePattern::of(&folder.join("[.csv")).unwrap_err();
        assert!(odd.contains("no pattern"), "{odd}");
    }
}
