//! `pipeline bundle`: a folder with everything that a prediction needs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::arguments::{ExperimentArguments, Format, Selection};
use crate::commands::graph::drawing;
use crate::commands::outputs;
use crate::experiment::files_read;
use crate::terminal::stdout;
use pipeline_error::Error;
use pipeline_kinds::bundle::{BundleContents, BundledArtifacts, MadeBy, Provenance};
use pipeline_kinds::{self as kinds, pytorch_layout};
use pipeline_report::{Gathered, GatheredStage, StageResult, hub_card};
use pipeline_runner as runner;
use pipeline_stage::{Node, StageInput};
use pipeline_store::Store;

#[derive(Debug, Args)]
pub struct BundleArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// A predict stage, with its thresholds and correction, or a stage of weights
    #[arg(value_name = "STAGE")]
    stage: String,

    /// The folder to make
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The license of the weights, as the hub and SPDX call it: mit, apache-2.0, cc-by-4.0
    #[arg(long, value_name = "ID", value_parser = license)]
    license: Option<String>,

    /// Replace a bundle that is there already, if nothing else is in its folder and nobody has edited its README.md
    #[arg(long)]
    force: bool,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

fn license(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.+".contains(c);
    match !text.is_empty() && text.chars().all(fits) {
        true => Ok(text.to_string()),
        false => Err("an identifier has letters, digits, `-`, `.` and `+`".into()),
    }
}

impl BundleArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Bundling, Error> {
        Ok(Bundling {
            selection: self.experiment.validate()?,
            stage: self.stage,
            folder: self.folder,
            license: self.license,
            force: self.force,
            format: self.format,
        })
    }
}

/// [`BundleArguments`], validated.
pub struct Bundling {
    selection: Selection,
    stage: String,
    folder: PathBuf,
    license: Option<String>,
    force: bool,
    format: Format,
}

/// The document of `bundle --format json`.
#[derive(Debug, Serialize)]
struct MadeRecord {
    path: String,
    /// Its files.
    files: Vec<String>,
}

/// Makes the folder; that something is out of date is an error.
pub fn execute(bundling: &Bundling) -> Result<ExitCode, Error> {
    let selection = &bundling.selection;
    let (recipe, resolved) = kinds::resolve(&selection.recipe, &selection.overrides)?;
    let nodes = kinds::nodes_of(&recipe);
    let store = Store::open(&selection.store)?;
    let behind = behind(bundling, &nodes, &store)?;
    let folder = selection.recipe.parent().unwrap_or(Path::new(""));
    let gathered = Gathered::read(
        (resolved, folder.to_path_buf()),
        drawing(&recipe, &nodes)?,
        &nodes,
        &selection.looking_at(vec![]),
        &store,
    )?;
    let parts = Parts {
        gathered: &gathered,
        store: &store,
    };
    let contents = BundleContents {
        artifacts: parts.of(node(&nodes, &bundling.stage)?)?,
        card: hub_card(&gathered, bundling.license.as_deref()),
        provenance: provenance(bundling, &gathered, &behind),
    };
    let read = || files_read(&recipe.files, &nodes);
    let manifest = contents.write(&bundling.folder, bundling.force, read)?;
    let record = MadeRecord {
        path: bundling.folder.display().to_string(),
        files: manifest.files.into_keys().collect(),
    };
    match bundling.format {
        Format::Human => stdout::print(&format!("{}\n", record.path))?,
        Format::Json => stdout::print_json(&record)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The stages that the bundled one comes from, and itself: all of them up to date.
fn behind(bundling: &Bundling, nodes: &[Node], store: &Store) -> Result<Vec<String>, Error> {
    let stage = bundling.stage.as_str();
    let options = bundling.selection.looking_at(vec![stage.to_string()]);
    let surveyed = runner::survey(nodes, &options, store)?;
    match surveyed.iter().all(|stage| stage.outcome.is_some()) {
        true => Ok(surveyed
            .into_iter()
            .map(|stage| stage.planned.name)
            .collect()),
        false => Err(outputs::out_of_date(
            std::iter::once(stage),
            &bundling.selection,
            Some(stage),
        )),
    }
}

fn node<'a>(nodes: &'a [Node], name: &str) -> Result<&'a Node, Error> {
    let found = nodes.iter().find(|node| node.name == name);
    found.ok_or_else(|| Error::stage(format!("{name}: was not planned")))
}

fn provenance(bundling: &Bundling, gathered: &Gathered, behind: &[String]) -> Provenance {
    let made_by = |(_, stage, result): (usize, &GatheredStage, &StageResult)| MadeBy {
        name: stage.name.clone(),
        kind: stage.kind.clone(),
        key: result.action.key.to_string(),
        run: result.run.clone(),
    };
    let stages = gathered.results();
    let stages = stages.filter(|(_, stage, _)| behind.contains(&stage.name));
    Provenance {
        recipe: gathered.recipe.clone(),
        stage: bundling.stage.clone(),
        license: bundling.license.clone(),
        stages: stages.map(made_by).collect(),
    }
}

/// The artifacts that go into a bundle.
struct Parts<'a> {
    gathered: &'a Gathered,
    store: &'a Store,
}

impl Parts<'_> {
    /// Those of a predict stage, or of weights alone.
    fn of(&self, node: &Node) -> Result<BundledArtifacts, Error> {
        let kind = node.stage.kind();
        match (kind, pytorch_layout::weights_of(kind)) {
            ("predict", _) => self.of_predictions(node),
            (_, Some("weights")) => Ok(BundledArtifacts {
                models: vec![self.path(&node.name, "weights")?],
                variables: None,
                calibration: None,
            }),
            _ => Err(Error::Usage {
                message: format!(
                    "`{}` is a stage of kind {kind}, and a bundle is made of a predict stage, or of an import, freeze or finetune stage",
                    node.name
                ),
                hint: Some("a predict stage says which models predict, and how".into()),
            }),
        }
    }

    fn of_predictions(&self, node: &Node) -> Result<BundledArtifacts, Error> {
        let inputs = node.stage.inputs();
        let reads = |input: &StageInput, name: &str| input.artifacts.iter().any(|it| it == name);
        let models = inputs.iter().filter(|input| reads(input, "weights"));
        let models = models.map(|input| self.path(&input.stage, "weights"));
        let data = inputs.iter().find(|input| input.role == "data");
        let variables = data.map(|input| self.path(&input.stage, "variables"));
        Ok(BundledArtifacts {
            models: models.collect::<Result<_, _>>()?,
            variables: variables.transpose()?,
            calibration: Some(self.path(&node.name, kinds::predict::CALIBRATION)?),
        })
    }

    /// Where an artifact lies, after a look at all of its bytes.
    fn path(&self, stage: &str, artifact: &str) -> Result<PathBuf, Error> {
        let mut results = self.gathered.results();
        let found = results.find(|(_, made, _)| made.name == stage);
        let found = found.and_then(|(_, _, result)| result.action.outputs.get(artifact));
        let found = found.ok_or_else(|| Error::stage(format!("{stage}: has no `{artifact}`")))?;
        self.store.verified_path(found)
    }
}
