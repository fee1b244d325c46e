//! `pipeline inspect`: what is in a checkpoint, and what an import of it would say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::arguments::Format;
use crate::display::{bundle, inspection};
use crate::records::bundle::BundleRecord;
use crate::records::inspection::{ImportRecord, InspectRecord};
use crate::terminal::diagnostic;
use crate::terminal::stdout;
use crate::terminal::style::Style;
use pipeline_checkpoint::{self as checkpoint, Checkpoint};
use pipeline_data::contract::InputContract;
use pipeline_error::Error;
use pipeline_kinds as kinds;
use pipeline_kinds::bundle::{Bundle, is_bundle};
use pipeline_kinds::rehearsal::Rehearsal;
use pipeline_recipe::Override;

/// The exit code of what is wrong with a file, not with the command line.
const AUDIT: u8 = 4;

#[derive(Debug, Args)]
pub struct InspectArguments {
    /// The checkpoint: .safetensors, its .index.json, or .ckpt, .pt, .pth or .bin of torch.save; or a
    /// bundle, a folder
    file: PathBuf,

    /// Say how each import stage of this recipe would judge the file; exit with 4 if one would refuse it. A recipe
    /// without import stages tries both of its models without rules, and exits with 4 if neither fits
    #[arg(long = "for", value_name = "RECIPE")]
    recipe: Option<PathBuf>,

    /// Only this import stage of the recipe
    #[arg(long, value_name = "NAME", requires = "recipe")]
    stage: Option<String>,

    /// Set a value of the recipe, e.g. model.latent_dim=64; repeatable
    #[arg(long, value_name = "PATH=VALUE", requires = "recipe")]
    set: Vec<Override>,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Shows what is in the file. A refused file, and one that a recipe's imports would refuse, has
/// exit code 4.
pub fn execute(arguments: &InspectArguments) -> Result<ExitCode, Error> {
    if is_bundle(&arguments.file) {
        return inspect_bundle(arguments);
    }
    let rehearsals = match &arguments.recipe {
        Some(recipe) => {
            let recipe = kinds::load(recipe, &arguments.set)?;
            Some(Rehearsal::of_recipe(&recipe, arguments.stage.as_deref())?)
        }
        None => None,
    };
    let path = &arguments.file;
    let checkpoint = match read(path) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return refuse(arguments, &error),
    };
    let (imports, errors) = match &rehearsals {
        Some(rehearsals) => {
            let tried = rehearsals
                .iter()
                .map(|one| rehearse(one, path, &checkpoint));
            let (records, errors): (Vec<_>, Vec<_>) = tried.unzip();
            (Some(records), errors)
        }
        None => (None, vec![]),
    };
    let inputs = match kinds::contract_of(&checkpoint) {
        Ok(inputs) => inputs,
        Err(error) => return refuse(arguments, &error),
    };
    let record = describe(path, &checkpoint, inputs, imports);
    match arguments.format {
        Format::Json => stdout::print_json(&record)?,
        Format::Human => stdout::print(&inspection::render(&record, Style::stdout()))?,
    }
    if fits(record.imports.as_deref().unwrap_or_default()) {
        return Ok(ExitCode::SUCCESS);
    }
    for error in errors.iter().flatten() {
        diagnostic::eprint(error, Style::stderr());
    }
    Ok(ExitCode::from(REFUSED))
}

/// Shows a bundle; one that is damaged, or newer than this program, has exit code 4.
fn inspect_bundle(arguments: &InspectArguments) -> Result<ExitCode, Error> {
    if arguments.recipe.is_some() {
        return Err(Error::Usage {
            message: format!(
                "{}: is a bundle, and --for is for checkpoints",
                arguments.file.display()
            ),
            hint: Some("name a file of weights in it".into()),
        });
    }
    let folder = arguments.file.display().to_string();
    let record = BundleRecord::of(folder, Bundle::open(&arguments.file)?);
    match arguments.format {
        Format::Json => stdout::print_json(&record)?,
        Format::Human => stdout::print(&bundle::render(&record, Style::stdout()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The exit code of a weight import that failed its audit.
const REFUSED: u8 = 4;

/// Every import stage of a recipe must take the file; of its models without rules, one.
fn fits(imports: &[ImportRecord]) -> bool {
    let takes = |import: &ImportRecord| import.error.is_none();
    match imports.iter().any(|import| import.stage.is_none()) {
        true => imports.iter().any(takes),
        false => imports.iter().all(takes),
    }
}

/// That there is no such file is a mistake on the command line; what is in it is not.
fn read(path: &Path) -> Result<Checkpoint, Error> {
    let unreadable = |message: String, hint| Error::Usage { message, hint };
    fs::metadata(path).map_err(|error| unreadable(format!("{}: {error}", path.display()), None))?;
    checkpoint::read(path).map_err(|error| match error {
        Error::Stage { message, hint } => unreadable(message, hint),
        other => other,
    })
}

/// The exit code of `error`, told in the document too if the file was found.
fn refuse(arguments: &InspectArguments, error: &Error) -> Result<ExitCode, Error> {
    diagnostic::eprint(error, Style::stderr());
    let is_of_the_file = error.exit_code() == AUDIT;
    if arguments.format == Format::Json && is_of_the_file {
        stdout::print_json(&InspectRecord {
            file: arguments.file.display().to_string(),
            container: checkpoint::container(&arguments.file),
            tensors: vec![],
            notes: vec![],
            never_trained: None,
            inputs: None,
            error: Some(error.to_string()),
            hint: error.hint().map(Into::into),
            imports: None,
        })?;
    }
    Ok(ExitCode::from(error.exit_code()))
}

fn describe(
    path: &Path,
    checkpoint: &Checkpoint,
    inputs: Option<InputContract>,
    imports: Option<Vec<ImportRecord>>,
) -> InspectRecord {
    let summary = checkpoint::summarise(checkpoint);
    InspectRecord {
        file: path.display().to_string(),
        container: Some(summary.container),
        tensors: summary.tensors,
        notes: summary.notes,
        never_trained: summary.never_trained,
        inputs,
        error: None,
        hint: None,
        imports,
    }
}

/// What an import would say, and, if it would fail, the error to be shown.
fn rehearse(
    rehearsal: &Rehearsal,
    path: &Path,
    checkpoint: &Checkpoint,
) -> (ImportRecord, Option<Error>) {
    let pin = rehearsal.check_file(path).err();
    let notes = pin.iter().map(Error::to_string).collect();
    let (audit, refused) = match rehearsal.audit(checkpoint) {
        Ok(audit) => (Some(audit), None),
        Err(error) => (None, Some(error)),
    };
    let error = refused.or(pin);
    let record = ImportRecord {
        stage: rehearsal.stage.clone(),
        into: rehearsal.into(),
        notes,
        audit,
        error: error.as_ref().map(Error::to_string),
        hint: error.as_ref().and_then(Error::hint).map(Into::into),
    };
    let shown = error.map(|error| {
        let shown = Error::Audit {
            message: format!("{}: {error}", inspection::title(&record)),
            hint: record.hint.clone(),
        };
        match error.code() {
            Some(code) => shown.coded(code),
            None => shown,
        }
    });
    (record, shown)
}
