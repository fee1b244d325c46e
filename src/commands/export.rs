//! `pipeline export`: an artifact as a file of one's own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::arguments::{ExperimentArguments, Format, Selection};
use crate::commands::export_tensorboard::TensorboardExport;
use crate::commands::{export_tensorboard, outputs};
use crate::experiment::Experiment;
use crate::terminal::stdout;
use crate::terminal::verbosity::Verbosity;
use pipeline_error::Error;
use pipeline_kinds::pytorch_layout;
use pipeline_runner as runner;
use pipeline_stage::Node;
use pipeline_store::Store;
use pipeline_store::action::Artifact;
use pipeline_store::destination::Destination;
use pipeline_store::digest::Digest;

#[derive(Debug, Args)]
pub struct ExportArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// The stage, its artifact, and the file to write or a folder to put it in; with --layout
    /// tensorboard the folder alone, or one stage and the folder
    #[arg(value_names = ["STAGE", "NAME", "DEST"], num_args = 1..=3, required = true)]
    places: Vec<PathBuf>,

    /// The form in which an artifact is written
    #[arg(long, value_enum, default_value_t = Layout::Stored)]
    layout: Layout,

    /// Replace a file that is there already
    #[arg(long)]
    force: bool,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// The form in which an artifact is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// The bytes in the store, unchanged
    Stored,
    /// Weights as safetensors under the names of the PyTorch reference, for its load_state_dict
    Pytorch,
    /// The history of every pretrain and finetune stage, or of one, as DEST/STAGE/events.out.tfevents.…
    Tensorboard,
}

/// Two ways to say what goes where.
pub const USAGE: &str = "\
pipeline export [OPTIONS] <RECIPE> <STAGE> <NAME> <DEST>
       pipeline export [OPTIONS] --layout tensorboard <RECIPE> [STAGE] <DEST>";

impl ExportArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Export, Error> {
        let name = |place: &PathBuf| place.to_string_lossy().into_owned();
        let selection = self.experiment.validate()?;
        let (force, format) = (self.force, self.format);
        let histories = |stage, folder: &PathBuf, selection| {
            Ok(Export::Histories(TensorboardExport {
                selection,
                stage,
                folder: folder.clone(),
                force,
                format,
            }))
        };
        match (self.layout, self.places.as_slice()) {
            (Layout::Tensorboard, [folder]) => histories(None, folder, selection),
            (Layout::Tensorboard, [stage, folder]) => {
                histories(Some(name(stage)), folder, selection)
            }
            (Layout::Stored | Layout::Pytorch, [stage, artifact, target]) => {
                Ok(Export::Artifact(ArtifactExport {
                    selection,
                    stage: name(stage),
                    artifact: name(artifact),
                    target: target.clone(),
                    as_pytorch: self.layout == Layout::Pytorch,
                    force,
                    format,
                }))
            }
            (layout, places) => Err(wrong_places(layout, places.len())),
        }
    }
}

fn wrong_places(layout: Layout, given: usize) -> Error {
    let (wants, layout) = match layout {
        Layout::Tensorboard => ("[STAGE] DEST", " --layout tensorboard"),
        Layout::Stored | Layout::Pytorch => ("STAGE NAME DEST", ""),
    };
    let few = match given {
        1 => "one",
        2 => "two",
        _ => "three",
    };
    Error::Usage {
        message: format!("export{layout} takes {wants} behind the recipe, and {few} of them given"),
        hint: Some("`pipeline export --help` shows both usages".into()),
    }
}

/// [`ExportArguments`], validated.
pub enum Export {
    /// One artifact.
    Artifact(ArtifactExport),
    /// Histories for TensorBoard.
    Histories(TensorboardExport),
}

/// One artifact and where it goes.
pub struct ArtifactExport {
    selection: Selection,
    stage: String,
    artifact: String,
    target: PathBuf,
    as_pytorch: bool,
    force: bool,
    format: Format,
}

/// The document of `export --format json`.
#[derive(Debug, Serialize)]
struct ExportRecord {
    path: String,
    digest: String,
    bytes: u64,
    /// Tensors that hold no weights, in the reference's layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    placeholders: Option<Vec<String>>,
}

/// Writes what is asked for and prints where it went; that it is out of date is an error.
pub fn execute(export: Export, verbosity: Verbosity) -> Result<ExitCode, Error> {
    match export {
        Export::Artifact(export) => artifact(export, verbosity),
        Export::Histories(export) => export_tensorboard::execute(&export),
    }
}

fn artifact(export: ArtifactExport, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let (experiment, store) = export.selection.open()?;
    let options = export.selection.looking_at(vec![export.stage.clone()]);
    let surveyed = runner::survey(&experiment.nodes, &options, &store)?;
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
    let record = match export.as_pytorch {
        false => stored(&export, artifact, &experiment, &store)?,
        true => {
            require_weights(&experiment.nodes, &stage.planned.kind, &export)?;
            pytorch(&export, artifact, &experiment, &store, verbosity)?
        }
    };
    match export.format {
        Format::Human => stdout::print(&format!("{}\n", record.path))?,
        Format::Json => stdout::print_json(&record)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn stored(
    export: &ArtifactExport,
    artifact: &Artifact,
    experiment: &Experiment,
    store: &Store,
) -> Result<ExportRecord, Error> {
    let (name, target) = (&export.artifact, &export.target);
    let read = || experiment.files_read();
    let path = store.export(artifact, name, target, export.force, read)?;
    Ok(ExportRecord {
        path: path.display().to_string(),
        digest: artifact.digest.to_string(),
        bytes: artifact.bytes,
        placeholders: None,
    })
}

/// Refuses an artifact that is no weights, and names those of the recipe that are.
fn require_weights(nodes: &[Node], kind: &str, export: &ArtifactExport) -> Result<(), Error> {
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

/// Endings by which torch.load would be called, which reads no safetensors.
const OTHER_ENDINGS: [&str; 4] = ["pt", "pth", "ckpt", "bin"];

fn refuse_ending(target: &Path) -> Result<(), Error> {
    let ending = target.extension().unwrap_or_default().to_ascii_lowercase();
    if target.is_dir() || !OTHER_ENDINGS.iter().any(|other| ending == *other) {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!(
            "{}: ends as a file of torch.save, and safetensors are written",
            target.display()
        ),
        hint: Some(format!(
            "name it {}, and read it with safetensors.torch.load_file",
            target.with_extension("safetensors").display()
        )),
    })
}

fn pytorch(
    export: &ArtifactExport,
    artifact: &Artifact,
    experiment: &Experiment,
    store: &Store,
    verbosity: Verbosity,
) -> Result<ExportRecord, Error> {
    refuse_ending(&export.target)?;
    let file_name = format!("{}.safetensors", export.artifact);
    let destination = Destination::new(&export.target, &file_name, export.force)?;
    destination.refuse_any_of(|| experiment.files_read())?;
    let weights = pytorch_layout::convert(&store.verified_path(artifact)?)?;
    let path = destination.write(|file, path| {
        let written = file.write_all(&weights.bytes);
        written.map_err(|error| Error::file(path, error))
    })?;
    verbosity.note(&format!(
        "the file is for the reference's {}; {} of {} tensors are placeholders, which it has and never uses; to import the file here: ignore = {:?}",
        weights.model,
        weights.placeholders.len(),
        weights.tensors,
        weights.ignore()
    ));
    Ok(ExportRecord {
        path: path.display().to_string(),
        digest: Digest::of_bytes(&weights.bytes).to_string(),
        bytes: weights.bytes.len() as u64,
        placeholders: Some(weights.placeholders),
    })
}
