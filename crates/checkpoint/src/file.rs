use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contents::Contents;
use super::source::{FileSource, Source};
use super::source_tensor::SourceTensor;
use super::stated::Stated;
use super::{foreign, safetensors_file, sharded, torch};
use crate::refusal::Refusal;
use pipeline_error::Error;

/// What a checkpoint file holds.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The file it was read from.
    pub path: PathBuf,
    /// Its format.
    pub container: Container,
    /// The tensors of its state dict, by the names they have there.
    pub tensors: BTreeMap<String, SourceTensor>,
    /// What a reader should know: where the tensors were found, what was passed over.
    pub notes: Vec<String>,
    /// The tensors that the source's optimizer has a state for, where the file tells.
    pub trained: Option<BTreeSet<String>>,
    /// What the file says of the model.
    pub stated: Stated,
}

impl Checkpoint {
    fn of(path: &Path, container: Container, contents: Contents) -> Self {
        Checkpoint {
            path: path.to_path_buf(),
            container,
            tensors: contents.tensors,
            notes: contents.notes,
            trained: contents.trained,
            stated: contents.stated,
        }
    }

    /// The file's name without its folder: what results may depend on.
    pub fn file_name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }
}

/// The format of a checkpoint file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Container {
    /// safetensors.
    #[serde(rename = "safetensors")]
    Safetensors,
    /// A zip with a pickle in it: torch.save since 1.6, Lightning.
    #[serde(rename = "pytorch-zip")]
    TorchZip,
    /// Pickles one after the other: torch.save before 1.6.
    #[serde(rename = "pytorch-legacy")]
    TorchLegacy,
}

impl Display for Container {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Container::Safetensors => "safetensors",
            Container::TorchZip => "PyTorch zip",
            Container::TorchLegacy => "PyTorch, the format before 1.6",
        })
    }
}

/// Reads a checkpoint: safetensors or PyTorch, told apart by their first bytes, not by the
/// file's name; or shards of either by their `….index.json`. Runs nothing that is in it. A file
/// that is damaged, asks for something forbidden or leaves open which tensors are meant is refused
/// ([`Error::Audit`]).
pub fn read(path: &Path) -> Result<Checkpoint, Error> {
    let file = File::open(path).map_err(|error| Error::file(path, error))?;
    let metadata = file.metadata().map_err(|error| Error::file(path, error))?;
    if !metadata.is_file() {
        return Err(Error::file(path, "is no file"));
    }
    if sharded::is_index(path) {
        let (container, contents) =
            sharded::read(path).map_err(|refusal| refusal.into_error(path))?;
        return Ok(Checkpoint::of(path, container, contents));
    }
    read_from(path, FileSource::new(&file), metadata.len())
}

/// As [`read`], of `length` bytes that are open already; `path` is what errors call them.
pub fn read_from(path: &Path, file: impl Source, length: u64) -> Result<Checkpoint, Error> {
    let (container, contents) =
        contents(file, length).map_err(|refusal| refusal.into_error(path))?;
    Ok(Checkpoint::of(path, container, contents))
}

/// The format that [`read`] takes a file for; `None` if it is no checkpoint or cannot be read.
/// What has a format may still be refused by [`read`].
pub fn container(path: &Path) -> Option<Container> {
    if sharded::is_index(path) {
        return sharded::files_of(path)
            .iter()
            .skip(1)
            .find_map(|shard| container(shard));
    }
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    container_of(&start(&mut file).ok()?, length)
}

/// The format of a file of `length` bytes that begins so.
fn container_of(start: &[u8], length: u64) -> Option<Container> {
    if start.starts_with(b"PK\x03\x04") {
        return Some(Container::TorchZip);
    }
    let header = start.first_chunk().map(|word| u64::from_le_bytes(*word));
    if header.is_some_and(|n| n <= length) && start.get(8) == Some(&b'{') {
        return Some(Container::Safetensors);
    }
    torch::is_legacy(start).then_some(Container::TorchLegacy)
}

fn start(file: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.by_ref()
        .take(foreign::START as u64)
        .read_to_end(&mut start)?;
    Ok(start)
}

/// Reads what is in a file of `length` bytes.
pub(super) fn contents(
    mut file: impl Source,
    length: u64,
) -> Result<(Container, Contents), Refusal> {
    if length == 0 {
        return Err(Refusal::new("the file is empty"));
    }
    let unreadable = |error: std::io::Error| Refusal::new(format!("cannot be read: {error}"));
    let start = start(&mut file).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let container = container_of(&start, length).ok_or_else(|| foreign::refusal(&start, length))?;
    let contents = match container {
        Container::TorchZip => torch::read_zip(file, length)?,
        Container::Safetensors => safetensors_file::read(file, length)?,
        Container::TorchLegacy => {
            torch::read_legacy(read_all(&mut file, length).map_err(unreadable)?)?
        }
    };
    Ok((container, contents))
}

fn read_all(file: &mut impl Read, length: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
