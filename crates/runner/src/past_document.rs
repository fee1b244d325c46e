//! The documents of a run of the past.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;

use pipeline_error::Error;
use pipeline_store::Store;
use pipeline_store::run_folder;

/// A document of a run; none where a power cut has left a part of it, which `cache verify` tells of.
pub(super) fn document<T: DeserializeOwned>(
    store: &Store,
    id: &str,
    name: &str,
) -> Result<Option<T>, Error> {
    let path = store.runs_folder().join(id).join(name);
    let Some(text) = text(&path)? else {
        return Ok(None);
    };
    let document = match serde_json::from_str(&text) {
        Err(error) if error.is_eof() => return Ok(None),
        Err(error) if !error.is_data() => return Err(damaged(&path, &error.to_string())),
        read => read,
    };
    run_folder::check_document(id, name, text.as_bytes()).map_err(|what| damaged(&path, what))?;
    document.map(Some).map_err(|error| {
        let hint = "another version of pipeline wrote it: read it with that one, or delete the run's folder, which \
                    holds nothing but the history";
        unreadable(&path, &error.to_string(), hint)
    })
}

/// Whether a document of a run is there, and its checksum says that it is as it was written.
pub(super) fn is_sealed(store: &Store, id: &str, name: &str) -> Result<bool, Error> {
    let text = text(&store.runs_folder().join(id).join(name))?;
    Ok(text.is_some_and(|text| run_folder::is_sealed(id, name, text.as_bytes())))
}

/// A text of a run; none where bytes of it are missing, which are zeros then, and where it is another user's alone.
pub(super) fn text(path: &Path) -> Result<Option<String>, Error> {
    match fs::read(path) {
        Ok(bytes) if bytes.contains(&0) => Ok(None),
        Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => Ok(None),
            _ => Err(damaged(path, &error.to_string())),
        },
    }
}

fn damaged(path: &Path, what: &str) -> Error {
    let hint = "`pipeline cache verify` moves it aside, and the run is listed without it";
    unreadable(path, what, hint)
}

fn unreadable(path: &Path, what: &str, hint: &str) -> Error {
    Error::Store {
        message: format!("{}: {what}", path.display()),
        hint: Some(hint.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_sound_document_of_another_version_is_not_called_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let never = AtomicBool::new(false);
        let mut run = store.start_run(false, &never, || ()).unwrap();
        run.append(["started"].iter()).unwrap();
        run.write("plan.json", &json!({ "stages": [] })).unwrap();
        run.write("summary.json", &json!({ "stages": [] })).unwrap();
        assert!(!is_sealed(&store, run.id(), "plan.json").unwrap());
        assert!(is_sealed(&store, run.id(), "summary.json").unwrap());
        let hint = |name: &str| {
            let read = document::<BTreeMap<String, u8>>(&store, run.id(), name);
            match read.unwrap_err() {
                Error::Store { hint, .. } => hint.unwrap(),
                other => panic!("{other}"),
            }
        };
        for name in ["plan.json", "summary.json"] {
            assert!(hint(name).starts_with("another version of pipeline wrote it"));
        }
        let path = run.path().join("summary.json");
        let text = fs::read_to_string(&path).unwrap();
        for edited in [text.replace("[]", "{}"), text.replace("[]", "[}")] {
            fs::write(&path, edited).unwrap();
            assert!(hint("summary.json").starts_with("`pipeline cache verify`"));
        }
        assert_eq!(store.audit().unwrap().damage.len(), 1);
    }
}
