//! The texts a recipe is made of, and places in them.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place in one of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Index into [`Sources`].
    pub source: usize,
    /// First byte.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
}

impl Origin {
    /// The bytes of `span` in the text `source`.
    pub fn new(source: usize, span: Range<usize>) -> Self {
        Self {
            source,
            start: span.start,
            end: span.end,
        }
    }
}

/// One text: a recipe file, or the argument of one `--set`.
#[derive(Clone, Debug)]
pub struct Source {
    /// What to call it in errors.
    pub name: String,
    /// The folder its relative paths start from; empty: the current directory.
    pub folder: Arc<Path>,
    /// Its contents.
    pub text: Arc<str>,
}

/// What a text is called that was no file.
const OVERRIDE: &str = "--set";

/// All texts, in the order in which they were read.
#[derive(Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
    files: Vec<PathBuf>,
}

impl Sources {
    /// Notes a file that a text is from; a shipped recipe is none.
    pub fn note_file(&mut self, path: &Path) {
        self.files.push(path.to_path_buf());
    }

    /// The files of the texts.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Takes a recipe file's text in.
    pub fn add_file(&mut self, path: &Path, text: &str) -> usize {
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        self.add(path.display().to_string(), folder, text)
    }

    /// Takes the argument of one `--set` in.
    pub fn add_override(&mut self, text: &str) -> usize {
        self.add(OVERRIDE.into(), PathBuf::new(), text)
    }

    /// Takes in what was asked for on standard input.
    pub fn add_asked(&mut self, text: &str) -> usize {
        self.add("standard input".into(), PathBuf::new(), text)
    }

    /// Whether the text with this index is the argument of a `--set`.
    pub fn is_override(&self, source: usize) -> bool {
        self.list[source].name == OVERRIDE
    }

    fn add(&mut self, name: String, folder: PathBuf, text: &str) -> usize {
        self.list.push(Source {
            name,
            folder: folder.into(),
            text: text.into(),
        });
        self.list.len() - 1
    }

    /// All texts, by index.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list.iter()
    }

    /// The text with this index.
    pub fn get(&self, source: usize) -> &Source {
        &self.list[source]
    }

    /// What is written at a place.
    pub fn written(&self, origin: Origin) -> &str {
        let text = &self.list[origin.source].text;
        text.get(origin.start..origin.end).unwrap_or_default()
    }

    /// The part of a place that is on its first line.
    pub fn first_line(&self, origin: Origin) -> Origin {
        let line = self.written(origin).lines().next().unwrap_or_default();
        Origin {
            end: origin.start + line.len(),
            ..origin
        }
    }
}
