//! Files that end, and hold the same however often they are read: no pipe, no socket, no device.

use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Opens without waiting for somebody to write into a pipe: Linux' `O_NONBLOCK`, which means nothing for files.
const WITHOUT_WAITING: i32 = 0o4000;

/// Opens a file to read it; what is no regular file is an error that says what it is.
pub fn open(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(WITHOUT_WAITING)
        .open(path)?;
    refuse_special(&file.metadata()?)?;
    Ok(file)
}

/// The whole of a file that is no larger than `limit` bytes; a larger one is an error that says the limit.
pub fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(io::Error::other(format!(
            "has more than {limit} bytes, the limit of such a file"
        ))),
        false => Ok(bytes),
    }
}

/// Fails unless it is a file or a folder, and says what it is.
pub fn refuse_special(metadata: &Metadata) -> io::Result<()> {
    match special(metadata.file_type()) {
        None => Ok(()),
        Some(what) => Err(io::Error::other(format!(
            "is {what}, and no file: it could not be read twice"
        ))),
    }
}

/// What a thing is that is no file, folder or link.
pub fn special(kind: FileType) -> Option<&'static str> {
    [
        (kind.is_fifo(), "a pipe"),
        (kind.is_socket(), "a socket"),
        (kind.is_char_device() || kind.is_block_device(), "a device"),
    ]
    .into_iter()
    .find_map(|(is, what)| is.then_some(what))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_is_no_file_is_refused_by_what_it_is_and_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _bound = UnixListener::bind(&socket).unwrap();
        let what = |path: &Path| open(path).unwrap_err().to_string();
        assert!(what(Path::new("/dev/zero")).starts_with("is a device"));
        // A socket cannot even be opened; where it is looked at first, it is named.
        assert!(open(&socket).is_err());
        let looked_at = refuse_special(&std::fs::metadata(&socket).unwrap());
        assert!(
            looked_at
                .unwrap_err()
                .to_string()
                .starts_with("is a socket")
        );
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        assert!(what(&pipe).starts_with("is a pipe"));
    }

    #[test]
    fn a_file_over_the_limit_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_at_most(&path, 5).unwrap(), b"12345");
        let error = read_at_most(&path, 4).unwrap_err().to_string();
        assert_eq!(error, "has more than 4 bytes, the limit of such a file");
    }
}
