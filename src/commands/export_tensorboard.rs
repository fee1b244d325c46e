//! `pipeline export --layout tensorboard`: the histories of a recipe, as TensorBoard reads them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use crate::arguments::{Format, Selection};
use crate::commands::outputs;
use crate::experiment::Experiment;
use crate::terminal::stdout;
use pipeline_error::Error;
use pipeline_report::tensorboard;
use pipeline_runner::{self as runner, Surveyed};
use pipeline_stage::Node;
use pipeline_store::Store;
use pipeline_store::action::Artifact;
use pipeline_store::destination::{Destination, refuse_read};
use pipeline_store::digest::Digest;
use pipeline_train::history::History;

/// The kinds of stages that write a history, and what it is called.
const KINDS: [&str; 2] = ["pretrain", "finetune"];
const HISTORY: &str = "history";

/// What to write where.
pub struct TensorboardExport {
    /// The recipe and the store.
    pub selection: Selection,
    /// The stage whose history is wanted; none: all that have one.
    pub stage: Option<String>,
    /// The folder that gets one folder a stage.
    pub folder: PathBuf,
    /// Whether a file that is there already is replaced.
    pub force: bool,
    /// How the result is printed.
    pub format: Format,
}

/// The document of `export --layout tensorboard --format json`.
#[derive(Debug, Serialize)]
struct FilesRecord {
    files: Vec<FileRecord>,
}

#[derive(Debug, Serialize)]
struct FileRecord {
    stage: String,
    path: String,
    digest: String,
    bytes: usize,
}

/// Writes every history that is up to date and prints where. That one is not is an error, told after the rest.
pub fn execute(export: &TensorboardExport) -> Result<ExitCode, Error> {
    let (experiment, store) = export.selection.open()?;
    let wanted = match &export.stage {
        Some(stage) => vec![stage.clone()],
        None => with_history(&experiment.nodes),
    };
    let options = export.selection.looking_at(wanted.clone());
    let mut surveyed = runner::survey(&experiment.nodes, &options, &store)?;
    surveyed.retain(|stage| wanted.contains(&stage.planned.name));
    if !surveyed.iter().any(has_history) {
        return Err(no_history(export, with_history(&experiment.nodes)));
    }
    let (done, missing): (Vec<_>, Vec<_>) = surveyed
        .iter()
        .partition(|stage| history_of(stage).is_some());
    let artifacts = done
        .into_iter()
        .filter_map(|stage| Some((&stage.planned.name, history_of(stage)?)));
    let files = write(artifacts.collect(), export, &experiment, &store)?;
    if missing.is_empty() || !files.is_empty() {
        show(&FilesRecord { files }, export.format)?;
    }
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let missing = missing.iter().map(|stage| stage.planned.name.as_str());
    let stage = export.stage.as_deref();
    Err(outputs::out_of_date(missing, &export.selection, stage))
}

fn with_history(nodes: &[Node]) -> Vec<String> {
    let nodes = nodes.iter();
    nodes
        .filter(|node| KINDS.contains(&node.stage.kind()))
        .map(|node| node.name.clone())
        .collect()
}

fn has_history(stage: &Surveyed) -> bool {
    KINDS.contains(&stage.planned.kind.as_str())
}

fn history_of(stage: &Surveyed) -> Option<&Artifact> {
    stage.outcome.as_ref()?.outputs.get(HISTORY)
}

fn no_history(export: &TensorboardExport, with_history: Vec<String>) -> Error {
    let whole = "this recipe";
    let (what, hint) = match (&export.stage, with_history.is_empty()) {
        (Some(stage), false) => (
            format!("stage `{stage}`"),
            format!("stages with a history: {}", with_history.join(", ")),
        ),
        (Some(stage), true) => (
            format!("stage `{stage}`"),
            format!("no stage of {whole} has"),
        ),
        (None, _) => (
            whole.into(),
            format!("only {} stages have", KINDS.join(" and ")),
        ),
    };
    Error::Usage {
        message: format!("{what} has no history, which --layout tensorboard is for"),
        hint: Some(hint),
    }
}

/// No file is written before it is certain that none stands in the way of any.
fn write(
    histories: Vec<(&String, &Artifact)>,
    export: &TensorboardExport,
    experiment: &Experiment,
    store: &Store,
) -> Result<Vec<FileRecord>, Error> {
    let mut files = Vec::with_capacity(histories.len());
    for (stage, artifact) in histories {
        let folder = export.folder.join(stage);
        make(&folder)?;
        let target = folder.join(tensorboard::FILE_NAME);
        let destination = Destination::new(&target, tensorboard::FILE_NAME, export.force)?;
        files.push((stage, artifact, destination));
    }
    let places = files.iter().map(|(_, _, destination)| destination.path());
    refuse_read(places, || experiment.files_read())?;
    let written = files.into_iter().map(|(stage, artifact, destination)| {
        store.verify(artifact)?;
        let history = History::read_parquet(&store.verified_path(artifact)?)?;
        let bytes = tensorboard::event_file(&history)?;
        let path = destination.write(|file, path| {
            let written = file.write_all(&bytes);
            written.map_err(|error| Error::file(path, error))
        })?;
        Ok(FileRecord {
            stage: stage.clone(),
            path: path.display().to_string(),
            digest: Digest::of_bytes(&bytes).to_string(),
            bytes: bytes.len(),
        })
    });
    written.collect()
}

fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|error| Error::Usage {
        message: format!("{}: no folder can be made: {error}", folder.display()),
        hint: None,
    })
}

fn show(record: &FilesRecord, format: Format) -> Result<(), Error> {
    match format {
        Format::Human => {
            let lines = record.files.iter();
            let lines = lines.map(|file| format!("{}\n", file.path));
            stdout::print(&lines.collect::<String>())
        }
        Format::Json => stdout::print_json(record),
    }
}
