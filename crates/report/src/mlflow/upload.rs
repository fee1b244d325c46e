//! One run, from the experiment to its last artifact.

use serde_json::{Value, json};

use super::client::Client;
use super::payload::Payload;
use pipeline_error::Error;

/// The tag by which a run is found again.
const RUN_TAG: &str = "pipeline.run";
/// The scheme of artifacts that the server itself takes.
const PROXY: &str = "mlflow-artifacts:";

/// A file of a run.
pub struct ArtifactFile {
    /// Its place below the run's artifacts (`test/metrics.json`).
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The experiment's id on the server.
    pub experiment_id: String,
    /// The run's id on the server.
    pub run_id: String,
    /// Whether anything was sent: false where the run had been there, whole.
    pub sent: bool,
    /// Where the server keeps artifacts, if that is a place it does not take them for.
    pub unreachable_artifacts: Option<String>,
}

/// A run as the server has it.
struct Place {
    run_id: String,
    artifact_uri: String,
    ended: bool,
}

/// What is sent.
pub struct Upload<'a> {
    /// The experiment's name; made if there is none.
    pub experiment: &'a str,
    /// The run's id here.
    pub run: &'a str,
    /// Settings, numbers and facts.
    pub payload: &'a Payload,
    /// Files.
    pub files: Vec<ArtifactFile>,
    /// When the run began, in milliseconds since 1970.
    pub started: i64,
    /// When it ended.
    pub ended: i64,
    /// How it ended: `FINISHED`, `FAILED` or `KILLED`.
    pub status: &'a str,
    /// Whether a new run is made though there is one of this id.
    pub force: bool,
}

/// Sends a run, unless the experiment has it; what was broken off goes on.
pub fn upload(client: &Client, upload: Upload) -> Result<Uploaded, Error> {
    let experiment_id = experiment_id(client, upload.experiment)?;
    let there = match upload.force {
        true => None,
        false => find(client, &experiment_id, upload.run)?,
    };
    let place = match there {
        Some(place) if place.ended => {
            return Ok(Uploaded {
                experiment_id,
                run_id: place.run_id,
                sent: false,
                unreachable_artifacts: None,
            });
        }
        Some(place) => place,
        None => create(client, &experiment_id, upload.run, upload.started)?,
    };
    for mut batch in upload.payload.batches(upload.started) {
        batch["run_id"] = json!(place.run_id);
        client.post("runs/log-batch", &batch)?;
    }
    let folder = place.artifact_uri.strip_prefix(PROXY).map(below_root);
    if let Some(folder) = folder {
        for file in upload.files {
            client.put_artifact(&format!("{folder}/{}", file.path), &file.bytes)?;
        }
    }
    let (status, ended) = (upload.status, upload.ended);
    let update = json!({ "run_id": place.run_id, "status": status, "end_time": ended });
    client.post("runs/update", &update)?;
    Ok(Uploaded {
        experiment_id,
        run_id: place.run_id,
        sent: true,
        unreachable_artifacts: folder.is_none().then_some(place.artifact_uri),
    })
}

/// `/1/RUN/artifacts` or `//host/1/RUN/artifacts` as `1/RUN/artifacts`.
fn below_root(uri: &str) -> &str {
    match uri.strip_prefix("//") {
        Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
        None => uri.trim_start_matches('/'),
    }
}

fn experiment_id(client: &Client, name: &str) -> Result<String, Error> {
    let found = client.find("experiments/get-by-name", "experiment_name", name)?;
    let Some(found) = found else {
        let made = client.post("experiments/create", &json!({ "name": name }))?;
        return text(&made["experiment_id"], "an experiment without an id");
    };
    let experiment = &found["experiment"];
    if experiment["lifecycle_stage"] == "deleted" {
        let message = format!("the experiment `{name}` was deleted on {}", client.url());
        return Err(
            Error::stage(message).with_hint("restore it there, or give another --experiment")
        );
    }
    text(&experiment["experiment_id"], "an experiment without an id")
}

/// The run of this id; one that ended, rather than one that was broken off.
fn find(client: &Client, experiment_id: &str, run: &str) -> Result<Option<Place>, Error> {
    let question = json!({
        "experiment_ids": [experiment_id],
        "filter": format!("tags.`{RUN_TAG}` = '{run}'"),
        "max_results": 100,
    });
    let answer = client.post("runs/search", &question)?;
    let runs = answer["runs"].as_array().into_iter().flatten();
    let mut places: Vec<Place> = runs.map(place).collect::<Result<_, Error>>()?;
    places.sort_by_key(|place| !place.ended);
    Ok(places.into_iter().next())
}

fn create(client: &Client, experiment_id: &str, run: &str, started: i64) -> Result<Place, Error> {
    let request = json!({
        "experiment_id": experiment_id,
        "run_name": run,
        "start_time": started,
        "tags": [{ "key": RUN_TAG, "value": run }],
    });
    place(&client.post("runs/create", &request)?["run"])
}

fn place(run: &Value) -> Result<Place, Error> {
    let info = &run["info"];
    Ok(Place {
        run_id: text(&info["run_id"], "a run without an id")?,
        artifact_uri: text(&info["artifact_uri"], "a run without a place for artifacts")?,
        ended: info["status"] != "RUNNING" && info["status"] != "SCHEDULED",
    })
}

fn text(value: &Value, problem: &str) -> Result<String, Error> {
    let text = value.as_str().map(str::to_string);
    text.ok_or_else(|| Error::stage(format!("the tracking server answered with {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxied_place_is_told_with_and_without_a_host() {
        assert_eq!(below_root("/1/abc/artifacts"), "1/abc/artifacts");
        assert_eq!(below_root("//host:5000/1/abc/artifacts"), "1/abc/artifacts");
    }
}
