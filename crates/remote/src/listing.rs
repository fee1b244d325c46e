use super::remote::{ACTIONS, BLOBS, Remote};
use super::retry::retried;
use super::trouble::Trouble;
use std::sync::atomic::AtomicBool;

/// How much there is in a remote cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Results.
    pub actions: usize,
    /// Contents of artifacts.
    pub blobs: usize,
    /// Bytes of both.
    pub bytes: u64,
}

impl Remote {
    /// Counts what is there. A run never does this.
    pub fn list(&self) -> Result<Listing, Trouble> {
        let never = AtomicBool::new(false);
        let list = |folder| retried(&never, || self.objects.list(folder));
        let (actions, blobs) = (list(ACTIONS)?, list(BLOBS)?);
        Ok(Listing {
            actions: actions.len(),
            blobs: blobs.len(),
            bytes: actions.iter().chain(&blobs).map(|(_, bytes)| bytes).sum(),
        })
    }
}
