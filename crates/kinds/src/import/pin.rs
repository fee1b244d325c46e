//! A file held against the SHA-256 that a recipe pins.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use pipeline_checkpoint::{self as checkpoint, Checkpoint};
use pipeline_error::pasted::shell_line;
use pipeline_error::{Code, Error};

/// Bytes copied at a time.
const CHUNK: usize = 1 << 20;

/// Fails unless the file at `path` has this SHA-256. That of an index is taken of it with all its shards behind it.
pub(super) fn check(path: &Path, pin: &str) -> Result<(), Error> {
    Pinned::new(None).finish(path, pin)
}

/// Reads the checkpoint at `path`, which must have this SHA-256. Somebody may write to it meanwhile, so each file is
/// opened and read once, into a copy in `scratch`, and that is what is digested and loaded. A file that is not the
/// pinned one is told before anything that is wrong with it.
pub(super) fn read(path: &Path, pin: &str, scratch: &Path) -> Result<Checkpoint, Error> {
    let mut pinned = Pinned::new(Some(scratch));
    let read = checkpoint::read_with(path, &mut |file| pinned.open(file));
    pinned.finish(path, pin)?;
    read
}

struct Pinned<'a> {
    hasher: Sha256,
    /// What was opened, in order.
    opened: Vec<PathBuf>,
    scratch: Option<&'a Path>,
}

impl<'a> Pinned<'a> {
    fn new(scratch: Option<&'a Path>) -> Self {
        Self {
            hasher: Sha256::new(),
            opened: Vec::new(),
            scratch,
        }
    }

    /// A copy that has no name, and that nobody else can write to.
    fn open(&mut self, path: &Path) -> io::Result<File> {
        let copy = self.scratch.map(tempfile::tempfile_in).transpose()?;
        let mut file = pipeline_files::open(path)?;
        self.opened.push(path.to_path_buf());
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = file.read(&mut chunk)?;
            if length == 0 {
                break;
            }
            self.hasher.update(&chunk[..length]);
            if let Some(mut copy) = copy.as_ref() {
                copy.write_all(&chunk[..length])?;
            }
        }
        let mut read = copy.unwrap_or(file);
        read.rewind()?;
        Ok(read)
    }

    fn finish(mut self, path: &Path, pin: &str) -> Result<(), Error> {
        self.scratch = None;
        // Reading ends at what is wrong; the digest is of everything.
        for file in checkpoint::files_of(path) {
            if !self.opened.contains(&file) {
                self.open(&file)
                    .map_err(|error| Error::file(&file, error))?;
            }
        }
        let found = self.digest();
        if found == *pin {
            return Ok(());
        }
        let mut message = format!(
            "{}: the SHA-256 is {found}, the recipe pins {pin}",
            path.display()
        );
        let mut hint = "the file is not the one the recipe was written for".to_string();
        let files = checkpoint::files_of(path);
        if files.len() > 1 && Pinned::of_one(path).is_ok_and(|alone| alone == *pin) {
            message.push_str(", which is that of the index alone, without its shards");
            let files = files.iter().map(|file| file.display().to_string());
            hint = format!(
                "an index is pinned with all its shards behind it:\ncat {} | sha256sum",
                shell_line(files)
            );
        }
        let hint = Some(hint);
        Err(Error::Audit { message, hint }.coded(Code::WrongDigest))
    }

    fn digest(self) -> String {
        let bytes = self.hasher.finalize();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The SHA-256 of a file, whatever it names.
    fn of_one(path: &Path) -> io::Result<String> {
        let mut one = Pinned::new(None);
        one.open(path)?;
        Ok(one.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_is_what_was_digested_although_the_file_is_written_to_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        std::fs::write(&path, "one").unwrap();
        let mut pinned = Pinned::new(Some(folder.path()));
        let mut opened = pinned.open(&path).unwrap();
        std::fs::write(&path, "two").unwrap();
        let mut text = String::new();
        opened.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one");
        let of_one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
        pinned.finish(&path, of_one).unwrap();
        let error = check(&path, of_one).unwrap_err();
        assert_eq!(error.exit_code(), 4);
    }

    #[test]
    fn the_digest_of_an_index_alone_is_told_with_how_to_take_that_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let index = file("m.index.json");
        let map = r#"{"weight_map": {"a": "one", "b": "two"}}"#;
        std::fs::write(&index, map).unwrap();
        std::fs::write(file("one"), "1").unwrap();
        std::fs::write(file("two"), "2").unwrap();
        let alone = Pinned::of_one(&index).unwrap();
        let error = check(&index, &alone).unwrap_err();
        assert!(error.to_string().contains("that of the index alone"));
        let files = [index.clone(), file("one"), file("two")];
        let line = shell_line(files.map(|file| file.display().to_string()));
        let hint = error.hint().unwrap();
        assert!(
            hint.ends_with(&format!("\ncat {line} | sha256sum")),
            "{hint}"
        );
        let whole = file("whole");
        std::fs::write(&whole, format!("{map}12")).unwrap();
        check(&index, &Pinned::of_one(&whole).unwrap()).unwrap();
        let other = check(&index, &"0".repeat(64)).unwrap_err();
        assert!(!other.to_string().contains("alone"), "{other}");
    }
}
