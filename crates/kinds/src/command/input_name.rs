//! What an input is called in the folder that its program runs in.

use std::path::Path;

use crate::kind::{Around, StageKind};
use pipeline_data::input_path::InputPath;

/// Endings that say how, not what: `events.csv.gz` is a CSV file.
const COMPRESSIONS: [&str; 4] = ["gz", "bz2", "xz", "zst"];

/// The ending of an input's file name, with its dot: many programs go by it.
pub(super) fn ending(around: &dyn Around, path: &InputPath) -> String {
    let file = match path.artifact() {
        Some(made) => {
            let stage = around.stage(&made.stage);
            let artifacts = stage.map(StageKind::artifacts).unwrap_or_default();
            let found = artifacts.iter().find(|(name, _)| *name == made.artifact);
            found.map(|(_, file)| Path::new(*file).to_path_buf())
        }
        None => Some(path.as_ref().to_path_buf()).filter(|path| path.is_file()),
    };
    let file_name = file.as_deref().and_then(Path::file_name);
    let name = file_name.map(|name| name.to_string_lossy().into_owned());
    let name = name.as_deref().unwrap_or_default();
    let Some((stem, last)) = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) else {
        return String::new();
    };
    match stem.rsplit_once('.') {
        Some((before, inner)) if COMPRESSIONS.contains(&last) && !before.is_empty() => {
            format!(".{inner}.{last}")
        }
        _ => format!(".{last}"),
    }
}
