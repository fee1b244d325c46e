//! One of several files that are a checkpoint together.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::sharded::{files_of, is_index};
use pipeline_error::pasted::toml_string;

/// What to import instead of a shard: the index of all.
pub(super) fn hint(path: &Path) -> Option<String> {
    let whole = std::path::absolute(path).ok()?;
    if is_index(&whole) {
        return None;
    }
    if let Some(index) = index_of(&whole) {
        let index = toml_string(&index.display().to_string());
        return Some(format!(
            "the file is one shard of several: give their index\nfrom = {{ path = {index} }}"
        ));
    }
    is_numbered(&whole).then(|| {
        "by its name the file is one shard of several: fetch the rest of them and their index, and give that: \
         from = { path = \"….index.json\" }"
            .into()
    })
}

/// The index beside a shard that names it with further shards.
fn index_of(shard: &Path) -> Option<PathBuf> {
    let beside = fs::read_dir(shard.parent()?).ok()?;
    let beside = beside.filter_map(|entry| Some(entry.ok()?.path()));
    let mut indices: Vec<PathBuf> = beside.filter(|path| is_index(path)).collect();
    indices.sort_unstable();
    indices.into_iter().find(|index| {
        let files = files_of(index);
        files.len() > 2 && files.iter().any(|file| file == shard)
    })
}

/// Whether a file is called `…-00001-of-00002.…`.
fn is_numbered(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let numbers = Regex::new(r"[-_]\d{5}-of-(\d{5})\.").ok();
    let found = numbers.as_ref().and_then(|numbers| numbers.captures(&name));
    found.is_some_and(|found| found[1] > *"00001")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_told_by_the_index_beside_it_or_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        for (name, told) in [
            ("model-00001-of-00002.safetensors", true),
            ("model-00001-of-00001.safetensors", false),
            ("model.safetensors", false),
            ("whole.safetensors", false),
        ] {
            assert_eq!(hint(&file(name)).is_some(), told, "{name}");
        }
        let map = |names: [&str; 2]| {
            let [one, two] = names;
            format!(r#"{{"weight_map": {{"a": "{one}", "b": "{two}"}}}}"#)
        };
        let several = map(["model.safetensors", "rest.safetensors"]);
        fs::write(file("m.index.json"), several).unwrap();
        let alone = map(["whole.safetensors"; 2]);
        fs::write(file("whole.index.json"), alone).unwrap();
        let index = toml_string(&file("m.index.json").display().to_string());
        let told = hint(&file("model.safetensors")).unwrap();
        assert!(
            told.ends_with(&format!("from = {{ path = {index} }}")),
            "{told}"
        );
        assert_eq!(hint(&file("whole.safetensors")), None);
        assert_eq!(hint(&file("m.index.json")), None);
    }
}
