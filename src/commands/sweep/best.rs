//! `pipeline sweep best`: the best variant, and its recipe.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::arguments::{ExperimentArguments, Format, Selection};
use crate::commands::sweep::batch::Batch;
use crate::commands::sweep::ladder::{self, Climbed};
use crate::experiment::files_read;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{page, stdout};
use pipeline_error::Error;
use pipeline_kinds::SweepRecipe;
use pipeline_page::number;
use pipeline_recipe::{Point, nearest};
use pipeline_runner::sweep::record::{SettingRecord, ShowRecord, VariantRecord};
use pipeline_stage::Node;
use pipeline_store::Store;

#[derive(Debug, Args)]
pub struct BestArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// Write the variant's recipe to this file; it runs unchanged, and finds its results in the store
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,

    /// Replace the file if it is there
    #[arg(long, requires = "write")]
    force: bool,

    /// This variant instead of the best
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl BestArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Best, Error> {
        Ok(Best {
            selection: self.experiment.validate()?,
            write: self.write,
            force: self.force,
            variant: self.variant,
            format: self.format,
        })
    }
}

/// [`BestArguments`], validated.
pub struct Best {
    selection: Selection,
    write: Option<PathBuf>,
    force: bool,
    variant: Option<String>,
    format: Format,
}

/// The document of `sweep best --format json`.
#[derive(Serialize)]
struct BestRecord<'a> {
    recipe: &'a str,
    variant: &'a VariantRecord,
    setting: Option<&'a SettingRecord>,
    written: Option<String>,
}

/// Chooses, writes the recipe, and says which it is; nothing is executed.
pub fn execute(best: Best, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let sweep = SweepRecipe::open(&best.selection.recipe, &best.selection.overrides)?;
    let store = Store::open(&best.selection.store)?;
    let mut reason = None;
    let mut nodes = Vec::new();
    let stored = |batch: Batch| {
        let surveyed = batch.survey(&best.selection, &store)?;
        let show = batch.known(&surveyed, &store)?;
        reason = reason.take().or(batch.undefined(&surveyed, &store));
        nodes.extend(batch.nodes);
        Ok((show, true))
    };
    let Climbed { show, points } = ladder::climb(&sweep, stored)?;
    let variant = chosen(&show, best.variant.as_deref(), reason.as_deref())?;
    let setting = show.settings.iter().find(|one| one.name == variant.setting);
    if let Some(path) = &best.write {
        let to = (path.as_path(), best.force);
        write(&sweep, &points, variant, setting, to, &nodes)?;
    }
    if show.settings.iter().any(|one| !one.is_complete()) {
        verbosity.note("not every variant has the objective yet: a better one may be among them");
    }
    match best.format {
        Format::Json => stdout::print_json(&BestRecord {
            recipe: &show.recipe,
            variant,
            setting,
            written: best.write.map(|path| path.display().to_string()),
        })?,
        Format::Human => stdout::print(&text(&show, variant, setting, best.write.as_deref()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The variant of this name; or the first of the best setting: its seed is one of several, and
/// the best of them would only be the luckiest.
///
/// `undefined`: why the objective is undefined in some variant, if that is known.
fn chosen<'a>(
    show: &'a ShowRecord,
    name: Option<&str>,
    undefined: Option<&str>,
) -> Result<&'a VariantRecord, Error> {
    if let Some(name) = name {
        let names = || show.variants.iter().map(|one| one.name.as_str());
        let found = show.variants.iter().find(|one| one.name == name);
        return found.ok_or_else(|| Error::Usage {
            message: format!("there is no variant `{name}`"),
            hint: Some(match nearest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`pipeline sweep plan --format json` lists them".into(),
            }),
        });
    }
    let best = show.settings.first().filter(|one| one.is_complete());
    let variant = best.and_then(|best| show.variants.iter().find(|one| one.setting == best.name));
    variant.ok_or_else(|| match show.cannot_be_ranked() {
        Some(problem) => {
            let reason = undefined.map_or(String::new(), |reason| format!(" ({reason})"));
            Error::stage(problem + &reason).with_hint(
                "state another metric in `sweep.objective`, or look at what that stage scores; `--variant NAME` takes a \
                 variant all the same",
            )
        }
        None => Error::OutOfDate {
            message:
                "no setting has the objective of all its variants yet; `pipeline sweep` runs them"
                    .into(),
        },
    })
}

fn write(
    sweep: &SweepRecipe,
    points: &[Point],
    variant: &VariantRecord,
    setting: Option<&SettingRecord>,
    (path, force): (&Path, bool),
    nodes: &[Node],
) -> Result<(), Error> {
    let failed = |what: String| Error::Usage {
        message: format!("{}: cannot be written: {what}", path.display()),
        hint: None,
    };
    let point = points.iter().find(|point| point.name == variant.name);
    let point = point.ok_or_else(|| failed(format!("there is no variant `{}`", variant.name)))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let resolved = sweep.resolve(point)?.stated_in(folder);
    let resolved = resolved.map_err(|error| failed(error.to_string()))?;
    let recipe = sweep.path.display();
    let objective = setting.map_or(String::new(), |setting| objective(sweep, setting));
    let text = format!(
        "# Written by `pipeline sweep best {recipe}`: the variant {}.{objective}\n{resolved}",
        variant.name
    );
    let read = || files_read(sweep.files(), nodes);
    page::replace(path, force, read, text.as_bytes()).map(|_| ())
}

fn objective(sweep: &SweepRecipe, setting: &SettingRecord) -> String {
    let Some(summary) = setting.objective else {
        return String::new();
    };
    let objective = &sweep.config.objective;
    format!(
        "\n# {} of `{}` over {} variants of this setting: {}",
        objective.metric,
        objective.stage,
        summary.n,
        number::float(summary.mean)
    )
}

fn text(
    show: &ShowRecord,
    variant: &VariantRecord,
    setting: Option<&SettingRecord>,
    written: Option<&Path>,
) -> String {
    let mut text = format!("{}\n", variant.name);
    for (path, value) in &variant.overrides {
        text += &format!("  {path} = {value}\n");
    }
    let objective = &show.objective;
    if let Some(summary) = setting.and_then(|setting| setting.objective) {
        let spread = summary
            .std
            .map_or(String::new(), |std| format!(" ± {}", number::float(std)));
        text += &format!(
            "{} {}: {}{spread}\n",
            objective.stage,
            objective.metric,
            number::float(summary.mean)
        );
    }
    if let Some(path) = written {
        text += &format!("written to {}\n", path.display());
    }
    text
}
