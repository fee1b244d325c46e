use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use safetensors::{Dtype as FileDtype, SafeTensors};
use serde::de::IgnoredAny;

use super::Dtype;
use super::bytes::TensorBytes;
use super::file::Contents;
use super::source_tensor::SourceTensor;
use super::unique_map::UniqueMap;
use crate::refusal::Refusal;

/// Reads the bytes of a safetensors file.
pub(super) fn read(bytes: Vec<u8>) -> Result<Contents, Refusal> {
    let damaged = |error: &dyn fmt::Display| Refusal::new(format!("damaged safetensors: {error}"));
    let (header_length, header) =
        SafeTensors::read_metadata(&bytes).map_err(|error| damaged(&error))?;
    let start = header_length + 8;
    // The crate keeps the last of two tensors with one name.
    serde_json::from_slice::<UniqueMap<IgnoredAny>>(&bytes[8..start])
        .map_err(|error| damaged(&error))?;

    let bytes = Arc::new(bytes);
    let mut tensors = BTreeMap::new();
    for (name, info) in header.tensors() {
        let dtype = dtype(info.dtype).ok_or_else(|| {
            Refusal::new(format!(
                "tensor {name} has the unsupported type {}",
                info.dtype
            ))
        })?;
        let (from, to) = info.data_offsets;
        let tensor = TensorBytes::new(bytes.clone(), start + from..start + to)
            .and_then(|data| SourceTensor::from_bytes(info.shape.clone(), dtype, data))
            .ok_or_else(|| damaged(&format!("tensor {name} is not what the header says")))?;
        tensors.insert(name, tensor);
    }
    if tensors.is_empty() {
        return Err(Refusal::new("holds no tensor"));
    }
    Ok(Contents {
        tensors,
        notes: Vec::new(),
        trained: None,
    })
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
        assert_eq!(contents.tensors["a"].to_f32(false).unwrap().0, [1.0]);
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
