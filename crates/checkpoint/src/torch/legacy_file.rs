use super::hyper_parameters::stated;
use super::state_dict;
use super::storages::Storages;
use super::trained::trained;
use crate::contents::Contents;
use crate::pickle::{Pickle, load};
use crate::refusal::Refusal;

/// 0x1950a86a20f9469cfc6c, the format's magic number, as every protocol pickles it.
const MAGIC: [u8; 13] = *b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e";

/// Whether a file that starts so is in the format of before PyTorch 1.6, which `torch.save` still writes on demand. Its
/// pickles are of protocol 2 unless the caller asked for another; from 4 on a frame stands around them.
pub(crate) fn is_legacy(start: &[u8]) -> bool {
    match start {
        [0x80, 2 | 3, rest @ ..] => rest.starts_with(&MAGIC),
        [0x80, 4 | 5, 0x95, _, _, _, _, _, _, _, _, rest @ ..] => rest.starts_with(&MAGIC),
        _ => false,
    }
}

/// Reads the older format: five pickles (magic, version, machine, the object, the order of the
/// storages), then each storage as its length and its bytes. It carries no checksum.
pub(crate) fn read(bytes: Vec<u8>) -> Result<Contents, Refusal> {
    let mut rest = &bytes[..];
    let [_, _, machine] = [next(&mut rest)?, next(&mut rest)?, next(&mut rest)?];
    if machine.heap.entry(machine.root, "little_endian").is_none() {
        return Err(Refusal::new(
            "damaged: the description of the machine is missing",
        ));
    }
    let object = next(&mut rest)?;
    let order = next(&mut rest)?;
    let state_dict = state_dict::find(&object)?;

    let mut storages = Storages::new(&state_dict.tensors, bytes.len() as u64)?;
    let sizes = storage_sizes(&object);
    let keys = order.heap.list(order.root);
    for key in keys.ok_or_else(|| Refusal::new("damaged: the list of storages is missing"))? {
        let key = order.heap.text(*key);
        let key = key.ok_or_else(|| Refusal::new("damaged: a storage without a name"))?;
        let length = take(&mut rest, 8)?
            .first_chunk()
            .map(|n| u64::from_le_bytes(*n));
        let size = *sizes
            .get(key)
            .ok_or_else(|| Refusal::new(format!("damaged: storage {key} belongs to no tensor")))?;
        let length = length.and_then(|n| usize::try_from(n).ok()?.checked_mul(size));
        let data = take(&mut rest, length.unwrap_or(usize::MAX))?;
        if storages.wants(key) {
            storages.supply(key, data.into())?;
        }
    }
    if !rest.is_empty() {
        return Err(Refusal::new(format!(
            "damaged: {} bytes too many",
            rest.len()
        )));
    }
    let (stated, more) = stated(&object, state_dict.holder);
    let mut notes = state_dict.notes.clone();
    notes.extend(more);
    notes.push("this format has no checksum: a changed bit goes unseen".into());
    Ok(Contents {
        trained: trained(&object, &state_dict),
        stated,
        tensors: storages.finish()?,
        elsewhere: state_dict.elsewhere,
        notes,
    })
}

/// Bytes of an element of every storage, by its key.
fn storage_sizes(object: &Pickle) -> std::collections::BTreeMap<&str, usize> {
    let storages = object.heap.storages();
    storages
        .map(|storage| (&*storage.key, storage.dtype.size()))
        .collect()
}

fn next(rest: &mut &[u8]) -> Result<Pickle, Refusal> {
    let pickle = load(rest)?;
    take(rest, pickle.length)?;
    Ok(pickle)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Refusal> {
    let (taken, left) = rest
        .split_at_checked(count)
        .ok_or_else(|| Refusal::new("damaged: the file ends in the middle"))?;
    *rest = left;
    Ok(taken)
}
