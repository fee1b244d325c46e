//! The scheduler with stages made for testing it.

mod caching;
mod crashes;
mod devices;
mod failures;
mod planning;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::event::Event;
use super::record::{RunRecord, StageStatus};
use super::{RunOptions, RunOutcome, run};
use pipeline_error::Error;
use pipeline_stage::Node;
use pipeline_stage::{ExternalInput, Stage, StageContext, StageInput, StageOutput};
use pipeline_store::Store;

type Work = dyn Fn(&StageContext, String) -> Result<String, Error> + Send + Sync;

/// A stage with one artifact `out`, on the device if its name says `gpu`: the text of its setting and of all it reads, unless
/// `work` turns it into something else.
struct Fake {
    name: String,
    setting: Value,
    reads: Vec<&'static str>,
    external: Vec<PathBuf>,
    executed: Arc<Mutex<Vec<String>>>,
    work: Box<Work>,
}

impl Stage for Fake {
    fn kind(&self) -> &'static str {
        "fake"
    }

    fn code_version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Value {
        json!({"setting": self.setting})
    }

    fn uses_device(&self) -> bool {
        self.name.starts_with("gpu")
    }

    fn needs_gpu(&self) -> Option<String> {
        (self.setting == "tf32").then(|| "precision = \"tf32\"".into())
    }

    fn inputs(&self) -> Vec<StageInput> {
        let roles = ["a", "b", "c", "d"];
        let inputs = self.reads.iter().zip(roles);
        inputs
            .map(|(stage, role)| StageInput::new(role, stage, &["out"]))
            .collect()
    }

    fn external_inputs(&self) -> Vec<ExternalInput> {
        let input = |(path, index): (&PathBuf, usize)| ExternalInput {
            field: format!("source.{index}"),
            path: path.clone(),
            of_data: false,
        };
        self.external.iter().zip(0..).map(input).collect()
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        self.executed.lock().unwrap().push(self.name.clone());
        let mut text = self.setting.to_string();
        for path in context.inputs.values().chain(&self.external) {
            text.push('|');
            text += &fs::read_to_string(path).unwrap();
        }
        let text = (self.work)(context, text)?;
        fs::write(context.work.join("out.txt"), text).unwrap();
        Ok(StageOutput {
            artifacts: BTreeMap::from([("out".into(), "out.txt".into())]),
            metrics: BTreeMap::from([("third".into(), json!(1.0 / 3.0))]),
        })
    }
}

/// A store and a memory of what was executed.
struct Lab {
    folder: tempfile::TempDir,
    store: Store,
    executed: Arc<Mutex<Vec<String>>>,
    events: Mutex<Vec<Event>>,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join(".pipeline")).unwrap();
        Self {
            folder,
            store,
            executed: Arc::default(),
            events: Mutex::default(),
        }
    }

    fn node(&self, name: &str, setting: impl Into<Value>, reads: &[&'static str]) -> Node {
        self.working(name, setting, reads, |_, text| Ok(text))
    }

    fn working(
        &self,
        name: &str,
        setting: impl Into<Value>,
        reads: &[&'static str],
        work: impl Fn(&StageContext, String) -> Result<String, Error> + Send + Sync + 'static,
    ) -> Node {
        self.reading(name, setting, reads, &[], work)
    }

    fn reading(
        &self,
        name: &str,
        setting: impl Into<Value>,
        reads: &[&'static str],
        external: &[&Path],
        work: impl Fn(&StageContext, String) -> Result<String, Error> + Send + Sync + 'static,
    ) -> Node {
        Node {
            name: name.into(),
            states_seed: false,
            stage: Box::new(Fake {
                name: name.into(),
                setting: setting.into(),
                reads: reads.to_vec(),
                external: external.iter().map(|path| path.to_path_buf()).collect(),
                executed: self.executed.clone(),
                work: Box::new(work),
            }),
        }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn try_run(&self, nodes: &[Node], options: &RunOptions) -> Result<RunOutcome, Error> {
        let never = AtomicBool::new(false);
        self.run_until(nodes, options, &never)
    }

    fn run_until(
        &self,
        nodes: &[Node],
        options: &RunOptions,
        interrupted: &AtomicBool,
    ) -> Result<RunOutcome, Error> {
        run(
            "test",
            nodes,
            options,
            &|| Ok(Vec::new()),
            &self.store,
            interrupted,
            &|events| {
                self.events.lock().unwrap().extend_from_slice(events);
            },
        )
    }

    /// A run that must succeed.
    fn run(&self, nodes: &[Node]) -> RunRecord {
        let outcome = self.try_run(nodes, &RunOptions::default()).unwrap();
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        outcome.record
    }

    /// Names of the stages executed since this was last asked, sorted.
    fn executed(&self) -> Vec<String> {
        let mut names = std::mem::take(&mut *self.executed.lock().unwrap());
        names.sort();
        names
    }

    fn text(&self, record: &RunRecord, name: &str) -> String {
        let stage = record
            .stages
            .iter()
            .find(|stage| stage.name == name)
            .unwrap();
        fs::read_to_string(&stage.outputs["out"].path).unwrap()
    }
}

fn digests(record: &RunRecord) -> Vec<(String, String)> {
    let stages = record.stages.iter();
    stages
        .map(|stage| (stage.name.clone(), stage.outputs["out"].digest.clone()))
        .collect()
}

fn statuses(record: &RunRecord) -> Vec<(&str, StageStatus)> {
    let stages = record.stages.iter();
    stages
        .map(|stage| (stage.name.as_str(), stage.status))
        .collect()
}
