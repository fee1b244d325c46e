use std::collections::BTreeMap;
use std::fmt;
use std::io::SeekFrom;

use rayon::prelude::*;
use safetensors::Dtype as FileDtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::de::IgnoredAny;

use super::Dtype;
use super::bytes::Buffer;
use super::source::Source;
use super::source_tensor::SourceTensor;
use super::stated::Stated;
use super::writer::metadata_of;
use crate::contents::Contents;
use crate::elsewhere::Elsewhere;
use crate::refusal::{Refusal, refuse_excess};
use pipeline_files::UniqueMap;

/// A longer header is no checkpoint: a tensor with its name takes about a hundred bytes.
const MAX_HEADER: u64 = 100_000_000;

/// Memory that a byte of a header takes at the most once it is read: `[0,` becomes numbers of eight bytes.
const PARSED: u64 = 16;

/// Reads a safetensors file of `length` bytes, on all threads, each tensor into memory of its own: what is
/// not needed any more can be given back one by one.
pub(super) fn read(mut file: impl Source, length: u64) -> Result<Contents, Refusal> {
    let damaged = |error: &dyn fmt::Display| Refusal::new(format!("damaged safetensors: {error}"));
    let mut header_length = [0; 8];
    file.read_exact(&mut header_length)
        .map_err(|error| damaged(&error))?;
    let header_length = u64::from_le_bytes(header_length);
    let data_length = length
        .checked_sub(8)
        .and_then(|n| n.checked_sub(header_length));
    let data_length = data_length
        .filter(|_| header_length <= MAX_HEADER)
        .ok_or_else(|| damaged(&format!("a header of {header_length} bytes")))?;
    let parsed = header_length.saturating_mul(PARSED);
    refuse_excess(
        &format!("its header of {header_length} bytes takes"),
        parsed,
    )?;
    let mut header = vec![0; header_length as usize];
    file.read_exact(&mut header)
        .map_err(|error| damaged(&error))?;
    let (tensors, metadata) = tensors(&header).map_err(|error| damaged(&error))?;
    let end = tensors.last().map_or(0, |(_, info)| info.data_offsets.1);
    if end as u64 != data_length {
        return Err(damaged(&format!(
            "its tensors take {end} bytes, and {data_length} are there"
        )));
    }

    if tensors.is_empty() {
        return Err(Refusal::new("holds no tensor"));
    }

    // Without gaps or overlaps, which the crate checked: together no more than the file.
    let data = 8 + header_length;
    let read: Vec<_> = tensors
        .into_par_iter()
        .map(|(name, info)| {
            let tensor = tensor(file.clone(), data, info);
            tensor
                .map_err(|refusal| refusal.within(format!("tensor {name}")))
                .map(|tensor| (name, tensor))
        })
        .collect();
    // The first that is wrong in the order of the file, whoever came across one first.
    let tensors: Result<BTreeMap<String, SourceTensor>, Refusal> = read.into_iter().collect();
    Ok(Contents {
        tensors: tensors?,
        notes: Vec::new(),
        trained: None,
        stated: Stated::of_metadata(metadata),
        elsewhere: Elsewhere::default(),
    })
}

/// The tensor at its place after the start of the data, or what is wrong with it.
fn tensor(mut file: impl Source, data: u64, info: TensorInfo) -> Result<SourceTensor, Refusal> {
    let dtype = dtype(info.dtype).ok_or_else(|| {
        Refusal::new(format!("the type {} is not read", info.dtype)).with_hint(
            "weights are plain tensors of F32, F16 or BF16: convert it where the file comes from (`.float()`) and save again",
        )
    })?;
    let (from, to) = info.data_offsets;
    let read = file.seek(SeekFrom::Start(data + from as u64));
    let read = read.and_then(|_| Buffer::read(to - from, file));
    let bytes = read.map_err(|error| Refusal::new(format!("cannot be read: {error}")))?;
    SourceTensor::from_bytes(info.shape, dtype, bytes.into())
        .ok_or_else(|| Refusal::new("damaged safetensors: not what the header says"))
}

/// Tensors by name, in the order of the file.
type Described = Vec<(String, TensorInfo)>;

/// The tensors that a header describes, and the file's metadata.
fn tensors(header: &[u8]) -> serde_json::Result<(Described, BTreeMap<String, String>)> {
    // The crate keeps the last of two tensors with one name.
    serde_json::from_slice::<UniqueMap<IgnoredAny>>(header)?;
    let metadata: Metadata = serde_json::from_slice(header)?;
    let mut tensors: Vec<_> = metadata
        .tensors()
        .into_iter()
        .map(|(name, info)| (name, info.clone()))
        .collect();
    tensors.sort_by(|(a, one), (b, two)| (one.data_offsets, a).cmp(&(two.data_offsets, b)));
    Ok((tensors, metadata_of(header)?))
}

fn dtype(dtype: FileDtype) -> Option<Dtype> {
    Some(match dtype {
        FileDtype::F64 => Dtype::F64,
        FileDtype::F32 => Dtype::F32,
        FileDtype::F16 => Dtype::F16,
        FileDtype::BF16 => Dtype::Bf16,
        FileDtype::I64 => Dtype::I64,
        FileDtype::I32 => Dtype::I32,
        FileDtype::I16 => Dtype::I16,
        FileDtype::I8 => Dtype::I8,
        FileDtype::U64 => Dtype::U64,
        FileDtype::U32 => Dtype::U32,
        FileDtype::U16 => Dtype::U16,
        FileDtype::U8 => Dtype::U8,
        FileDtype::BOOL => Dtype::Bool,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: Vec<u8>) -> Result<Contents, Refusal> {
        super::read(std::io::Cursor::new(&bytes), bytes.len() as u64)
    }

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn a_well_formed_file_is_read() {
        let header = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"BOOL","shape":[],"data_offsets":[4,5]}}"#;
        let contents = read(file(header, &[0, 0, 0x80, 0x3f, 1])).unwrap();
        assert_eq!(*contents.tensors["a"].to_f32(false).unwrap().0, [1.0]);
        assert_eq!(contents.tensors["b"].dtype(), Dtype::Bool);
    }

    #[test]
    fn a_type_that_is_not_read_is_no_damage() {
        let header = r#"{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}"#;
        let reason = read(file(header, &[0; 4])).unwrap_err().to_string();
        assert_eq!(reason, "tensor a: the type F8_E4M3 is not read");
    }

    #[test]
    fn metadata_that_say_two_things_of_one_key_are_refused_by_its_name() {
        let tensor = r#""a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}"#;
        let reason = |metadata: &str| {
            let header = format!(r#"{{"__metadata__":{metadata},{tensor}}}"#);
            read(file(&header, &[0])).map_err(|refusal| refusal.to_string())
        };
        let stated = reason(r#"{"heads":"4"}"#).unwrap().stated;
        assert_eq!(stated.metadata["heads"], "4");
        assert!(reason("null").unwrap().stated.metadata.is_empty());
        for twice in [
            r#"{"heads":"4","heads":"2"}"#,
            r#"{"heads":"4","h\u0065ads":"4"}"#,
            r#"{"pipeline":"{\"heads\":\"4\",\"heads\":\"2\"}"}"#,
        ] {
            let reason = reason(twice).unwrap_err();
            assert!(reason.contains("the key `heads` stands twice"), "{reason}");
        }
    }

    #[test]
    fn headers_that_lie_are_refused() {
        for (header, length) in [
            (
                r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
                4,
            ),
            (
                r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
                3,
            ),
            (
                r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
                8,
            ),
            (
                r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
                6,
            ),
            (
                r#"{"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,4]}}"#,
                4,
            ),
            (
                r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
                4,
            ),
            (
                r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
                4,
            ),
            ("{}", 0),
            ("{", 0),
        ] {
            assert!(read(file(header, &vec![0; length])).is_err(), "{header}");
        }
    }
}
