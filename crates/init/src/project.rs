//! The files of a new experiment: put beside each other, over nothing that is there.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use pipeline_error::Error;

/// Where the workflow for GitHub lies.
pub const WORKFLOW: &str = ".github/workflows/reproduce.yml";

/// What git is told to leave alone.
pub const GITIGNORE: &str = ".gitignore";

/// The name of the store that a run makes.
const STORE: &str = ".pipeline/";

/// The workflow.
const WORKFLOW_TEXT: &str = include_str!("reproduce.yml");

/// What became of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files that were written, in order.
    pub written: Vec<PathBuf>,
    /// Files that were there and are as they were, with what to do about each.
    pub kept: Vec<(PathBuf, String)>,
}

/// Writes a recipe with what it needs, and beside them `.gitignore` and the workflow. One of `files` that is there
/// already is an error, and nothing is written then. `version` is that of the program that the workflow installs.
pub fn write(folder: &Path, files: &[(String, String)], version: &str) -> Result<Written, Error> {
    for (name, _) in files {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(exists(&path));
        }
    }
    let mut made = Written::default();
    for (name, text) in files {
        if let Err(error) = put(folder, name, text, &mut made) {
            undo(&made);
            return Err(error);
        }
    }
    let beside =
        ignore_store(folder, &mut made).and_then(|()| workflow(folder, version, &mut made));
    if let Err(error) = beside {
        undo(&made);
        return Err(error);
    }
    Ok(made)
}

/// Takes back what was written.
pub fn undo(made: &Written) {
    for path in &made.written {
        // What cannot be removed is seen by whoever looks; the error that led here is told.
        let _ = fs::remove_file(path);
    }
}

fn exists(path: &Path) -> Error {
    Error::Usage {
        message: format!("{}: it exists", path.display()),
        hint: Some(
            "`pipeline init` writes over nothing: name another folder, or move it away".into(),
        ),
    }
}

fn put(folder: &Path, name: &str, text: &str, made: &mut Written) -> Result<(), Error> {
    let path = folder.join(name);
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => exists(&path),
        _ => Error::Usage {
            message: format!("{}: cannot be written: {error}", path.display()),
            hint: None,
        },
    };
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(failed)?;
    let mut draft = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
    draft.write_all(text.as_bytes()).map_err(failed)?;
    readable(draft.as_file()).map_err(failed)?;
    draft
        .persist_noclobber(&path)
        .map_err(|kept| failed(kept.error))?;
    made.written.push(path);
    Ok(())
}

/// A temporary file is its owner's alone; these are for whoever reads the folder.
fn readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

fn ignore_store(folder: &Path, made: &mut Written) -> Result<(), Error> {
    let path = folder.join(GITIGNORE);
    match fs::read_to_string(&path) {
        Ok(text)
            if text
                .lines()
                .any(|line| line.trim_matches('/') == ".pipeline") =>
        {
            made.kept.push((path, "it names the store already".into()));
            Ok(())
        }
        Ok(_) => {
            made.kept.push((
                path,
                format!("add the line `{STORE}`: the store is no part of the history"),
            ));
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = format!(
                "# The store of results: it can be made anew, recipe.lock says of what.\n{STORE}\n"
            );
            put(folder, GITIGNORE, &text, made)
        }
        Err(error) => {
            made.kept.push((path, format!("cannot be read: {error}")));
            Ok(())
        }
    }
}

fn workflow(folder: &Path, version: &str, made: &mut Written) -> Result<(), Error> {
    let path = folder.join(WORKFLOW);
    if path.symlink_metadata().is_ok() {
        made.kept.push((path, "it is there already".into()));
        return Ok(());
    }
    // GitHub reads workflows at the top of a repository only.
    let absolute = folder
        .canonicalize()
        .unwrap_or_else(|_| folder.to_path_buf());
    let above = absolute
        .ancestors()
        .skip(1)
        .find(|above| above.join(".git").exists());
    if let (false, Some(above)) = (absolute.join(".git").exists(), above) {
        let what = format!(
            "not written: GitHub reads workflows in {} only",
            above.display()
        );
        made.kept.push((path, what));
        return Ok(());
    }
    put(
        folder,
        WORKFLOW,
        &WORKFLOW_TEXT.replace("VERSION", version),
        made,
    )
}

/// The way from a folder to a path, both of which exist. Where they have nothing in common but the root of the file
/// system, the whole path. Errors: a path that is no UTF-8, which a recipe cannot name.
pub fn way(from: &Path, to: &Path) -> Result<String, Error> {
    let real = |path: &Path| {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        path.canonicalize().map_err(|error| Error::Usage {
            message: format!("{}: {error}", path.display()),
            hint: None,
        })
    };
    let (from, to) = (real(from)?, real(to)?);
    let common = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let way = match common {
        0 | 1 => to.clone(),
        _ => {
            let up = from.components().skip(common).map(|_| Path::new(".."));
            let down = to.components().skip(common).map(|part| part.as_os_str());
            up.map(Path::as_os_str).chain(down).collect()
        }
    };
    let way = if way.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        way
    };
    way.to_str()
        .map(str::to_string)
        .ok_or_else(|| Error::Usage {
            message: format!("{}: its path is not UTF-8, and a recipe is", way.display()),
            hint: Some("give it a name of letters, digits, hyphens".into()),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Vec<(String, String)> {
        vec![("recipe.toml".into(), "format = 1\n".into())]
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(GITIGNORE), "data\n").unwrap();
        let made = write(folder.path(), &one(), "1.2.3").unwrap();
        assert_eq!(made.written.len(), 2);
        assert!(made.kept[0].1.contains("add the line `.pipeline/`"));
        let workflow = fs::read_to_string(folder.path().join(WORKFLOW)).unwrap();
        assert!(workflow.contains("==1.2.3\n"), "{workflow}");

        let again = write(folder.path(), &one(), "1.2.3").unwrap_err();
        assert!(
            again.to_string().ends_with("recipe.toml: it exists"),
            "{again}"
        );
        assert_eq!(
            fs::read_to_string(folder.path().join(GITIGNORE)).unwrap(),
            "data\n"
        );
    }

    #[test]
    fn nothing_is_left_of_what_cannot_be_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("programs"), "a file").unwrap();
        let mut files = one();
        files.push(("programs/a.py".into(), String::new()));
        write(folder.path(), &files, "1").unwrap_err();
        assert!(!folder.path().join("recipe.toml").exists());
    }

    #[test]
    fn the_workflow_of_a_folder_inside_a_repository_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        let inside = folder.path().join("a");
        fs::create_dir(&inside).unwrap();
        let made = write(&inside, &one(), "1").unwrap();
        assert_eq!(made.written.len(), 2);
        assert!(made.kept[0].1.starts_with("not written: GitHub"));
    }

    #[test]
    fn the_way_leads_from_the_recipe_to_the_data() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("x/a"), folder.path().join("x/b/c"));
        fs::create_dir_all(&a).unwrap();
        fs::create_dir_all(&b).unwrap();
        assert_eq!(way(&a, &b).unwrap(), "../b/c");
        assert_eq!(way(&b, &b).unwrap(), ".");
        assert_eq!(way(folder.path(), &a).unwrap(), "x/a");
        assert_eq!(way(&a, Path::new("/")).unwrap(), "/");
    }
}
