use std::path::{Path, PathBuf};

use super::listing::{DataFile, data_files_below, files_below};
use super::pattern::FilePattern;

/// The files that a path means: one, those below a folder, or those that fit a pattern. Of a folder `of_data`, its
/// [files of data](data_files_below). Empty where they cannot
/// be listed.
pub fn files_meant(path: &Path, of_data: bool) -> Vec<PathBuf> {
    let listed = match FilePattern::of(path) {
        Ok(Some(pattern)) => pattern.files(),
        _ if !path.is_dir() => return vec![path.to_path_buf()],
        _ if of_data => data_files_below(path),
        _ => return files_below(path).unwrap_or_default(),
    };
    let path_of = |file: DataFile| file.path;
    listed.map_or(Vec::new(), |listed| {
        listed.files.into_iter().map(path_of).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_a_folder_and_a_pattern_mean_their_files() {
        let around = tempfile::tempdir().unwrap();
        let place = |name: &str| around.path().join(name);
        std::fs::create_dir(place("in")).unwrap();
        for name in ["a.csv", "in/b.csv", "in/.c.csv"] {
            std::fs::write(place(name), name).unwrap();
        }
        for (path, of_data, meant) in [
            ("a.csv", true, &["a.csv"][..]),
            ("in", true, &["in/b.csv"]),
            ("in", false, &["in/.c.csv", "in/b.csv"]),
            ("**/b.*", false, &["in/b.csv"]),
        ] {
            let meant: Vec<PathBuf> = meant.iter().map(|name| place(name)).collect();
            assert_eq!(files_meant(&place(path), of_data), meant, "{path}");
        }
    }
}
