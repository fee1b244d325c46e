//! Which file systems several machines share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Numbers of `statfs(2)`, each with the file system's name.
const SHARED: [(u64, &str); 18] = [
    (0x6969, "NFS"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x1983_0326, "BeeGFS"),
    (0x00C3_6400, "Ceph"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x6573_5546, "FUSE"),
    (0x5346_414F, "AFS"),
    (0x6B41_4653, "kAFS"),
    (0x0102_1997, "9p"),
    (0x2003_0528, "OrangeFS"),
    (0x7461_636F, "OCFS2"),
    (0x0116_1970, "GFS2"),
    (0xAAD7_AAEA, "PanFS"),
    (0x7375_7245, "Coda"),
    (0x786F_4256, "VirtualBox"),
];

/// The name of the file system that a path is on, or would be, if other machines may have it, too.
pub(super) fn shared(path: &Path) -> Option<&'static str> {
    let there = path.ancestors().find(|path| path.exists())?;
    let found = rustix::fs::statfs(there).ok()?;
    // The type of the number is another one on other processors, with and without a sign.
    named(found.f_type as u64 & 0xFFFF_FFFF)
}

/// Which devices other machines may write to, each asked for once.
#[derive(Debug, Default)]
pub(super) struct SharedDevices(Mutex<BTreeMap<u64, bool>>);

impl SharedDevices {
    /// Whether the device that a path is on is one of them.
    pub(super) fn has(&self, device: u64, path: &Path) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known
            .entry(device)
            .or_insert_with(|| shared(path).is_some())
    }
}

fn named(number: u64) -> Option<&'static str> {
    let found = SHARED.iter().find(|(known, _)| *known == number);
    found.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_this_machine_is_not_shared_whether_it_is_there_or_not() {
        assert_eq!(shared(Path::new("/dev/shm/not/there/yet")), None);
        assert_eq!(shared(Path::new("/proc")), None);
        assert_eq!(named(0x6969), Some("NFS"));
        assert_eq!(named(0xEF53), None, "ext4");
    }
}
