//! What is asked of a place that keeps objects by name.

use std::fmt::Debug;
use std::fs::File;

use super::trouble::Failure;

/// A place that keeps objects by name (`blobs/v1/ab/DIGEST`).
pub(crate) trait Objects: Debug + Send + Sync {
    /// Gives the contents of an object to `take`, piece by piece until that says false; of one that is longer than it
    /// should be, one byte too many. False: there is no such object.
    fn get(
        &self,
        name: &str,
        length: Length,
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<bool, Failure>;

    /// How long an object is; none: there is no such object.
    fn size(&self, name: &str) -> Result<Option<u64>, Failure>;

    /// Puts an object there, whole or not at all. False: there is one, and only the `first` is wanted.
    fn put(&self, name: &str, contents: &Contents, wanted: Wanted) -> Result<bool, Failure>;

    /// How long an object may be.
    fn longest(&self) -> u64 {
        u64::MAX
    }

    /// Names and lengths of all objects below a folder.
    fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, Failure>;

    /// What an object is called in messages.
    fn shown(&self, name: &str) -> String;
}

/// How long an object should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    Known(u64),
    AtMost(u64),
}

impl Length {
    pub(crate) fn most(self) -> u64 {
        match self {
            Length::Known(most) | Length::AtMost(most) => most,
        }
    }
}

/// What is put somewhere.
pub(crate) enum Contents<'a> {
    Bytes(&'a [u8]),
    /// A file and its length.
    File(&'a File, u64),
}

/// Whether an object may take the place of one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    First,
    Last,
}
