//! JSON documents that say themselves whether they are as they were written: the last member is the digest of all
//! before it.

use serde::Serialize;
use serde_json::Value;

use super::digest::Digest;

/// What stands before the digest, and behind it.
const BEFORE: &str = ",\n  \"checksum\": \"";
const BEHIND: &str = "\"\n}";
const HEX_DIGITS: usize = 64;
/// The end that is digested in place of the checksum.
pub(super) const END: &[u8] = b"\n}";

/// What is wrong with a document whose checksum is not its own.
pub(super) const CHANGED: &str = "is not as it was written: its checksum is that of other contents";

/// The document of a struct, indented, with its checksum.
pub(super) fn sealed<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    let digest = Digest::of_bytes(&bytes);
    bytes.truncate(bytes.len().saturating_sub(END.len()));
    bytes.extend(seal(digest).into_bytes());
    Ok(bytes)
}

/// A document's end with its checksum.
pub(super) fn seal(digest: Digest) -> String {
    format!("{BEFORE}{digest}{BEHIND}")
}

/// Whether a document is whole and has no checksum: written by a pipeline that gave it none.
pub(super) fn is_unsealed(bytes: &[u8]) -> bool {
    let digits = bytes.strip_suffix(BEHIND.as_bytes());
    let digits = digits.and_then(<[u8]>::last_chunk::<HEX_DIGITS>);
    // The name of a checksum may be damaged.
    let has_digest = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let read = || serde_json::from_slice::<Value>(bytes);
    !has_digest && read().is_ok_and(|read| read.is_object() && read.get("checksum").is_none())
}

/// Fails unless a document is one that [`sealed`] made, byte for byte.
pub(super) fn check(bytes: &[u8]) -> Result<(), &'static str> {
    match is_sealed("", bytes) {
        true => Ok(()),
        false if is_unsealed(bytes) => Err("has no checksum: an older pipeline wrote it"),
        false => Err(CHANGED),
    }
}

/// Whether a document is as it was written for this place: its checksum covers both.
pub(super) fn is_sealed(place: &str, bytes: &[u8]) -> bool {
    let tail = BEFORE.len() + HEX_DIGITS + BEHIND.len();
    let end = bytes.len().saturating_sub(tail);
    let (body, tail) = bytes.split_at(end);
    let whole = [place.as_bytes(), body, END].concat();
    tail == seal(Digest::of_bytes(&whole)).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_without_a_checksum_is_told_from_one_that_was_changed() {
        assert!(is_unsealed(b"{\"key\": 1}"));
        assert!(!is_unsealed(b"{\"key\":"));
        let sealed = String::from_utf8(sealed(&json!({ "key": 1 })).unwrap()).unwrap();
        for sealed in [sealed.replace("checksum", "bhecksum"), sealed] {
            assert!(!is_unsealed(sealed.as_bytes()));
        }
    }

    #[test]
    fn every_other_byte_is_seen() {
        let bytes = sealed(&json!({ "auroc": 0.54, "n": [1, 2] })).unwrap();
        check(&bytes).unwrap();
        let read: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read["auroc"], 0.54);
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(check(&other).is_err(), "{at}");
            assert!(check(&bytes[..at]).is_err(), "{at}");
        }
    }
}
