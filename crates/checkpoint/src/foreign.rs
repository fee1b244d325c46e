//! Files that are no checkpoints, and what they are instead.

use std::path::Path;

use crate::container;
use crate::pickle::{AGAIN, ANEW};
use crate::refusal::Refusal;

/// Bytes of a file's start that tell.
pub(super) const START: usize = 512;

const SAVE: &str =
    "checkpoints are .safetensors files, or .ckpt, .pt, .pth or .bin files written by torch.save";

/// Why a file of `length` bytes that begins so is not read.
pub(super) fn refusal(start: &[u8], length: u64) -> Refusal {
    if let Some(refusal) = old_protocol(start) {
        return refusal;
    }
    let (what, hint) = known(start).unwrap_or_else(|| (other(start), SAVE));
    Refusal::new(format!(
        "no checkpoint: the file ({length} bytes) is {what}"
    ))
    .with_hint(hint)
}

/// What the file at `path` is and what to do, if it is of a kind that often lies where another file should be.
pub fn stand_in(path: &Path) -> Option<(&'static str, &'static str)> {
    let mut file = pipeline_files::open(path).ok()?;
    known(&container::start(&mut file).ok()?)
}

/// What a file that begins so is, if it is of a kind that often lies where a checkpoint should be.
pub(super) fn known(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = String::from_utf8_lossy(start);
    let text = text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .to_ascii_lowercase();
    let begins = |with: &str| text.starts_with(with);
    Some(match start {
        _ if begins("version https://git-lfs.github.com/spec/") => (
            "a Git LFS pointer, which stands in place of the real file",
            "fetch the real file in the repository it is from: git lfs install && git lfs pull",
        ),
        _ if begins("<!doctype html") || begins("<html") || begins("<head") || begins("<!--") => (
            "an HTML page, which a server sent in place of the real file",
            "download it again from the address of the file itself (on Hugging Face `resolve`, not `blob`; log in where it asks for it): curl -fL -o FILE ADDRESS",
        ),
        _ if begins("<?xml") || begins("<error") => (
            "an XML document, most likely a server's error in place of the real file",
            "read it to see what the server says, and download the file again: curl -fL -o FILE ADDRESS",
        ),
        // By their names alone these programs would know a compressed file, and no checkpoint's name ends so.
        [0x1f, 0x8b, ..] => ("compressed with gzip", "unpack it: gunzip < FILE > NEW"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("compressed with zstd", "unpack it: unzstd < FILE > NEW"),
        [b'B', b'Z', b'h', ..] => ("compressed with bzip2", "unpack it: bunzip2 < FILE > NEW"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            ("compressed with xz", "unpack it: unxz < FILE > NEW")
        }
        [0x89, b'H', b'D', b'F', ..] => (
            "HDF5, as Keras writes it",
            "convert its arrays to safetensors with the names of the model: safetensors.numpy.save_file",
        ),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => (
            "one array of numpy",
            "save named arrays: safetensors.numpy.save_file({name: array}, FILE)",
        ),
        [b'G', b'G', b'U', b'F', ..] => (
            "GGUF, which holds quantized weights",
            "import the weights that it was made of: .safetensors, or what torch.save wrote",
        ),
        _ if start.get(257..262) == Some(b"ustar") => ("a tar archive", "unpack it: tar -xf FILE"),
        _ => return None,
    })
}

/// Why a checkpoint in the format of before 1.6 with a pickle protocol before 2, its magic number in text, is not read.
fn old_protocol(start: &[u8]) -> Option<Refusal> {
    let version = start.strip_prefix(b"L119547037146038801333356L\n.")?;
    let (protocol, hint) = match version.first() {
        Some(b'I') => (0, ANEW),
        _ => (1, AGAIN),
    };
    let reason = format!("is of pickle protocol {protocol}, known are 2 to 5");
    Some(Refusal::new(reason).with_hint(hint))
}

fn other(start: &[u8]) -> &'static str {
    if start.first() == Some(&0x80) {
        "a bare pickle, not what torch.save writes"
    } else if start.get(8) == Some(&b'{') {
        "like safetensors, but its header is longer than the file: cut off"
    } else if start.is_ascii() {
        "text"
    } else {
        "neither safetensors nor what torch.save writes"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_place_of_weights_is_named_with_what_to_do() {
        for (start, what, hint) in [
            (
                &b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"[..],
                "a Git LFS pointer",
                "git lfs pull",
            ),
            (b"\n <!DOCTYPE html><html>", "an HTML page", "curl -fL"),
            (
                b"\xef\xbb\xbf<html lang=\"en\">",
                "an HTML page",
                "curl -fL",
            ),
            (
                b"<?xml version=\"1.0\"?><Error><Code>AccessDenied",
                "XML",
                "curl -fL",
            ),
            (b"\x1f\x8b\x08\x00", "gzip", "gunzip < FILE > NEW"),
            (b"\x80\x02}.", "a bare pickle", "torch.save"),
            (
                b"L119547037146038801333356L\n.I1001\n.(dp0\n",
                "w.pt: is of pickle protocol 0, known",
                "torch does not load",
            ),
            (
                b"L119547037146038801333356L\n.M\xe9\x03.}q\0",
                "w.pt: is of pickle protocol 1, known",
                "weights_only=False",
            ),
            (b"hello", "is text", "torch.save"),
        ] {
            let error = refusal(start, 9).into_error(std::path::Path::new("w.pt"));
            let message = error.to_string();
            let found = error.hint().unwrap_or_default();
            assert!(message.contains(what), "{message}");
            assert!(found.contains(hint), "{found}");
        }
    }
}
