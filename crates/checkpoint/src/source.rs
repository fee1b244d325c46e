use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

/// Bytes that several threads read at once, each with a clone that has a position of its own.
pub trait Source: Read + Seek + Clone + Send + Sync {}

impl<T: Read + Seek + Clone + Send + Sync> Source for T {}

/// An open file as a [`Source`].
#[derive(Clone, Debug)]
pub(super) struct FileSource<'a> {
    file: &'a File,
    position: u64,
}

impl<'a> FileSource<'a> {
    /// From the file's beginning, wherever it stands.
    pub(super) fn new(file: &'a File) -> Self {
        FileSource { file, position: 0 }
    }
}

impl Read for FileSource<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for FileSource<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let moved = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        let before_the_start = || io::Error::new(io::ErrorKind::InvalidInput, "seeks out of range");
        self.position = moved.ok_or_else(before_the_start)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_read_where_they_are_and_disturb_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bytes");
        std::fs::write(&path, b"0123456789").unwrap();
        let file = File::open(&path).unwrap();
        let mut source = FileSource::new(&file);
        let mut two = [0; 2];
        source.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"01");
        let mut other = source.clone();
        assert_eq!(other.seek(SeekFrom::End(-3)).unwrap(), 7);
        other.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"78");
        source.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"23");
        assert_eq!(source.seek(SeekFrom::Current(-4)).unwrap(), 0);
        assert!(source.seek(SeekFrom::Current(-1)).is_err());
        assert_eq!(source.stream_position().unwrap(), 0);
        assert_eq!(other.read(&mut two).unwrap(), 1);
        assert_eq!(other.read(&mut two).unwrap(), 0);
    }
}
