use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use safetensors::Dtype as FileDtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::de::IgnoredAny;

use super::Dtype;
use super::bytes::Buffer;
use super::file::Contents;
use super::source_tensor::SourceTensor;
use super::unique_map::UniqueMap;
use crate::refusal::Refusal;

/// A longer header is no checkpoint: a tensor with its name takes about a hundred bytes.
const MAX_HEADER: u64 = 100_000_000;

/// Reads a safetensors file of `length` bytes, each tensor into memory of its own: what is not needed any
/// more can be given back one by one.
pub(super) fn read(file: &mut impl Read, length: u64) -> Result<Contents, Refusal> {
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
    let mut header = vec![0; header_length as usize];
    file.read_exact(&mut header)
        .map_err(|error| damaged(&error))?;
    let tensors = tensors(&header).map_err(|error| damaged(&error))?;
    let end = tensors.last().map_or(0, |(_, info)| info.data_offsets.1);
    if end as u64 != data_length {
        return Err(damaged(&format!(
            "its tensors take {end} bytes, and {data_length} are there"
        )));
    }

    // One after the other, without gaps: checked by the crate.
    let mut read = BTreeMap::new();
    for (name, info) in tensors {
        let dtype = dtype(info.dtype).ok_or_else(|| {
            Refusal::new(format!(
                "tensor {name} has the unsupported type {}",
                info.dtype
            ))
        })?;
        let (from, to) = info.data_offsets;
        let mut data = Buffer::zeroed(to - from);
        file.read_exact(data.as_mut_slice())
            .map_err(|error| damaged(&format!("tensor {name}: {error}")))?;
        let tensor = SourceTensor::from_bytes(info.shape, dtype, data.into())
            .ok_or_else(|| damaged(&format!("tensor {name} is not what the header says")))?;
        read.insert(name, tensor);
    }
    if read.is_empty() {
        return Err(Refusal::new("holds no tensor"));
    }
    Ok(Contents {
        tensors: read,
        notes: Vec::new(),
        trained: None,
    })
}

/// The tensors that a header describes, in the order of the file.
fn tensors(header: &[u8]) -> serde_json::Result<Vec<(String, TensorInfo)>> {
    // The crate keeps the last of two tensors with one name.
    serde_json::from_slice::<UniqueMap<IgnoredAny>>(header)?;
    let metadata: Metadata = serde_json::from_slice(header)?;
    let mut tensors: Vec<_> = metadata
        .tensors()
        .into_iter()
        .map(|(name, info)| (name, info.clone()))
        .collect();
    tensors.sort_by(|(a, one), (b, two)| (one.data_offsets, a).cmp(&(two.data_offsets, b)));
    Ok(tensors)
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
        super::read(&mut &bytes[..], bytes.len() as u64)
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
            (
                r#"{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}"#,
                4,
            ),
            ("{}", 0),
            ("{", 0),
        ] {
            assert!(read(file(header, &vec![0; length])).is_err(), "{header}");
        }
    }
}
