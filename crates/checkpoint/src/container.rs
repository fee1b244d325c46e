use std::fmt::{self, Display};
use std::io::Read;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contents::Contents;
use super::source::Source;
use super::{foreign, safetensors_file, torch};
use crate::refusal::{Refusal, refuse_excess};

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

/// The format of a file of `length` bytes that begins so.
pub(super) fn container_of(start: &[u8], length: u64) -> Option<Container> {
    if start.starts_with(b"PK\x03\x04") {
        return Some(Container::TorchZip);
    }
    let header = start.first_chunk().map(|word| u64::from_le_bytes(*word));
    if header.is_some_and(|n| n <= length) && start.get(8) == Some(&b'{') {
        return Some(Container::Safetensors);
    }
    torch::is_legacy(start).then_some(Container::TorchLegacy)
}

pub(super) fn start(file: &mut impl Read) -> std::io::Result<Vec<u8>> {
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
    let needed = match container {
        Container::TorchZip | Container::Safetensors => length,
        // The file is read before it is known where its tensors are.
        Container::TorchLegacy => length.saturating_mul(2),
    };
    refuse_excess(&format!("its {length} bytes take"), needed)?;
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
