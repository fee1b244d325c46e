//! Folders of tables that keep the files of their former versions beside those of the current one.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use pipeline_error::Error;
use pipeline_error::pasted::toml_string;

/// A format of such tables.
struct Versioned {
    name: &'static str,
    /// How Spark calls it.
    format: &'static str,
    /// Where it says which files are of which version.
    log: &'static str,
    is_one: fn(&Path) -> bool,
}

const FORMATS: [Versioned; 3] = [
    Versioned {
        name: "a Delta Lake table",
        format: "delta",
        log: "_delta_log",
        is_one: |folder| folder.join("_delta_log").is_dir(),
    },
    Versioned {
        name: "an Apache Hudi table",
        format: "hudi",
        log: ".hoodie",
        is_one: |folder| folder.join(".hoodie").is_dir(),
    },
    Versioned {
        name: "an Apache Iceberg table",
        format: "iceberg",
        log: "metadata",
        is_one: is_iceberg,
    },
];

/// Fails if one of the files lies in such a table.
pub(super) fn refuse_former_versions<'a>(
    files: impl Iterator<Item = &'a Path>,
) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for file in files {
        let folders = file.ancestors().skip(1);
        for folder in folders.take_while(|folder| seen.insert(folder.to_path_buf())) {
            if let Some(found) = FORMATS.iter().find(|format| (format.is_one)(folder)) {
                return Err(refusal(folder, found));
            }
        }
    }
    Ok(())
}

fn refusal(folder: &Path, found: &Versioned) -> Error {
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let what = format!(
        "is {}: its files hold rows of former versions, too, which `{}` tells apart",
        found.name, found.log
    );
    Error::file(folder, what).with_hint(format!(
        "export the current version as Parquet or CSV into a folder of its own, and name that. In Spark: \
         spark.read.format(\"{}\").load({}).write.parquet(\"snapshot\")",
        found.format,
        toml_string(&folder.display().to_string())
    ))
}

/// MEDS has folders `data` and `metadata`, too, and other files in them.
fn is_iceberg(folder: &Path) -> bool {
    let metadata = folder.join("metadata");
    if !metadata.is_dir() || !folder.join("data").is_dir() {
        return false;
    }
    // `00001-….metadata.json`, `v3.metadata.json`, `v3.gz.metadata.json` or `v3.metadata.json.gz`.
    let describes = |name: &str| {
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let version = name.strip_prefix('v').unwrap_or(name);
        let rest = version.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let is_numbered = rest.len() < version.len();
        let ends = rest.starts_with('-') && rest.ends_with(".metadata.json")
            || [".metadata.json", ".gz.metadata.json"].contains(&rest);
        is_numbered && ends
    };
    let entries = fs::read_dir(metadata).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| describes(&name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_that_a_recipe_lies_in_has_a_name() {
        let error = refusal(Path::new(""), &FORMATS[0]);
        assert!(error.to_string().contains(".: is a Delta Lake table"));
        assert!(error.hint().unwrap_or_default().contains(".load(\".\")"));
    }
}
