//! `pipeline export`: an artifact as a file of one's own.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::arguments::{ExperimentArguments, Format, Selection};
use super::verbosity::Verbosity;
use super::{outputs, stdout};
use crate::error::Error;
use crate::exec;
use crate::stages::node::Node;
use crate::stages::pytorch_layout;
use crate::store::Store;
use crate::store::action::Artifact;
use crate::store::destination::Destination;
use crate::store::digest::Digest;

#[derive(Debug, Args)]
pub struct ExportArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// The stage that makes the artifact
    #[arg(value_name = "STAGE")]
    stage: String,

    /// The artifact
    #[arg(value_name = "NAME")]
    artifact: String,

    /// The file to write, or a folder to put it in
    #[arg(value_name = "DEST")]
    target: PathBuf,

    /// As what the artifact is written
    #[arg(long, value_enum, default_value_t = Layout::Stored)]
    layout: Layout,

    /// Replace a file that is there already
    #[arg(long)]
    force: bool,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// As what an artifact is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// As it lies in the store, byte by byte
    Stored,
    /// Weights as safetensors under the names of the PyTorch reference, for its load_state_dict
    Pytorch,
}

impl ExportArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Export, Error> {
        Ok(Export {
            selection: self.experiment.validate()?,
            stage: self.stage,
            artifact: self.artifact,
            target: self.target,
            layout: self.layout,
            force: self.force,
            format: self.format,
        })
    }
}

/// [`ExportArguments`], validated.
pub struct Export {
    selection: Selection,
    stage: String,
    artifact: String,
    target: PathBuf,
    layout: Layout,
    force: bool,
    format: Format,
}

/// The document of `export --format json`.
#[derive(Debug, Serialize)]
struct ExportRecord {
    path: PathBuf,
    digest: String,
    bytes: u64,
    /// Tensors that hold no weights, in the reference's layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    placeholders: Option<Vec<String>>,
}

/// Writes the artifact and prints where it went; that it is out of date is an error.
pub fn execute(export: Export, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let (experiment, store) = export.selection.open()?;
    let options = export.selection.looking_at(vec![export.stage.clone()]);
    let surveyed = exec::survey(&experiment.nodes, &options, &store)?;
    let mut wanted = surveyed.into_iter();
    let Some(stage) = wanted.find(|stage| stage.planned.name == export.stage) else {
        return Err(Error::stage(format!("{}: was not planned", export.stage)));
    };
    let Some(outcome) = stage.outcome else {
        let stage = export.stage.as_str();
        let missing = std::iter::once(stage);
        return Err(outputs::out_of_date(
            missing,
            &export.selection,
            Some(stage),
        ));
    };
    let Some(artifact) = outcome.outputs.get(&export.artifact) else {
        let names = outcome.outputs.keys().map(String::as_str).collect();
        return Err(outputs::no_artifact(&export.stage, &export.artifact, names));
    };
    let record = match export.layout {
        Layout::Stored => stored(&export, artifact, &store)?,
        Layout::Pytorch => {
            require_weights(&experiment.nodes, &stage.planned.kind, &export)?;
            pytorch(&export, artifact, &store, verbosity)?
        }
    };
    match export.format {
        Format::Human => stdout::print(&format!("{}\n", record.path.display()))?,
        Format::Json => stdout::print_json(&record)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn stored(export: &Export, artifact: &Artifact, store: &Store) -> Result<ExportRecord, Error> {
    Ok(ExportRecord {
        path: store.export(artifact, &export.artifact, &export.target, export.force)?,
        digest: artifact.digest.to_string(),
        bytes: artifact.bytes,
        placeholders: None,
    })
}

/// Refuses an artifact that is no weights, and names those of the recipe that are.
fn require_weights(nodes: &[Node], kind: &str, export: &Export) -> Result<(), Error> {
    if pytorch_layout::weights_of(kind) == Some(&*export.artifact) {
        return Ok(());
    }
    let weights = nodes.iter().filter_map(|node| {
        let artifact = pytorch_layout::weights_of(node.stage.kind())?;
        Some(format!("`{} {artifact}`", node.name))
    });
    let weights: Vec<String> = weights.collect();
    let hint = match weights.is_empty() {
        true => "this recipe has no weights".to_string(),
        false => format!("weights of this recipe: {}", weights.join(", ")),
    };
    Err(Error::Usage {
        message: format!(
            "`{} {}` is no weights, and --layout pytorch is for weights: {}",
            export.stage,
            export.artifact,
            pytorch_layout::WEIGHTS_IN_WORDS
        ),
        hint: Some(hint),
    })
}

fn pytorch(
    export: &Export,
    artifact: &Artifact,
    store: &Store,
    verbosity: Verbosity,
) -> Result<ExportRecord, Error> {
    let file_name = format!("{}.safetensors", export.artifact);
    let destination = Destination::new(&export.target, &file_name, export.force)?;
    store.verify(artifact)?;
    let weights = pytorch_layout::convert(&store.artifact_path(artifact)?)?;
    let path = destination.write(|file, path| {
        let written = file.write_all(&weights.bytes);
        written.map_err(|error| Error::file(path, error))
    })?;
    verbosity.note(&format!(
        "{} of {} tensors are placeholders, which the reference has and never uses; to import the file here: ignore = {:?}",
        weights.placeholders.len(),
        weights.tensors,
        weights.ignore()
    ));
    Ok(ExportRecord {
        path,
        digest: Digest::of_bytes(&weights.bytes).to_string(),
        bytes: weights.bytes.len() as u64,
        placeholders: Some(weights.placeholders),
    })
}
