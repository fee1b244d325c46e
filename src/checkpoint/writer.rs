use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::View;
use serde::Deserialize;

use super::bytes::little_endian;
use super::float_tensor::FloatTensor;
use crate::error::Error;
use crate::refusal::Refusal;

/// safetensors writes its metadata in the order of a hash map, which differs from run to run:
/// all of it is therefore one entry, a JSON object with sorted keys.
const METADATA_KEY: &str = "pipeline";

struct Borrowed<'a>(&'a FloatTensor);

impl View for Borrowed<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.0.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        little_endian(&self.0.values)
    }
    fn data_len(&self) -> usize {
        self.0.values.len() * 4
    }
}

/// Writes tensors, sorted by name, and `metadata` as a safetensors file. Equal input gives equal
/// bytes. A file at `path` is replaced in one step.
pub fn write_safetensors(
    path: &Path,
    tensors: &BTreeMap<String, FloatTensor>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::file(path, format!("not written: {error}"));
    let header = header(metadata).map_err(|error| failed(&error))?;
    safetensors::serialize_to_file(views(tensors), header, path).map_err(|error| failed(&error))
}

/// The bytes of the file that [`write_safetensors`] would write.
pub fn safetensors_bytes(
    tensors: &BTreeMap<String, FloatTensor>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::stage(format!("no safetensors: {error}"));
    let header = header(metadata).map_err(|error| failed(&error))?;
    safetensors::serialize(views(tensors), header).map_err(|error| failed(&error))
}

fn views(tensors: &BTreeMap<String, FloatTensor>) -> impl Iterator<Item = (&String, Borrowed<'_>)> {
    let tensors = tensors.iter();
    tensors.map(|(name, tensor)| (name, Borrowed(tensor)))
}

fn header(
    metadata: &BTreeMap<String, String>,
) -> Result<Option<HashMap<String, String>>, serde_json::Error> {
    if metadata.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(metadata)?;
    Ok(Some(HashMap::from([(METADATA_KEY.to_string(), text)])))
}

/// The metadata of a safetensors file: what [`write_safetensors`] was given, or, in a file by
/// others, the entries as they stand. Reads the header only.
pub fn read_metadata(path: &Path) -> Result<BTreeMap<String, String>, Error> {
    #[derive(Deserialize)]
    struct Header {
        #[serde(rename = "__metadata__", default)]
        metadata: BTreeMap<String, String>,
    }
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
    let mut metadata = serde_json::from_slice::<Header>(&header)
        .map_err(|error| damaged(&error))?
        .metadata;
    match metadata.remove(METADATA_KEY) {
        Some(text) => serde_json::from_str(&text).map_err(|error| damaged(&error)),
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
            write_safetensors(path, &tensors, &metadata).unwrap();
            assert_eq!(
                std::fs::read(path).unwrap(),
                std::fs::read(&paths[0]).unwrap()
            );
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
        std::fs::write(&path, &bytes[..20]).unwrap();
        assert_eq!(read_metadata(&path).unwrap_err().exit_code(), 4);
    }
}
