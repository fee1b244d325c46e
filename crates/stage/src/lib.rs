//! The contract between stages and whoever runs them: neither knows more of the other.
//!
//! ```
//! use pipeline_error::Error;
//! use pipeline_stage::{Node, Stage, StageContext, StageInput, StageOutput};
//! use serde_json::{Value, json};
//!
//! struct Nothing;
//!
//! impl Stage for Nothing {
//!     fn kind(&self) -> &'static str {
//!         "nothing"
//!     }
//!     fn code_version(&self) -> u32 {
//!         1
//!     }
//!     fn fields(&self) -> Value {
//!         json!({})
//!     }
//!     fn inputs(&self) -> Vec<StageInput> {
//!         Vec::new()
//!     }
//!     fn run(&self, _context: &StageContext) -> Result<StageOutput, Error> {
//!         Ok(StageOutput::default())
//!     }
//! }
//!
//! let node = Node::of_stage("idle", false, Nothing);
//! assert_eq!(node.path_in_recipe("fields.size").as_deref(), Some("stages.idle.size"));
//! ```

mod node;
mod renamed;
mod union;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use pipeline_error::Error;
use pipeline_store::ArtifactFile;
use pipeline_store::digest::Digest;
use pipeline_store::fingerprint::Fingerprint;

pub use node::{Node, stage_of};
pub use renamed::renamed;
pub use union::{Union, VariantNodes};

/// One executable node of a run. It knows its own settings, not the store and not the recipe.
pub trait Stage: Send + Sync {
    /// The kind's name (`data`, `pretrain`, …), part of the fingerprint.
    fn kind(&self) -> &'static str;

    /// Raised whenever the same settings and inputs would give other bytes than before.
    fn code_version(&self) -> u32;

    /// Every setting that can change the result, defaults included. No stage names, no
    /// seed and no external paths: those enter the fingerprint as digests or by themselves.
    fn fields(&self) -> Value;

    /// Where the setting at `field` of [`Stage::fields`] stands in the recipe.
    fn place_in_recipe(&self, field: &str) -> RecipePlace {
        RecipePlace::Stage(field.into())
    }

    /// The seed, for stages that draw random numbers.
    fn seed(&self) -> Option<u64> {
        None
    }

    /// The length of a training, as a JSON pointer into [`Stage::fields`], if one that is longer begins
    /// with exactly what a shorter one does. Such stages that differ in it alone are a lineage.
    fn lineage(&self) -> Option<&'static str> {
        None
    }

    /// The settings that say in which unit this metric is, if there are any: two values of other settings cannot be
    /// compared, as losses of two loss functions cannot.
    fn unit_of(&self, _metric: &str) -> Option<Value> {
        None
    }

    /// Whether its artifacts may hold rows of patients: a remote cache is given those only where its kind is named.
    fn may_hold_patients(&self) -> bool {
        true
    }

    /// Whether it computes on the device of the run. All other stages compute on the CPU.
    fn uses_device(&self) -> bool {
        false
    }

    /// The setting for which it can compute on a GPU alone, as a recipe states it, if there is one.
    fn needs_gpu(&self) -> Option<String> {
        None
    }

    /// Artifacts of other stages that this one reads.
    fn inputs(&self) -> Vec<StageInput>;

    /// Files and folders outside the store that this stage reads.
    fn external_inputs(&self) -> Vec<ExternalInput> {
        Vec::new()
    }

    /// Does the work, inside a rayon pool of `context.threads`: writes its artifacts into `context.work` and names them.
    fn run(&self, context: &StageContext) -> Result<StageOutput, Error>;
}

/// Where a setting stands in the recipe, for people who look for it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipePlace {
    /// In the stage's own table, at this path.
    Stage(String),
    /// At this path from the top.
    Top(String),
}

/// Artifacts of one stage that another reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageInput {
    /// The role it plays here (`data`, `model`): part of the fingerprint.
    pub role: String,
    /// The node that makes it: no part of the fingerprint.
    pub stage: String,
    /// Names of the artifacts that are read.
    pub artifacts: Vec<String>,
}

impl StageInput {
    /// Artifacts of `stage` that are read in this role.
    pub fn new(role: &str, stage: &str, artifacts: &[&str]) -> Self {
        Self {
            role: role.into(),
            stage: stage.into(),
            artifacts: artifacts.iter().map(|&name| name.into()).collect(),
        }
    }
}

/// A file or folder outside the store; its contents are part of the fingerprint, its path is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalInput {
    /// The setting that names it (`source.records.0`).
    pub field: String,
    /// Where it is.
    pub path: PathBuf,
    /// Whether of a folder only files of data are read: none whose name begins with a dot, `_` or `~$`.
    pub of_data: bool,
}

/// What a running stage may use.
pub struct StageContext<'a> {
    /// Artifacts read, by (role, artifact name).
    pub inputs: BTreeMap<(String, String), PathBuf>,
    /// The digest of every input, by its name in the fingerprint.
    pub digests: &'a BTreeMap<String, Digest>,
    /// A folder of the stage's own. It survives a crash, so checkpoints to resume from live here.
    pub work: &'a Path,
    /// A folder that it shares with all stages of its [lineage](Stage::lineage), one at a time; none if
    /// the run asks for none.
    pub lineage: Option<&'a Path>,
    /// Threads this stage may use; no result may depend on it.
    pub threads: usize,
    /// Where a program that the stage runs may print to: kept with the run. Nothing is there yet.
    pub log: &'a Path,
    /// Where tensors are computed (`cpu`, `cuda:0`): `cpu` if the stage uses no device.
    pub device: &'a str,
    /// Set when the user asks to stop: write a checkpoint and return [`Error::Interrupted`].
    pub interrupted: &'a AtomicBool,
    /// Where progress and notes go.
    pub reporter: &'a dyn Reporter,
}

impl StageContext<'_> {
    /// The path of an input artifact that the stage declared.
    pub fn input(&self, role: &str, artifact: &str) -> Result<&Path, Error> {
        self.inputs
            .get(&(role.to_string(), artifact.to_string()))
            .map(PathBuf::as_path)
            .ok_or_else(|| {
                Error::stage(format!(
                    "the input {role}.{artifact} was not declared by this stage"
                ))
            })
    }

    /// The digest of an input artifact that the stage declared.
    pub fn input_digest(&self, role: &str, artifact: &str) -> Result<Digest, Error> {
        self.digest(&Fingerprint::artifact_input(role, artifact))
    }

    /// The digest of an external input that the stage declared.
    pub fn external_digest(&self, field: &str) -> Result<Digest, Error> {
        self.digest(&Fingerprint::external_input(field))
    }

    fn digest(&self, input: &str) -> Result<Digest, Error> {
        let digest = self.digests.get(input).copied();
        digest.ok_or_else(|| {
            Error::stage(format!("the input {input} was not declared by this stage"))
        })
    }

    /// Whether the user asked to stop.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// What a stage made.
#[derive(Clone, Debug, Default)]
pub struct StageOutput {
    /// Artifacts: name → file below `work`.
    pub artifacts: BTreeMap<String, ArtifactFile>,
    /// Numbers worth showing, finite only, by name. Undefined ones are null.
    pub metrics: BTreeMap<String, Value>,
}

/// Receives what a running stage has to tell.
pub trait Reporter: Send + Sync {
    /// How far the stage is.
    fn progress(&self, progress: Progress);
    /// One line worth reading now (a warning, a count of dropped stays).
    fn note(&self, line: &str);
    /// One line that the stage's program printed: for those who watch, not kept.
    fn output(&self, line: &str);
}

/// How far a stage is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// What is counted (`stays`).
    pub unit: &'static str,
    /// Where it is and how it goes (`epoch 2/3 · reconstruction 12.3 · KL 0.9`).
    pub message: String,
}
