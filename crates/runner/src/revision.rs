use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// The state of the git repository that a recipe lies in: the document `runs/ID/revision.json`, part of no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The commit, in hexadecimal.
    pub commit: String,
    /// Whether tracked files differed from it.
    pub modified: bool,
}

impl Revision {
    /// The file's name in a run's folder.
    pub const FILE: &'static str = "revision.json";

    /// That of the repository around `recipe`; none outside of one, and where git does not tell.
    pub fn around(recipe: &Path) -> Option<Self> {
        let folder = recipe.canonicalize().ok()?.parent()?.to_path_buf();
        folder
            .ancestors()
            .find(|folder| folder.join(".git").exists())?;
        let mut git = Command::new("git");
        git.arg("-C").arg(&folder);
        git.args([
            "describe",
            "--always",
            "--abbrev=40",
            "--exclude=*",
            "--dirty",
        ]);
        // Looking must change nothing, and wait for nobody.
        git.env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let told = git.output().ok().filter(|told| told.status.success())?;
        Self::parse(String::from_utf8(told.stdout).ok()?.trim())
    }

    fn parse(told: &str) -> Option<Self> {
        let (commit, modified) = match told.strip_suffix("-dirty") {
            Some(commit) => (commit, true),
            None => (told, false),
        };
        let is_commit = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_commit.then(|| Self {
            commit: commit.into(),
            modified,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_told_with_whether_files_differ_from_it() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let parsed = |told: &str| Revision::parse(told).map(|it| (it.commit, it.modified));
        assert_eq!(parsed(commit), Some((commit.to_string(), false)));
        assert_eq!(
            parsed(&format!("{commit}-dirty")),
            Some((commit.to_string(), true))
        );
        assert_eq!(parsed("v1.0"), None);
        assert_eq!(parsed(""), None);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Revision::around(&folder.path().join("recipe.toml")), None);
    }
}
