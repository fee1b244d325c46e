//! `cluster.toml`: how jobs are submitted here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use pipeline_error::Error;
use pipeline_recipe::tree::{Node, Value};
use pipeline_recipe::{self as recipe, Compared, Experiment, Mistake};

/// A cluster with Slurm, as `pipeline submit` uses it.
///
/// Editors find this schema by a first line `#:schema PATH/cluster.schema.json` in the document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "cluster")]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Version of the format of this document: 1.
    #[schemars(schema_with = "format_version")]
    pub(crate) format: u64,
    /// Documents this one extends, relative to this file: merged in order, tables deep, arrays replaced, this file last.
    #[serde(default, skip_serializing)]
    #[allow(dead_code, reason = "the loader has followed them")]
    pub(crate) extends: Vec<String>,
    /// Values for `${vars.NAME}`; they may use `${env:NAME}`, `${env:NAME:-default}` and each other.
    #[serde(default, skip_serializing)]
    #[allow(dead_code, reason = "the loader has put them in")]
    pub(crate) vars: BTreeMap<String, Json>,
    /// The partition of the jobs; left out: the cluster's default.
    #[serde(default)]
    pub partition: Option<Word>,
    /// The account that is charged.
    #[serde(default)]
    pub account: Option<Word>,
    /// The quality of service.
    #[serde(default)]
    pub qos: Option<Word>,
    /// Features of the nodes. Nodes of one kind of processor give the same bits.
    #[serde(default)]
    pub constraint: Option<Word>,
    /// An image of Apptainer in which `pipeline` is on the `PATH`; left out: this program itself runs on the nodes.
    #[serde(default)]
    pub container: Option<String>,
    /// Modules that are loaded first.
    #[serde(default)]
    pub modules: Vec<Word>,
    /// Lines of the shell that a job begins with, after the modules.
    #[serde(default)]
    pub prelude: String,
    /// How many tasks of a run may be queued or running at the same time; a small job submits the rest. Left out: all.
    #[serde(default)]
    #[schemars(range(min = 2))]
    pub max_queued: Option<u32>,
    /// How many tasks an array may have: at most the cluster's `MaxArraySize` less one.
    #[serde(default = "Cluster::default_max_array")]
    #[schemars(range(min = 1))]
    pub max_array: u32,
    /// How long a task of short stages is to take: as many of a sweep are packed into one.
    #[serde(default = "Cluster::default_pack_seconds")]
    #[schemars(range(min = 1, max = 86_400))]
    pub pack_seconds: u32,
    /// How long before its end a job is told to write down where it stands.
    #[serde(default = "Cluster::default_warn_seconds")]
    #[schemars(range(min = 1, max = 65_535))]
    pub warn_seconds: u32,
    /// How often the queue is asked for the states of jobs.
    #[serde(default = "Cluster::default_poll_seconds")]
    #[schemars(range(min = 1, max = 3600))]
    pub poll_seconds: u32,
    /// More options of `sbatch`, e.g. `["--exclusive"]`.
    #[serde(default)]
    pub extra: Vec<Flag>,
    /// What is tried again by itself; left out: nothing, until `pipeline submit` is said again.
    #[serde(default)]
    pub retry: Retry,
}

/// What becomes of jobs that ran out of memory or time, or were lost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// So many times the memory after a job ran out of it.
    #[serde(default = "Retry::default_factor")]
    #[schemars(range(min = 1.0, max = 16.0))]
    pub mem_factor: f64,
    /// So many times the time after a job ran out of it, with nothing to go on from.
    #[serde(default = "Retry::default_factor")]
    #[schemars(range(min = 1.0, max = 16.0))]
    pub time_factor: f64,
    /// How often a stage is tried again.
    #[serde(default)]
    #[schemars(range(max = 10))]
    pub times: u32,
}

/// A word of a job script: no blank, no quote, no line break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Word(pub String);

/// An option of `sbatch`, in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flag(pub String);

impl JsonSchema for Word {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Word".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_.,:/&|@+*()!=-]+$" })
    }
}

impl JsonSchema for Flag {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Flag".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^-[^\\n\\r]*$" })
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            mem_factor: Self::default_factor(),
            time_factor: Self::default_factor(),
            times: 0,
        }
    }
}

impl Retry {
    fn default_factor() -> f64 {
        2.0
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            format: 1,
            extends: Vec::new(),
            vars: BTreeMap::new(),
            partition: None,
            account: None,
            qos: None,
            constraint: None,
            container: None,
            modules: Vec::new(),
            prelude: String::new(),
            max_queued: None,
            max_array: Self::default_max_array(),
            pack_seconds: Self::default_pack_seconds(),
            warn_seconds: Self::default_warn_seconds(),
            poll_seconds: Self::default_poll_seconds(),
            extra: Vec::new(),
            retry: Retry::default(),
        }
    }
}

impl Cluster {
    fn default_max_array() -> u32 {
        1000
    }

    fn default_pack_seconds() -> u32 {
        30
    }

    fn default_warn_seconds() -> u32 {
        120
    }

    fn default_poll_seconds() -> u32 {
        30
    }

    /// Reads the document. The error is an [`Error::Recipe`] with all mistakes, each with its place.
    pub fn load(path: &Path) -> Result<Self, Error> {
        recipe::load(path, &[]).map(|read: recipe::Recipe<Self>| read.experiment)
    }
}

fn format_version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 1, "maximum": 1 })
}

static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
    let generator = SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<Cluster>().into()
});

/// The schema of such documents as they are written: before references are replaced.
pub fn published_schema() -> Json {
    recipe::published(SCHEMA.clone())
}

impl Experiment for Cluster {
    const DOCUMENT: &'static str = "cluster document";

    fn schema() -> &'static Json {
        &SCHEMA
    }

    fn complete(_: &mut Node) {}

    fn read(tree: &Node, broken: &BTreeSet<String>, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let extra = tree.child("extra").map(|node| &node.value);
        for node in match extra {
            Some(Value::Array(flags)) => flags.as_slice(),
            _ => &[],
        } {
            let flag = node.as_str().unwrap_or("-");
            if !flag.starts_with('-') || flag.contains(char::is_control) {
                mistakes.push(Mistake::new(
                    "extra: an option of sbatch begins with `-` and is one line",
                    node.origin,
                    "not this",
                ));
            }
        }
        match broken.is_empty() {
            true => recipe::read::<Self>("the document", tree, mistakes),
            false => None,
        }
    }

    fn tables(&self) -> Vec<(Vec<String>, Json)> {
        Vec::new()
    }

    fn objective_mistake(&self, _: &Compared) -> Option<Mistake> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Cluster, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.toml");
        std::fs::write(&path, text).unwrap();
        Cluster::load(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_document_is_read_and_the_rest_is_default() {
        let cluster = load("format = 1\npartition = 'main'\nretry = { times = 3 }\n").unwrap();
        assert_eq!(cluster.partition, Some(Word("main".into())));
        assert_eq!((cluster.retry.times, cluster.retry.mem_factor), (3, 2.0));
        assert_eq!((cluster.warn_seconds, cluster.max_queued), (120, None));
    }

    #[test]
    fn what_would_change_a_script_behind_its_back_is_refused() {
        for wrong in [
            "format = 2",
            "format = 1\npartitoin = 'x'",
            "format = 1\npartition = 'a b'",
            "format = 1\naccount = \"a\\n#SBATCH --uid=0\"",
            "format = 1\nextra = ['exclusive']",
            "format = 1\nmax_queued = 1",
            "format = 1\nretry = { times = 11 }",
        ] {
            assert!(load(wrong).is_err(), "{wrong}");
        }
    }
}
