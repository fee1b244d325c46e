use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::file::container;
use super::sharded::{files_of, is_index};
use pipeline_error::listed::first_of;
use pipeline_error::pasted::{shell_word, toml_string};

/// What the names of checkpoints end with.
const ENDINGS: [&str; 6] = [
    ".index.json",
    ".safetensors",
    ".ckpt",
    ".pt",
    ".pth",
    ".bin",
];

/// What the names of the parts of a checkpoint of torch.distributed end with.
pub(super) const PART: &str = "distcp";

/// Files that a hint lists.
const SHOWN: usize = 5;

/// What to name instead of a folder where a checkpoint is asked for.
pub fn in_place_of_folder(folder: &Path) -> String {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
    let entries = fs::read_dir(&whole).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort_unstable();
    let is_part = |file: &PathBuf| file.extension().is_some_and(|ending| ending == PART);
    if files.iter().any(is_part) {
        return format!(
            "torch.distributed wrote this folder: {}",
            in_one_file(folder)
        );
    }
    match &checkpoints(files)[..] {
        [] => "name a file: .safetensors, .ckpt, .pt, .pth or .bin, or the .index.json of shards"
            .into(),
        [one] => format!("name the checkpoint in it: {}", quoted(one)),
        several => format!(
            "name one of the checkpoints in it: {}",
            first_of(several.iter().map(|file| quoted(file)), SHOWN)
        ),
    }
}

/// How to make one checkpoint of a folder that torch.distributed wrote.
pub(super) fn in_one_file(folder: &Path) -> String {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
    format!(
        "make one file of it, in Python, which runs code that lies in the folder:\n\
         python3 -m torch.distributed.checkpoint.format_utils dcp_to_torch {} whole.pt",
        shell_word(&whole.display().to_string())
    )
}

/// Those of `files` that can be imported, an index for its shards.
fn checkpoints(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.retain(|file| {
        let name = file.to_string_lossy();
        let may_be = ENDINGS.iter().any(|ending| name.ends_with(ending));
        may_be
            && match is_index(file) {
                true => files_of(file).len() > 1,
                false => container(file).is_some(),
            }
    });
    let shards = files
        .iter()
        .flat_map(|file| files_of(file).into_iter().skip(1));
    let shards: BTreeSet<PathBuf> = shards.collect();
    files.retain(|file| !shards.contains(file));
    files
}

fn quoted(file: &Path) -> String {
    toml_string(&file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_checkpoint_of_a_folder_is_named_and_of_several_none_is_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let hint = || in_place_of_folder(folder.path());
        fs::write(file("notes.bin"), "no weights").unwrap();
        assert!(hint().starts_with("name a file"), "{}", hint());
        let tensors = "\x02\0\0\0\0\0\0\0{}";
        fs::write(file("one.safetensors"), tensors).unwrap();
        let one = format!(
            "name the checkpoint in it: {}",
            quoted(&file("one.safetensors"))
        );
        assert_eq!(hint(), one);
        fs::write(file("two.safetensors"), tensors).unwrap();
        assert!(
            hint().starts_with("name one of the checkpoints"),
            "{}",
            hint()
        );
        let map = r#"{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}"#;
        fs::write(file("m.index.json"), map).unwrap();
        assert!(hint().ends_with("m.index.json\""), "{}", hint());
        fs::write(file(".metadata"), "").unwrap();
        assert!(hint().ends_with("m.index.json\""), "{}", hint());
        fs::write(file("__0_0.distcp"), "").unwrap();
        let folder = shell_word(&folder.path().display().to_string());
        assert!(hint().ends_with(&format!("dcp_to_torch {folder} whole.pt")));
    }
}
