//! `pipeline mlflow`: a run of the past in an MLflow tracking server.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::Format;
use crate::commands::runs::SharedArguments;
use crate::terminal::stdout;
use crate::terminal::verbosity::Verbosity;
use pipeline_error::Error;
use pipeline_report::mlflow::{
    ArtifactFile, Client, Credentials, MetricPoint, Payload, Upload, Uploaded, flatten, upload,
};
use pipeline_runner::history::{self, PastRunRecord, PastStatus};
use pipeline_runner::record::{OutputRecord, StageRecord};
use pipeline_store::Store;
use pipeline_store::digest::Digest;
use pipeline_train::history::History;

/// Artifacts that hold no row of a patient and no weights, and the endings of their files.
const REPORTS: [(&str, &str); 6] = [
    ("audit", "json"),
    ("curves", "json"),
    ("diagnosis", "json"),
    ("history", "parquet"),
    ("metrics", "json"),
    ("profile", "json"),
];
/// All others of stages that are no programs.
const OTHERS: [(&str, &str); 8] = [
    ("checkpoint", "safetensors"),
    ("events", "parquet"),
    ("features", "parquet"),
    ("meds_predictions", "parquet"),
    ("predictions", "parquet"),
    ("stays", "parquet"),
    ("variables", "parquet"),
    ("weights", "safetensors"),
];

#[derive(Debug, Args)]
pub struct MlflowArguments {
    /// The run's id, or a unique beginning of it [default: the latest run]
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// The tracking server
    #[arg(
        long,
        value_name = "URL",
        env = "MLFLOW_TRACKING_URI",
        default_value = "http://127.0.0.1:5000"
    )]
    url: String,

    /// The experiment that gets the run; made if it does not exist [default: the recipe's name]
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,

    /// Which artifacts are sent beside the recipe
    #[arg(long, value_enum, default_value_t = Sent::Reports)]
    artifacts: Sent,

    /// Make a new run, even if the experiment has one with this id
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    shared: SharedArguments,
}

/// Which artifacts are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sent {
    /// Audits, metrics, curves, diagnoses, profiles and histories: no row of a patient, no weights
    Reports,
    /// Every artifact, also events, features, predictions and weights
    All,
    /// None
    None,
}

/// The document of `mlflow --format json`.
#[derive(Serialize)]
struct MlflowRecord<'a> {
    run: &'a str,
    experiment: &'a str,
    experiment_id: &'a str,
    mlflow_run_id: &'a str,
    url: String,
    /// Whether anything was sent: false where the run had been there.
    sent: bool,
    params: usize,
    metrics: usize,
    artifacts: usize,
}

/// Sends a run and prints where it can be looked at.
pub fn execute(arguments: &MlflowArguments, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let store = arguments.shared.store.open()?;
    let record = history::show(&store, &id(&store, arguments.run.as_deref())?)?;
    let client = Client::new(&arguments.url, &credentials())?;
    let status = match record.run.status {
        PastStatus::Done => "FINISHED",
        PastStatus::Failed => "FAILED",
        PastStatus::Interrupted => "KILLED",
        PastStatus::Unfinished => return Err(unfinished(&record)),
    };
    let (files, gone) = files(&store, &record, arguments.artifacts)?;
    for name in gone {
        verbosity.note(&format!("{name} is gone from the store and is not sent"));
    }
    let payload = Payload {
        params: record.resolved.as_ref().map(params).unwrap_or_default(),
        metrics: metrics(&store, &record)?,
        tags: tags(&record),
    };
    let started = record.run.started.as_millisecond();
    let experiment = arguments.experiment.as_deref();
    let experiment = experiment.or(record.run.recipe.as_deref());
    let experiment = experiment.unwrap_or("pipeline");
    let counts = (payload.params.len(), payload.metrics.len(), files.len());
    let uploaded = upload(
        &client,
        Upload {
            experiment,
            run: &record.run.run,
            payload: &payload,
            files,
            started,
            ended: started + (record.run.seconds.unwrap_or_default() * 1e3) as i64,
            status,
            force: arguments.force,
        },
    )?;
    tell(&uploaded, verbosity);
    let url = format!(
        "{}/#/experiments/{}/runs/{}",
        client.url(),
        uploaded.experiment_id,
        uploaded.run_id
    );
    match arguments.shared.format {
        Format::Human => stdout::print(&format!("{url}\n"))?,
        Format::Json => stdout::print_json(&MlflowRecord {
            run: &record.run.run,
            experiment,
            experiment_id: &uploaded.experiment_id,
            mlflow_run_id: &uploaded.run_id,
            url,
            sent: uploaded.sent,
            params: counts.0,
            metrics: counts.1,
            artifacts: match uploaded.unreachable_artifacts {
                None => counts.2,
                Some(_) => 0,
            },
        })?,
    }
    Ok(ExitCode::SUCCESS)
}

fn id(store: &Store, given: Option<&str>) -> Result<String, Error> {
    if let Some(given) = given {
        return Ok(given.into());
    }
    let latest = history::list(store, Some(1))?
        .into_iter()
        .next()
        .map(|(run, _)| run);
    latest.map(|run| run.run).ok_or_else(|| Error::Usage {
        message: "there are no runs in this store".into(),
        hint: Some("name another with --store".into()),
    })
}

fn credentials() -> Credentials {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(token) = variable("MLFLOW_TRACKING_TOKEN") {
        return Credentials::Bearer(token);
    }
    match variable("MLFLOW_TRACKING_USERNAME") {
        Some(user) => Credentials::Basic {
            user,
            password: variable("MLFLOW_TRACKING_PASSWORD").unwrap_or_default(),
        },
        None => Credentials::None,
    }
}

fn unfinished(record: &PastRunRecord) -> Error {
    Error::Usage {
        message: format!("run {} goes on, or was killed", record.run.run),
        hint: Some("`pipeline runs` lists the runs that ended".into()),
    }
}

fn tell(uploaded: &Uploaded, verbosity: Verbosity) {
    if !uploaded.sent {
        verbosity.note("the experiment has this run already; --force makes another one");
    }
    if let Some(place) = &uploaded.unreachable_artifacts {
        verbosity.note(&format!(
            "no artifact was sent: the server keeps them at {place} and does not take them itself (`mlflow server --serve-artifacts` does)"
        ));
    }
}

/// The resolved recipe, without its place on this machine.
fn params(resolved: &Value) -> Vec<(String, String)> {
    let mut resolved = resolved.clone();
    if let Some(table) = resolved.as_object_mut() {
        table.remove("path");
        table.remove("set");
    }
    flatten("", &resolved)
}

/// Metrics of stages as `STAGE/METRIC`, histories as `STAGE/epochs/COLUMN`.
fn metrics(store: &Store, record: &PastRunRecord) -> Result<Vec<MetricPoint>, Error> {
    let mut points = Vec::new();
    for stage in &record.stages {
        for (name, value) in &stage.metrics {
            if let Some(value) = value.as_f64() {
                let key = format!("{}/{name}", stage.name);
                points.push(MetricPoint {
                    key,
                    value,
                    step: 0,
                });
            }
        }
        let history = stage.outputs.get("history").filter(|_| is_trained(stage));
        let history = history.map(|output| place(store, output));
        if let Some(path) = history.filter(|path| path.is_file()) {
            points.extend(epochs(&stage.name, &History::read_parquet(&path)?));
        }
    }
    Ok(points)
}

fn is_trained(stage: &StageRecord) -> bool {
    ["pretrain", "finetune"].contains(&stage.kind.as_str())
}

fn epochs(stage: &str, history: &History) -> Vec<MetricPoint> {
    let epochs = history.column("epoch");
    let columns = history.columns().into_iter().filter(|name| name != "epoch");
    columns
        .flat_map(|name| {
            let values = history.column(&name).into_iter().enumerate();
            let points = values.filter_map(|(row, value)| {
                let epoch = epochs.get(row).copied().flatten();
                Some(MetricPoint {
                    key: format!("{stage}/epochs/{name}"),
                    value: value.filter(|value| value.is_finite())?,
                    step: epoch.map_or(row as i64 + 1, |epoch| epoch as i64),
                })
            });
            points.collect::<Vec<_>>()
        })
        .collect()
}

fn tags(record: &PastRunRecord) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    let mut tag = |name: String, value: &str| tags.push((format!("pipeline.{name}"), value.into()));
    if let Some(recipe) = &record.run.recipe {
        tag("recipe".into(), recipe);
    }
    if let Some(environment) = &record.environment {
        tag("version".into(), &environment.versions.pipeline);
        tag("rustc".into(), &environment.versions.rustc);
        tag("target".into(), &environment.versions.target);
        tag("device".into(), &environment.device);
    }
    for stage in &record.stages {
        let name = &stage.name;
        if let Some(key) = &stage.key {
            tag(format!("key.{name}"), key);
        }
        for (artifact, output) in &stage.outputs {
            tag(format!("digest.{name}.{artifact}"), &output.digest);
        }
    }
    tags
}

/// What is sent, and the artifacts that should be and are gone.
fn files(
    store: &Store,
    record: &PastRunRecord,
    sent: Sent,
) -> Result<(Vec<ArtifactFile>, Vec<String>), Error> {
    let (mut files, mut gone) = (Vec::new(), Vec::new());
    let folder = store.runs_folder().join(&record.run.run);
    for name in ["recipe.toml", "resolved.json", "environment.json"] {
        if let Ok(bytes) = std::fs::read(folder.join(name)) {
            files.push(ArtifactFile {
                path: name.into(),
                bytes,
            });
        }
    }
    for stage in &record.stages {
        for (name, output) in &stage.outputs {
            let Some(file_name) = file_name(stage, name, sent) else {
                continue;
            };
            match read(store, output)? {
                Some(bytes) => files.push(ArtifactFile {
                    path: format!("{}/{file_name}", stage.name),
                    bytes,
                }),
                None => gone.push(format!("{} {name}", stage.name)),
            }
        }
    }
    Ok((files, gone))
}

/// What an artifact is called on the server; none if it is not sent.
fn file_name(stage: &StageRecord, artifact: &str, sent: Sent) -> Option<String> {
    let is_program = stage.kind == "command";
    let known = |list: &[(&str, &str)]| {
        let found = list
            .iter()
            .find(|(name, _)| *name == artifact && !is_program);
        found.map(|(name, ending)| format!("{name}.{ending}"))
    };
    match sent {
        Sent::None => None,
        Sent::Reports => known(&REPORTS),
        Sent::All => known(&REPORTS)
            .or_else(|| known(&OTHERS))
            .or_else(|| Some(artifact.into())),
    }
}

/// Where an artifact lies, also if the store was moved since.
fn place(store: &Store, output: &OutputRecord) -> PathBuf {
    let digest = output.digest.parse::<Digest>();
    digest.map_or_else(|_| output.path.clone(), |digest| store.blob_path(&digest))
}

/// The bytes of an artifact, which must be those that were recorded; none if it is gone.
fn read(store: &Store, output: &OutputRecord) -> Result<Option<Vec<u8>>, Error> {
    let path = place(store, output);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file(&path, error)),
    };
    match Digest::of_bytes(&bytes).to_string() == output.digest {
        true => Ok(Some(bytes)),
        false => Err(Error::Store {
            message: format!("{}: its bytes are not those of its digest", path.display()),
            hint: Some("`pipeline cache verify` moves damaged files aside".into()),
        }),
    }
}
