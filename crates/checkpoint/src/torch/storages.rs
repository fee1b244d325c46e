use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bytes::{Buffer, TensorBytes};
use crate::pickle::TensorView;
use crate::refusal::{Refusal, refuse_excess};
use crate::source_tensor::SourceTensor;

/// Expanded tensors (stride 0) are larger than their storage. Together they may exceed the file
/// this many times, beyond a floor for small files.
const MAX_EXPANSION: u64 = 8;
const EXPANSION_FLOOR: u64 = 64 << 20;

/// Turns storages, as they are come across, into the tensors that view them.
pub(super) struct Storages<'a> {
    /// Views that wait for their storage, by its key.
    wanted: BTreeMap<&'a str, Vec<(&'a str, &'a TensorView)>>,
    tensors: BTreeMap<String, SourceTensor>,
}

impl<'a> Storages<'a> {
    /// `file_length` bounds what the tensors may take.
    pub(super) fn new(
        tensors: &[(&'a str, &'a TensorView)],
        file_length: u64,
    ) -> Result<Self, Refusal> {
        let limit = EXPANSION_FLOOR.saturating_add(file_length.saturating_mul(MAX_EXPANSION));
        let mut wanted: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let mut total = 0_u64;
        for (name, view) in tensors {
            total = total.saturating_add(bytes(view));
            if total > limit {
                return Err(Refusal::new(format!(
                    "the tensors up to {name} take more than {limit} bytes, but the file has {file_length}"
                )));
            }
            let waiting = wanted.entry(&*view.storage.key).or_default();
            waiting.push((*name, *view));
        }
        refuse_excess("its tensors take", total)?;
        Ok(Storages {
            wanted,
            tensors: BTreeMap::new(),
        })
    }

    /// Whether a tensor waits for this storage.
    pub(super) fn wants(&self, key: &str) -> bool {
        self.wanted.contains_key(key)
    }

    /// Takes the bytes of the storage `key`.
    pub(super) fn supply(&mut self, key: &str, data: Buffer) -> Result<(), Refusal> {
        let length = data.as_slice().len();
        let data = Arc::new(data);
        for (name, view) in self.wanted.remove(key).unwrap_or_default() {
            let declared = view.storage.length as u128 * view.storage.dtype.size() as u128;
            if length as u128 != declared {
                return Err(Refusal::new(format!(
                    "damaged: storage {key} of {name} holds {length} bytes, the pickle says {declared}"
                )));
            }
            let bytes = materialise(&data, view);
            let tensor = bytes.and_then(|bytes| {
                SourceTensor::from_bytes(view.shape.clone(), view.storage.dtype, bytes)
            });
            let tensor = tensor
                .ok_or_else(|| Refusal::new(format!("damaged: {name} is not in its storage")))?;
            self.tensors.insert(name.to_string(), tensor);
        }
        Ok(())
    }

    /// All tensors, once every storage was supplied.
    pub(super) fn finish(self) -> Result<BTreeMap<String, SourceTensor>, Refusal> {
        match self.wanted.first_key_value() {
            None => Ok(self.tensors),
            Some((key, views)) => {
                let name = views.first().map_or("", |(name, _)| name);
                Err(Refusal::new(format!(
                    "damaged: storage {key} of {name} is missing"
                )))
            }
        }
    }
}

fn bytes(view: &TensorView) -> u64 {
    let axes = view.shape.iter();
    let count = axes.fold(1_u64, |n, axis| n.saturating_mul(*axis as u64));
    count.saturating_mul(view.storage.dtype.size() as u64)
}

/// The view's elements, row-major: shared where they stand so in the storage, else gathered.
fn materialise(data: &Arc<Buffer>, view: &TensorView) -> Option<TensorBytes> {
    let size = view.storage.dtype.size();
    let count: usize = view.shape.iter().product();
    if count == 0 {
        return Some(Buffer::zeroed(0).into());
    }
    if is_contiguous(view) && !view.negated {
        let start = view.offset * size;
        return TensorBytes::new(data.clone(), start..start + count * size);
    }
    let data = data.as_slice();
    let mut gathered = Buffer::zeroed(count * size);
    let mut index = vec![0; view.shape.len()];
    let mut at = view.offset;
    for element in gathered.as_mut_slice().chunks_exact_mut(size) {
        element.copy_from_slice(data.get(at * size..(at + 1) * size)?);
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            at += view.stride[axis];
            if index[axis] < view.shape[axis] {
                break;
            }
            at -= view.stride[axis] * view.shape[axis];
            index[axis] = 0;
        }
    }
    if view.negated {
        // Only floating types come here negated: the sign is the last byte's highest bit.
        for element in gathered.as_mut_slice().chunks_exact_mut(size) {
            element[size - 1] ^= 0x80;
        }
    }
    Some(gathered.into())
}

fn is_contiguous(view: &TensorView) -> bool {
    let mut expected = 1;
    let axes = view.shape.iter().zip(&view.stride).rev();
    axes.filter(|(length, _)| **length > 1)
        .all(|(length, step)| {
            let fits = *step == expected;
            expected *= length;
            fits
        })
}
