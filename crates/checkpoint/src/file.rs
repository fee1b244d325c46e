use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::container::{Container, container_of, contents, start};
use super::contents::Contents;
use super::elsewhere::Elsewhere;
use super::folder::in_place_of_folder;
use super::sharded;
use super::source::{FileSource, Source};
use super::source_tensor::SourceTensor;
use super::stated::Stated;
use super::torch::distributed;
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
    /// What lies beside its state dict: it is not read.
    pub elsewhere: Elsewhere,
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
            elsewhere: contents.elsewhere,
        }
    }

    /// The file's name without its folder: what results may depend on.
    pub fn file_name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }
}

/// Reads a checkpoint: safetensors or PyTorch, told apart by their first bytes, not by the
/// file's name; or shards of either by their `….index.json`. Runs nothing that is in it. A file
/// that is damaged, asks for something forbidden or leaves open which tensors are meant is refused
/// ([`Error::Audit`]).
pub fn read(path: &Path) -> Result<Checkpoint, Error> {
    read_with(path, &mut pipeline_files::open)
}

/// As [`read`], each file opened once, by `open`: an index first, then its shards by name.
pub fn read_with(path: &Path, open: &mut Open) -> Result<Checkpoint, Error> {
    let file = open(path).map_err(|error| Error::file(path, error))?;
    let metadata = file.metadata().map_err(|error| Error::file(path, error))?;
    if !metadata.is_file() {
        return Err(Error::file(path, "is no file").with_hint(in_place_of_folder(path)));
    }
    if sharded::is_index(path) {
        let (container, contents) =
            sharded::read(path, &file, open).map_err(|refusal| refusal.into_error(path))?;
        return Ok(Checkpoint::of(path, container, contents));
    }
    read_from(path, FileSource::new(&file), metadata.len())
}

/// Opens one of the files of a checkpoint.
pub type Open<'a> = dyn FnMut(&Path) -> io::Result<File> + 'a;

/// As [`read`], of `length` bytes that are open already; `path` is what errors call them.
pub fn read_from(path: &Path, file: impl Source, length: u64) -> Result<Checkpoint, Error> {
    let (container, contents) = contents(file.clone(), length).map_err(|refusal| {
        let start = start(&mut { file }).unwrap_or_default();
        let refusal = distributed::refusal(path, &start).unwrap_or(refusal);
        refusal.into_error(path)
    })?;
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
    let mut file = pipeline_files::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    container_of(&start(&mut file).ok()?, length)
}
