//! A checkpoint in several files, which an index names: `model.safetensors.index.json` or
//! `pytorch_model.bin.index.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::container::{Container, contents};
use super::file::Open;
use super::foreign;
use super::source::FileSource;
use super::stated::Stated;
use super::writer::unpacked;
use crate::contents::Contents;
use crate::elsewhere::Elsewhere;
use crate::refusal::Refusal;
use pipeline_files::{UniqueMap, open};

/// What an index's file name ends with.
const ENDING: &str = ".index.json";

/// No index of a model that people have is longer.
const MAX_INDEX_BYTES: u64 = 64 << 20;

#[derive(Deserialize)]
struct Index {
    /// The shard of every tensor.
    weight_map: UniqueMap<String>,
    /// What whoever wrote it had to say.
    metadata: Option<UniqueMap<Value>>,
}

impl Index {
    /// The words, numbers and truth values among its metadata, as the metadata of a shard say them.
    fn stated(&self) -> Result<Stated, Refusal> {
        let metadata = self.metadata.iter().flat_map(|metadata| &metadata.0);
        let words = metadata.filter_map(|(name, value)| {
            let word = match value {
                Value::String(word) => word.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
            };
            Some((name.clone(), word))
        });
        let words = unpacked(words.collect());
        let words = words.map_err(|error| Refusal::new(format!("its metadata: {error}")))?;
        Ok(Stated::of_metadata(words))
    }
}

/// Whether a file is read as an index: by its name, for its contents are just JSON.
pub(super) fn is_index(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().ends_with(ENDING))
}

/// The files that make up a checkpoint: itself, and the shards that an index names, by name.
/// What is wrong with an index is told by whoever reads it.
pub fn files_of(path: &Path) -> Vec<PathBuf> {
    let mut files = vec![path.to_path_buf()];
    if is_index(path)
        && let Ok((tensors, _)) = open(path)
            .map_err(unread)
            .and_then(|file| tensors_by_shard(&file))
    {
        files.extend(tensors.keys().map(|shard| path.with_file_name(shard)));
    }
    files
}

/// Reads all shards, each in the format that it has, which must be one. Each must hold exactly the
/// tensors that the index says.
pub(super) fn read(
    path: &Path,
    index: &File,
    open: &mut Open,
) -> Result<(Container, Contents), Refusal> {
    let mut tensors = BTreeMap::new();
    let (shards, mut stated) = tensors_by_shard(index)?;
    let mut notes = vec![format!("{} shards", shards.len())];
    let mut container = None;
    for (shard, wanted) in shards {
        let within = |refusal: Refusal| refusal.within(format!("shard {shard}"));
        let opened = open(&path.with_file_name(&shard));
        let opened = opened.and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = opened.map_err(|error| within(Refusal::new(error.to_string())))?;
        let (format, shard_contents) = contents(FileSource::new(&file), length).map_err(within)?;
        let first = *container.get_or_insert(format);
        if format != first {
            let reason = format!("is {format}, and the shards before it are {first}");
            return Err(within(Refusal::new(reason)));
        }
        let differs = |name| {
            Refusal::new(format!(
                "states another `{name}` than the index or a shard before it"
            ))
        };
        stated
            .join(shard_contents.stated)
            .map_err(|name| within(differs(name)))?;
        for note in shard_contents.notes {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        let found = shard_contents.tensors;
        if let Some(name) = wanted.iter().find(|name| !found.contains_key(*name)) {
            let reason = format!("has no tensor {name}, which the index says is there");
            return Err(within(Refusal::new(reason)));
        }
        if let Some(name) = found.keys().find(|name| !wanted.contains(*name)) {
            let reason = format!("has the tensor {name}, of which the index says nothing");
            return Err(within(Refusal::new(reason)));
        }
        tensors.extend(found);
    }
    let container = container.ok_or_else(|| Refusal::new("holds no tensor"))?;
    let contents = Contents {
        tensors,
        notes,
        trained: None,
        stated,
        elsewhere: Elsewhere::default(),
    };
    Ok((container, contents))
}

/// Names of tensors by the shard that holds them.
type Shards = BTreeMap<String, BTreeSet<String>>;

/// What an index names, and what it states of the model.
fn tensors_by_shard(mut file: &File) -> Result<(Shards, Stated), Refusal> {
    let length = file.metadata().map_err(unread)?;
    if length.len() > MAX_INDEX_BYTES {
        return Err(no_index(format!("it has {} bytes", length.len())));
    }
    let mut bytes = Vec::new();
    file.rewind().map_err(unread)?;
    file.read_to_end(&mut bytes).map_err(unread)?;
    if foreign::known(&bytes[..bytes.len().min(foreign::START)]).is_some() {
        return Err(foreign::refusal(&bytes, length.len()));
    }
    let index: Index =
        serde_json::from_slice(&bytes).map_err(|error| no_index(error.to_string()))?;
    let stated = index.stated()?;
    let mut shards = Shards::new();
    for (tensor, shard) in index.weight_map.0 {
        // A name, not a way to other folders.
        let is_name = Path::new(&shard)
            .file_name()
            .is_some_and(|name| name == shard.as_str());
        if !is_name || is_index(Path::new(&shard)) {
            return Err(no_index(format!(
                "{tensor} is in `{shard}`, which is no name of a file beside it"
            )));
        }
        shards.entry(shard).or_default().insert(tensor);
    }
    match shards.is_empty() {
        true => Err(no_index("it names no tensor".into())),
        false => Ok((shards, stated)),
    }
}

fn no_index(reason: String) -> Refusal {
    Refusal::new(format!("is no index of shards: {reason}")).with_hint(
        "an index is {\"weight_map\": {\"TENSOR\": \"SHARD.safetensors\" or \"SHARD.bin\", …}}",
    )
}

fn unread(error: io::Error) -> Refusal {
    no_index(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FloatTensor, read, write_safetensors};
    use std::fs;

    /// Two shards and an index of the given map.
    fn folder(weight_map: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (shard, names) in [("one", &["a", "b"][..]), ("two", &["c"])] {
            let tensors = names.iter().map(|name| {
                let values = vec![name.len() as f32, 2.0];
                (
                    name.to_string(),
                    FloatTensor {
                        shape: vec![2],
                        values,
                    },
                )
            });
            let path = folder.path().join(format!("{shard}.safetensors"));
            write_safetensors(&path, &tensors.collect(), &BTreeMap::new()).unwrap();
        }
        let index = format!(r#"{{"metadata": {{"total_size": 24}}, "weight_map": {weight_map}}}"#);
        fs::write(folder.path().join("m.safetensors.index.json"), index).unwrap();
        folder
    }

    fn index(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("m.safetensors.index.json")
    }

    #[test]
    fn an_index_whose_metadata_say_two_things_of_one_key_is_refused_by_its_name() {
        let folder = folder(SOUND);
        for metadata in [
            r#""heads": 4, "heads": 2"#,
            r#""heads": 4, "h\u0065ads": 4"#,
        ] {
            let text = format!(r#"{{"metadata": {{{metadata}}}, "weight_map": {SOUND}}}"#);
            fs::write(index(&folder), text).unwrap();
            let reason = read(&index(&folder)).unwrap_err().to_string();
            assert!(reason.contains("the key `heads` stands twice"), "{reason}");
        }
    }

    const SOUND: &str =
        r#"{"a": "one.safetensors", "b": "one.safetensors", "c": "two.safetensors"}"#;

    #[test]
    fn shards_are_read_as_one_checkpoint() {
        let folder = folder(SOUND);
        let checkpoint = read(&index(&folder)).unwrap();
        let names: Vec<&str> = checkpoint.tensors.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(checkpoint.notes, ["2 shards"]);
        let files = files_of(&index(&folder));
        let names = files.iter().filter_map(|path| path.file_name()?.to_str());
        assert_eq!(
            names.collect::<Vec<_>>(),
            [
                "m.safetensors.index.json",
                "one.safetensors",
                "two.safetensors"
            ]
        );
        assert_eq!(files_of(Path::new("x.ckpt")), [Path::new("x.ckpt")]);
    }

    #[test]
    fn an_index_that_is_not_what_lies_beside_it_is_refused() {
        let reason = |weight_map: &str| read(&index(&folder(weight_map))).unwrap_err().to_string();
        for (weight_map, expected) in [
            (
                r#"{"a": "one.safetensors", "c": "two.safetensors"}"#,
                "shard one.safetensors: has the tensor b, of which the index says nothing",
            ),
            (
                r#"{"a": "one.safetensors", "b": "one.safetensors", "z": "two.safetensors"}"#,
                "shard two.safetensors: has no tensor z",
            ),
            (
                r#"{"a": "three.safetensors"}"#,
                "shard three.safetensors: No such file",
            ),
            (
                r#"{"a": "../one.safetensors"}"#,
                "no name of a file beside it",
            ),
            (
                r#"{"a": "one.safetensors", "a": "two.safetensors"}"#,
                "the key `a` stands twice",
            ),
            ("{}", "names no tensor"),
            ("[]", "is no index of shards"),
        ] {
            let reason = reason(weight_map);
            assert!(reason.contains(expected), "{weight_map}: {reason}");
        }
    }
}
