//! A folder that machines share.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::objects::{Contents, Length, Objects, Wanted};
use super::trouble::Failure;
use pipeline_error::Error;

/// How the names begin of what is not whole yet.
const DRAFT: &str = ".draft-";

#[derive(Debug)]
pub(crate) struct SharedFolder {
    root: PathBuf,
}

impl SharedFolder {
    pub(crate) fn new(root: PathBuf) -> Result<Self, Error> {
        // Its blobs would be collected, and its actions read without a look at who signed them.
        if root.join("CACHEDIR.TAG").exists() {
            return Err(Error::Usage {
                message: format!("{} is a store, not a remote cache", root.display()),
                hint: Some("give the remote cache an empty folder of its own".into()),
            });
        }
        Ok(Self { root })
    }

    fn failure(&self, name: &str, error: &io::Error) -> Failure {
        let failure = Failure::new(format!("{}: {error}", self.shown(name)));
        match error.kind() {
            ErrorKind::PermissionDenied => {
                failure.hint("the folder's owner can say who reads and writes there")
            }
            _ => failure,
        }
    }

    /// The object, if the folder is there.
    fn open(&self, name: &str) -> Result<Option<(File, u64)>, Failure> {
        // A pipe would otherwise be waited for.
        let mut options = File::options();
        let opened = options.read(true).custom_flags(libc::O_NONBLOCK);
        let opened = opened.open(self.root.join(name)).and_then(|file| {
            let metadata = file.metadata()?;
            match metadata.is_file() {
                true => Ok((file, metadata.len())),
                false => Err(io::Error::other("is no regular file")),
            }
        });
        match opened {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::NotFound && self.root.is_dir() => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(self.missing()),
            Err(error) => Err(self.failure(name, &error)),
        }
    }

    fn missing(&self) -> Failure {
        Failure::new(format!("{} is not there", self.root.display()))
            .hint("is the shared folder mounted? One that is to be new is made by hand")
    }

    fn write(&self, name: &str, contents: &Contents, wanted: Wanted) -> io::Result<bool> {
        let target = self.root.join(name);
        let folder = target.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder)?;
        let mut draft = tempfile::Builder::new()
            .prefix(DRAFT)
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        match contents {
            Contents::Bytes(bytes) => draft.write_all(bytes)?,
            Contents::File(file, length) => {
                let file: &File = file;
                io::copy(&mut file.take(*length), draft.as_file_mut())?;
            }
        }
        draft.as_file().sync_all()?;
        let named = match wanted {
            Wanted::First => draft.persist_noclobber(&target),
            Wanted::Last => draft.persist(&target),
        };
        match named {
            Ok(_) => File::open(folder)?.sync_all().map(|()| true),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.error),
        }
    }

    fn walk(&self, folder: &Path, found: &mut Vec<(String, u64)>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.walk(&entry.path(), found)?;
            } else if kind.is_file() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if !name.starts_with(DRAFT) {
                    found.push((name, entry.metadata()?.len()));
                }
            }
        }
        Ok(())
    }
}

impl Objects for SharedFolder {
    fn get(
        &self,
        name: &str,
        length: Length,
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<bool, Failure> {
        let Some((file, _)) = self.open(name)? else {
            return Ok(false);
        };
        let mut left = file.take(length.most().saturating_add(1));
        let mut piece = vec![0; 256 << 10];
        loop {
            match left.read(&mut piece) {
                Ok(0) => return Ok(true),
                Ok(read) if take(&piece[..read]) => {}
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(name, &error)),
            }
        }
    }

    fn size(&self, name: &str) -> Result<Option<u64>, Failure> {
        Ok(self.open(name)?.map(|(_, length)| length))
    }

    fn put(&self, name: &str, contents: &Contents, wanted: Wanted) -> Result<bool, Failure> {
        if !self.root.is_dir() {
            return Err(self.missing());
        }
        let put = self.write(name, contents, wanted);
        put.map_err(|error| self.failure(name, &error))
    }

    fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, Failure> {
        if !self.root.is_dir() {
            return Err(self.missing());
        }
        let mut found = Vec::new();
        match self.walk(&self.root.join(folder), &mut found) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failure(folder, &error)),
            _ => Ok(found),
        }
    }

    fn shown(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_object_stays_where_the_first_is_wanted() {
        let around = tempfile::tempdir().unwrap();
        let folder = SharedFolder::new(around.path().to_path_buf()).unwrap();
        let put = |text: &str, wanted| folder.put("a/b", &Contents::Bytes(text.as_bytes()), wanted);
        assert!(put("one", Wanted::First).unwrap());
        assert!(!put("two", Wanted::First).unwrap());
        let read = || fs::read_to_string(around.path().join("a/b")).unwrap();
        assert_eq!(read(), "one");
        assert!(put("three", Wanted::Last).unwrap());
        assert_eq!(read(), "three");
        assert_eq!(folder.size("a/b").unwrap(), Some(5));
        assert_eq!(folder.size("a/c").unwrap(), None);
        assert_eq!(folder.list("a").unwrap(), [("b".into(), 5)]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_away_and_a_store_is_refused() {
        let around = tempfile::tempdir().unwrap();
        let folder = SharedFolder::new(around.path().join("gone")).unwrap();
        assert!(folder.size("a").is_err() && folder.list("a").is_err());
        assert!(
            folder
                .put("a", &Contents::Bytes(b""), Wanted::First)
                .is_err()
        );
        fs::write(around.path().join("CACHEDIR.TAG"), "").unwrap();
        assert!(SharedFolder::new(around.path().to_path_buf()).is_err());
    }
}
