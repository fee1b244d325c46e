use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pipeline_files::{UniqueMap, Written, write_parts};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Deserialize;
use serde::ser::Error as _;

use super::bytes::little_endian;
use super::float_tensor::{FloatTensor, TensorValues};
use crate::refusal::Refusal;
use pipeline_error::Error;

/// safetensors writes its metadata in the order of a hash map, which differs from run to run:
/// all of it is therefore one entry, a JSON object with sorted keys.
const METADATA_KEY: &str = "pipeline";

/// Writes tensors, sorted by name, and `metadata` as a safetensors file, digested as it is written. Equal input
/// gives equal bytes. A file at `path` is replaced in one step.
pub fn write_safetensors<T: TensorValues>(
    path: &Path,
    tensors: &BTreeMap<String, T>,
    metadata: &BTreeMap<String, String>,
) -> Result<Written, Error> {
    let failed = |error: io::Error| Error::file(path, format!("not written: {error}"));
    let header = header(tensors, metadata).map_err(|error| failed(error.into()))?;
    let folder = path.parent().filter(|folder| folder.as_os_str() != "");
    let draft = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder.unwrap_or(Path::new(".")));
    let draft = draft.map_err(failed)?;
    let values = tensors
        .values()
        .map(|tensor| little_endian(tensor.values()));
    let parts = [Cow::Borrowed(&header[..])].into_iter().chain(values);
    let written = write_parts(draft.as_file(), parts).map_err(failed)?;
    draft.persist(path).map_err(|error| failed(error.error))?;
    Ok(written)
}

/// The bytes of the file that [`write_safetensors`] would write.
pub fn safetensors_bytes(
    tensors: &BTreeMap<String, FloatTensor>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Error> {
    let header = header(tensors, metadata)
        .map_err(|error| Error::stage(format!("no safetensors: {error}")))?;
    let tensors = tensors.values();
    let bytes = tensors.map(|tensor| little_endian(&tensor.values));
    Ok(bytes.fold(header, |mut all, bytes| {
        all.extend_from_slice(&bytes);
        all
    }))
}

/// What stands before the tensors: the length of the rest, names, types, shapes and places, blanks up to a
/// multiple of 8 bytes.
fn header<T: TensorValues>(
    tensors: &BTreeMap<String, T>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut end = 0;
    let infos = tensors.iter().map(|(name, tensor)| {
        let start = end;
        end += size_of_val(tensor.values());
        let info = TensorInfo {
            dtype: Dtype::F32,
            shape: tensor.shape().to_vec(),
            data_offsets: (start, end),
        };
        (name.clone(), info)
    });
    let infos = infos.collect();
    let metadata = match metadata.is_empty() {
        true => None,
        false => Some(HashMap::from([(
            METADATA_KEY.to_string(),
            serde_json::to_string(metadata)?,
        )])),
    };
    let described = Metadata::new(metadata, infos).map_err(serde_json::Error::custom)?;
    let mut json = serde_json::to_vec(&described)?;
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.append(&mut json);
    Ok(header)
}

/// The metadata of a safetensors file: what [`write_safetensors`] was given, or, in a file by
/// others, the entries as they stand. Reads the header only.
pub fn read_metadata(path: &Path) -> Result<BTreeMap<String, String>, Error> {
    let damaged = |error: &dyn std::fmt::Display| {
        Refusal::new(format!("damaged safetensors header: {error}")).into_error(path)
    };
    let mut file = File::open(path).map_err(|error| Error::file(path, error))?;
    let mut length = [0; 8];
    file.read_exact(&mut length)
        .map_err(|error| damaged(&error))?;
    let length = u64::from_le_bytes(length);
    let mut header = Vec::new();
    (&mut file)
        .take(length)
        .read_to_end(&mut header)
        .map_err(|error| damaged(&error))?;
    if header.len() as u64 != length {
        return Err(damaged(&"longer than the file"));
    }
    metadata_of(&header).map_err(|error| damaged(&error))
}

/// The metadata in a safetensors header, as [`read_metadata`] gives them.
pub(super) fn metadata_of(header: &[u8]) -> serde_json::Result<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct Header {
        #[serde(rename = "__metadata__")]
        metadata: Option<UniqueMap<String>>,
    }
    let metadata = serde_json::from_slice::<Header>(header)?.metadata;
    unpacked(metadata.map_or_else(BTreeMap::new, |metadata| metadata.0))
}

/// A file's metadata: ours, if they are there.
pub(super) fn unpacked(
    mut metadata: BTreeMap<String, String>,
) -> serde_json::Result<BTreeMap<String, String>> {
    match metadata.remove(METADATA_KEY) {
        Some(text) => serde_json::from_str::<UniqueMap<String>>(&text).map(|ours| ours.0),
        None => Ok(metadata),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (BTreeMap<String, FloatTensor>, BTreeMap<String, String>) {
        let tensor = |shape: &[usize], values: &[f32]| FloatTensor {
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        let tensors = BTreeMap::from([
            (
                "b".to_string(),
                tensor(&[2, 2], &[1.0, -0.0, f32::MIN_POSITIVE, 4.0]),
            ),
            ("a".to_string(), tensor(&[], &[7.0])),
            ("none".to_string(), tensor(&[0, 3], &[])),
        ]);
        let metadata = (0..20)
            .map(|i| (format!("key {i}"), format!("\"{i}\"")))
            .collect();
        (tensors, metadata)
    }

    #[test]
    fn what_is_written_is_read_and_the_bytes_do_not_vary() {
        let folder = tempfile::tempdir().unwrap();
        let (tensors, metadata) = sample();
        let paths: Vec<_> = (0..4)
            .map(|i| folder.path().join(format!("{i}.safetensors")))
            .collect();
        for path in &paths {
            let written = write_safetensors(path, &tensors, &metadata).unwrap();
            let bytes = std::fs::read(path).unwrap();
            assert_eq!(written.hash(), blake3::hash(&bytes));
            assert_eq!(bytes, std::fs::read(&paths[0]).unwrap());
        }
        assert_eq!(read_metadata(&paths[0]).unwrap(), metadata);
        let checkpoint = super::super::read(&paths[0]).unwrap();
        assert_eq!(checkpoint.tensors.len(), 3);
        for (name, tensor) in &tensors {
            let read = &checkpoint.tensors[name];
            assert_eq!(read.shape(), tensor.shape);
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&read.to_f32(false).unwrap().0), bits(&tensor.values));
        }
    }

    #[test]
    fn the_bytes_are_those_that_the_crate_writes() {
        struct Borrowed<'a>(&'a FloatTensor);
        impl safetensors::View for Borrowed<'_> {
            fn dtype(&self) -> Dtype {
                Dtype::F32
            }
            fn shape(&self) -> &[usize] {
                &self.0.shape
            }
            fn data(&self) -> std::borrow::Cow<'_, [u8]> {
                little_endian(&self.0.values)
            }
            fn data_len(&self) -> usize {
                self.0.values.len() * 4
            }
        }
        let (tensors, metadata) = sample();
        let text = serde_json::to_string(&metadata).unwrap();
        for (metadata, header) in [
            (metadata, Some(HashMap::from([("pipeline".into(), text)]))),
            (BTreeMap::new(), None),
        ] {
            let views = tensors
                .iter()
                .map(|(name, tensor)| (name, Borrowed(tensor)));
            let expected = safetensors::serialize(views, header).unwrap();
            assert_eq!(safetensors_bytes(&tensors, &metadata).unwrap(), expected);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.safetensors");
            write_safetensors(&path, &tensors, &metadata).unwrap();
            assert_eq!(std::fs::read(path).unwrap(), expected);
        }
    }

    #[test]
    fn metadata_of_others_is_read_as_it_stands_and_none_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        write_safetensors(&path, &sample().0, &BTreeMap::new()).unwrap();
        assert!(read_metadata(&path).unwrap().is_empty());
        let header = br#"{"__metadata__":{"format":"pt"}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read_metadata(&path).unwrap()["format"], "pt");
        let twice = br#"{"__metadata__":{"heads":"4","h\u0065ads":"2"}}"#;
        let both = [&(twice.len() as u64).to_le_bytes()[..], twice].concat();
        std::fs::write(&path, both).unwrap();
        let refusal = read_metadata(&path).unwrap_err().to_string();
        assert!(
            refusal.contains("the key `heads` stands twice"),
            "{refusal}"
        );
        std::fs::write(&path, &bytes[..20]).unwrap();
        assert_eq!(read_metadata(&path).unwrap_err().exit_code(), 4);
    }
}
