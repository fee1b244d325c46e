use std::path::{Path, PathBuf};

use pipeline_files::Written;

/// A file that a stage made, which becomes an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactFile {
    path: PathBuf,
    written: Option<Written>,
}

impl ArtifactFile {
    /// A file that was digested as it was written: its bytes need not be read for that again.
    pub fn written(path: impl Into<PathBuf>, written: Written) -> Self {
        Self {
            path: path.into(),
            written: Some(written),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn what_was_written(&self) -> Option<Written> {
        self.written
    }
}

impl<P: Into<PathBuf>> From<P> for ArtifactFile {
    fn from(path: P) -> Self {
        Self {
            path: path.into(),
            written: None,
        }
    }
}
