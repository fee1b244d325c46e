use std::collections::BTreeSet;

use super::tree::Node;

/// A tree whose references are replaced and whose paths start from here.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) tree: Node,
    /// Dotted places of the paths to files and folders.
    pub(super) paths: BTreeSet<String>,
}
