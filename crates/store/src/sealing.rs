//! A document on its way to a file, digested as it passes.

use std::io::{self, Write};

use blake3::Hasher;

use super::checksum;

/// So much of a long text is put together before it is written: more would only be memory that
/// has to be fetched.
const CHUNK: usize = 64 << 10;
/// So much is held back: `"\n}\n"`, before which the checksum goes.
const HELD: usize = 3;

/// Writes a document of JSON to a file. An object's last member becomes the digest of the document's place and of all
/// before it.
pub(super) struct Sealing<W> {
    to: W,
    digest: Hasher,
    held: Vec<u8>,
}

impl<W: Write> Sealing<W> {
    pub(super) fn new(place: &str, to: W) -> Self {
        let mut digest = Hasher::new();
        digest.update(place.as_bytes());
        Self {
            to,
            digest,
            held: Vec::with_capacity(CHUNK),
        }
    }

    /// Writes the rest.
    pub(super) fn end(mut self) -> io::Result<()> {
        let members = self.held.trim_ascii_end().strip_suffix(b"}");
        let members = members.map(<[u8]>::trim_ascii_end);
        // Of an empty object the first member has no comma before it: it is left as it is, and so is a list.
        if let Some(members) = members.filter(|members| !members.ends_with(b"{")) {
            self.digest.update(members).update(checksum::END);
            let seal = checksum::seal(self.digest.finalize().into());
            let length = members.len();
            self.held.truncate(length);
            self.held.extend(seal.into_bytes());
            self.held.push(b'\n');
        }
        self.to.write_all(&self.held)
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.len() + bytes.len() > CHUNK && self.held.len() > HELD {
            let passed = &self.held[..self.held.len() - HELD];
            self.digest.update(passed);
            self.to.write_all(passed)?;
            let length = passed.len();
            self.held.drain(..length);
        }
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// The end is not known yet.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;
    use serde_json::{Value, json};

    fn sealed(place: &str, text: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut sealing = Sealing::new(place, &mut file);
        // In pieces of no particular length.
        text.chunks(7)
            .for_each(|piece| sealing.write_all(piece).unwrap());
        sealing.end().unwrap();
        file
    }

    #[test]
    fn a_document_of_any_length_gets_the_checksum_of_its_place_as_its_last_member() {
        for length in [0, 1, CHUNK / 10, CHUNK] {
            let stages = vec![json!({ "auroc": 0.5 }); length];
            let document = json!({ "stages": stages, "x": null });
            let mut text = Vec::new();
            rows::write(&mut text, &document).unwrap();
            for text in [text, serde_json::to_vec(&document).unwrap()] {
                let file = sealed("a/summary.json", &text);
                let bytes = file.strip_suffix(b"\n").unwrap();
                assert!(checksum::is_sealed("a/summary.json", bytes));
                assert!(!checksum::is_sealed("b/summary.json", bytes));
                let mut read: Value = serde_json::from_slice(&file).unwrap();
                assert!(read.as_object_mut().unwrap().remove("checksum").is_some());
                assert_eq!(read, document);
            }
        }
        for as_it_is in ["[1]\n", "{}", "{\n}\n"] {
            assert_eq!(sealed("a", as_it_is.as_bytes()), as_it_is.as_bytes());
        }
    }
}
