//! The folder a program runs in: links to its inputs, copies of scripts, and the files it leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::log::Log;
use pipeline_error::Error;
use pipeline_error::listed::first_of;
use pipeline_store::leftover;

/// The folder's name below the stage's work folder.
pub(super) const NAME: &str = "run";
/// The name beside it of the folder that survives.
const RESUME: &str = "resume";
/// Holds links to the inputs.
pub(super) const INPUTS: &str = "inputs";
/// Where the program may leave what it likes.
const SCRATCH: &str = "tmp";
/// More undeclared files than these are only counted.
const SHOWN: usize = 10;

pub(super) struct CommandFolder {
    path: PathBuf,
}

impl CommandFolder {
    pub(super) fn new(work: &Path) -> Self {
        Self {
            path: work.join(NAME),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// `$PIPELINE_RESUME`: what the program leaves there it finds again, however it ended, until the stage succeeds.
    pub(super) fn resume(&self) -> PathBuf {
        self.path.with_file_name(RESUME)
    }

    /// `$HOME` and `$TMPDIR` of the program.
    pub(super) fn scratch(&self) -> PathBuf {
        self.path.join(SCRATCH)
    }

    /// Makes the folder anew, whatever an earlier attempt left in it.
    pub(super) fn prepare(&self, inputs: &[(&str, &Path)]) -> Result<(), Error> {
        let make = || -> io::Result<()> {
            let is_there = self.path.exists();
            if is_there || self.resume().exists() {
                leftover::end(&self.path)?;
            }
            if is_there {
                fs::remove_dir_all(&self.path)?;
            }
            fs::create_dir_all(self.scratch())?;
            fs::create_dir_all(self.resume())?;
            let links = self.path.join(INPUTS);
            if !inputs.is_empty() {
                fs::create_dir(&links)?;
            }
            for (name, place) in inputs {
                match place.is_file() && is_script(place) {
                    true => drop(fs::copy(place, links.join(name))?),
                    false => symlink(std::path::absolute(place)?, links.join(name))?,
                }
            }
            Ok(())
        };
        make().map_err(|error| Error::file(&self.path, error))
    }

    /// Fails unless the program left exactly the files it declares.
    pub(super) fn check_outputs(
        &self,
        declared: &BTreeMap<String, String>,
        log: &Log,
    ) -> Result<(), Error> {
        let mut left = BTreeSet::new();
        list(&self.path, Path::new(""), &mut left)
            .map_err(|error| Error::file(&self.path, error))?;
        let missing: Vec<String> = declared
            .iter()
            .filter(|(_, file)| !left.contains(Path::new(file)))
            .map(|(name, file)| match self.path.join(file).is_dir() {
                true => format!("`{name}` ({file} is a folder, and an artifact is one file)"),
                false => format!("`{name}` ({file})"),
            })
            .collect();
        let undeclared: Vec<String> = left
            .iter()
            .filter(|path| !declared.values().any(|file| Path::new(file) == **path))
            .map(|path| path.display().to_string())
            .collect();
        if missing.is_empty() && undeclared.is_empty() {
            return Ok(());
        }
        let mut problems = Vec::new();
        if !missing.is_empty() {
            problems.push(format!("did not write {}", missing.join(", ")));
        }
        if !undeclared.is_empty() {
            problems.push(format!(
                "left files that are not declared: {}",
                first_of(&undeclared, SHOWN)
            ));
        }
        let error = Error::stage(format!(
            "the program ended well, but {}{}",
            problems.join(", and "),
            log.tail()
        ));
        Err(error.with_hint(
            "`outputs` declares every file, relative to the folder the program runs in; \
             what need not be kept belongs into $TMPDIR",
        ))
    }
}

/// Whether a file is a program that an interpreter reads. Through a link it would find what lies beside the original, such
/// as a module, which is no input: a change of that would not be seen.
fn is_script(path: &Path) -> bool {
    const ENDINGS: [&str; 16] = [
        "bash", "cjs", "jl", "js", "lua", "m", "mjs", "php", "pl", "py", "pyw", "r", "rb", "sh",
        "ts", "zsh",
    ];
    let ending = path.extension().and_then(|ending| ending.to_str());
    let names_interpreter = || {
        let mut start = [0; 2];
        let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
        read.is_ok() && start == *b"#!"
    };
    ending.is_some_and(|ending| ENDINGS.contains(&ending.to_lowercase().as_str()))
        || names_interpreter()
}

/// Files below the folder, relative to it, but for inputs and scratch.
fn list(folder: &Path, inside: &Path, files: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder.join(inside))? {
        let entry = entry?;
        let path = inside.join(entry.file_name());
        if path == Path::new(INPUTS) || path == Path::new(SCRATCH) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            list(folder, &path, files)?;
        } else {
            files.insert(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn only_what_was_started_in_the_work_folder_is_ended() {
        let store = tempfile::tempdir().unwrap();
        let sleeper = |key: &str| {
            let scratch = CommandFolder::new(&store.path().join(key)).scratch();
            let mut command = Command::new("sleep");
            command.arg("60").env("TMPDIR", scratch).spawn().unwrap()
        };
        // Often: a program that has only just started shows no environment yet.
        for _ in 0..20 {
            let (mut other, mut ours) = (sleeper("key2"), sleeper("key"));
            leftover::end(&store.path().join("key")).unwrap();
            assert!(!ours.wait().unwrap().success());
            assert!(other.try_wait().unwrap().is_none(), "it goes on");
            other.kill().unwrap();
            other.wait().unwrap();
        }
    }
}
