//! What was done to the files below one folder, in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file, a folder or a symbolic link, whatever names it has.
pub type Id = usize;

/// The folder that was looked at.
pub const ROOT: Id = 0;

/// What something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    Link(PathBuf),
}

/// One step. A file system keeps a step whole or not at all, but for a write.
#[derive(Clone, Debug)]
pub enum Step {
    /// A file's bytes from `at` on.
    Write { file: Id, at: usize, bytes: Vec<u8> },
    /// A file's length; new bytes are zeros.
    Resize { file: Id, length: usize },
    /// Names that change together.
    Names(Vec<Naming>),
    /// All bytes of a file, or all names in a folder, are made to last.
    Sync(Id),
    /// All of everything is.
    SyncAll,
}

/// What a name in a folder stands for from now on.
#[derive(Clone, Debug)]
pub struct Naming {
    pub folder: Id,
    pub name: PathBuf,
    /// None: there is no such name.
    pub to: Option<Id>,
    /// What the name stood for before.
    pub from: Option<Id>,
}

/// All steps, and what they were done to.
#[derive(Debug, Default)]
pub struct Log {
    pub kinds: Vec<Kind>,
    pub steps: Vec<Step>,
    /// So many of the first steps only say what was there before.
    pub before: usize,
}

/// What is in a folder: paths below it.
pub type Tree = BTreeMap<PathBuf, Found>;

/// What is at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Folder,
    Link(PathBuf),
    /// Its bytes, and the first path of the same file.
    File(Vec<u8>, PathBuf),
}

impl Step {
    /// Does what it says to the bytes of a file.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Step::Write { at, bytes: new, .. } => {
                let end = at + new.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*at..end].copy_from_slice(new);
            }
            Step::Resize { length, .. } => bytes.resize(*length, 0),
            Step::Names(_) | Step::Sync(_) | Step::SyncAll => {}
        }
    }

    /// The file whose bytes it changes.
    pub fn file(&self) -> Option<Id> {
        match self {
            Step::Write { file, .. } | Step::Resize { file, .. } => Some(*file),
            Step::Names(_) | Step::Sync(_) | Step::SyncAll => None,
        }
    }
}

/// The folder as these names and bytes have it. What has no name that leads to the root is not there.
pub fn tree(
    kinds: &[Kind],
    names: &BTreeMap<(Id, PathBuf), Id>,
    bytes: &BTreeMap<Id, Vec<u8>>,
) -> Tree {
    let mut tree = Tree::new();
    let mut first: BTreeMap<Id, PathBuf> = BTreeMap::new();
    let mut folders = vec![(ROOT, PathBuf::new())];
    while let Some((folder, path)) = folders.pop() {
        for ((_, name), id) in names.range((folder, PathBuf::new())..(folder + 1, PathBuf::new())) {
            let path = path.join(name);
            let found = match &kinds[*id] {
                Kind::Folder => {
                    folders.push((*id, path.clone()));
                    Found::Folder
                }
                Kind::Link(target) => Found::Link(target.clone()),
                Kind::File => {
                    let first = first.entry(*id).or_insert_with(|| path.clone());
                    Found::File(bytes.get(id).cloned().unwrap_or_default(), first.clone())
                }
            };
            tree.insert(path, found);
        }
    }
    tree
}

/// What a folder of this machine holds.
pub fn read(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().expect("its kind");
            let found = if kind.is_dir() {
                folders.push(path.clone());
                Found::Folder
            } else if kind.is_symlink() {
                Found::Link(std::fs::read_link(entry.path()).expect("a link"))
            } else {
                Found::File(std::fs::read(entry.path()).expect("a file"), path.clone())
            };
            tree.insert(path, found);
        }
    }
    tree
}

/// Puts a tree into an empty folder. Links into the folder that it was taken from lead into this one.
pub fn write(tree: &Tree, from: &Path, root: &Path) {
    let mut second_names = Vec::new();
    for (path, found) in tree {
        let at = root.join(path);
        match found {
            Found::Folder => std::fs::create_dir(at),
            Found::File(bytes, first) if first == path => std::fs::write(at, bytes),
            Found::File(_, first) => {
                second_names.push((first, at));
                Ok(())
            }
            Found::Link(target) => {
                let inside = target.strip_prefix(from).map(|below| root.join(below));
                std::os::unix::fs::symlink(inside.unwrap_or_else(|_| target.clone()), at)
            }
        }
        .expect("a tree can be written");
    }
    for (first, at) in second_names {
        std::fs::hard_link(root.join(first), at).expect("a second name");
    }
}
