//! What is left of a step that broke: enough to look at it again.
//!
//! `step.json` is a [`BrokenStep`]; `parameters.safetensors` are the parameters that were trained,
//! as they were before that step.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use pipeline_checkpoint::write_safetensors;
use pipeline_error::listed::first_of;
use pipeline_error::{Code, Error};
use pipeline_model::host::HostParameters;

/// The file that says what broke.
const STEP: &str = "step.json";
/// The parameters before the step.
const PARAMETERS: &str = "parameters.safetensors";

/// Stays that an error names; the document names all.
const SHOWN_STAYS: usize = 16;

/// A loss or gradient that is NaN or infinite, and what it was computed from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BrokenStep {
    /// Version of this document.
    pub format: u32,
    /// The kind of stage.
    pub stage: &'static str,
    /// What is not finite.
    pub problem: String,
    /// The parameter whose gradient is not finite; none if it is the loss.
    pub parameter: Option<String>,
    /// The seed of the stage.
    pub seed: u64,
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Optimizer steps taken before, in all epochs.
    pub step: u64,
    /// Optimizer steps taken before in this epoch.
    pub step_of_epoch: u64,
    /// Ids of the stays, one of which is the cause.
    pub suspects: Vec<String>,
    /// Ids of all stays of the step, in their order, batch by batch.
    pub batches: Vec<Vec<String>>,
}

impl BrokenStep {
    /// Version of the document.
    pub const FORMAT: u32 = 1;

    /// One line: what, where and in which stays.
    fn message(&self) -> String {
        let what = match self.suspects.len() {
            1 => "stay",
            _ => "one of the stays",
        };
        let suspects = first_of(&self.suspects, SHOWN_STAYS);
        format!(
            "{} in step {} (epoch {}), in {what} {suspects}",
            self.problem, self.step, self.epoch
        )
    }
}

/// A folder that a broken step is left in; it need not exist.
#[derive(Clone, Debug)]
pub struct ReplayFolder(PathBuf);

impl ReplayFolder {
    /// The folder at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Saves the step and the parameters before it; returns the failure that ends the stage,
    /// which says where they are.
    pub fn fail(&self, step: &BrokenStep, parameters: &HostParameters, hint: &str) -> Error {
        let saved = match self.save(step, parameters) {
            Ok(()) => format!("saved for replay: {}", self.0.display()),
            Err(error) => format!("it could not be saved for replay: {error}"),
        };
        Error::stage(format!("{}\n{saved}", step.message()))
            .with_hint(hint)
            .coded(Code::NotFinite)
    }

    fn save(&self, step: &BrokenStep, parameters: &HostParameters) -> Result<(), Error> {
        let path = self.0.join(STEP);
        let failed = |error: &dyn std::fmt::Display| Error::file(&path, error);
        fs::create_dir_all(&self.0).map_err(|error| failed(&error))?;
        let mut text = serde_json::to_string_pretty(step).map_err(|error| failed(&error))?;
        text.push('\n');
        fs::write(&path, text).map_err(|error| failed(&error))?;
        let path = self.0.join(PARAMETERS);
        write_safetensors(&path, parameters, &Default::default()).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use pipeline_checkpoint::{self as checkpoint, FloatTensor};

    fn step() -> BrokenStep {
        BrokenStep {
            format: BrokenStep::FORMAT,
            stage: "pretrain",
            problem: "the loss is NaN".into(),
            parameter: None,
            seed: 3,
            epoch: 2,
            step: 31,
            step_of_epoch: 4,
            suspects: vec!["a".into(), "b".into()],
            batches: vec![vec!["a".into(), "b".into()], vec!["c".into()]],
        }
    }

    #[test]
    fn a_broken_step_is_left_with_the_parameters_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/pretrain.replay");
        let tensor = FloatTensor {
            shape: vec![2],
            values: vec![1.0, f32::MIN_POSITIVE],
        };
        let parameters = BTreeMap::from([("w".to_string(), tensor)]);
        let error = ReplayFolder::new(path.clone()).fail(&step(), &parameters, "look");
        let text = error.to_string();
        assert!(
            text.starts_with("the loss is NaN in step 31 (epoch 2), in one of the stays a, b\n"),
            "{text}"
        );
        assert!(text.ends_with(&path.display().to_string()), "{text}");
        let document: serde_json::Value =
            serde_json::from_slice(&fs::read(path.join(STEP)).unwrap()).unwrap();
        assert_eq!(document["batches"][1][0], "c");
        let saved = checkpoint::read(&path.join(PARAMETERS)).unwrap();
        assert_eq!(saved.tensors.len(), 1);
    }

    #[test]
    fn of_very_many_stays_the_first_are_shown() {
        let step = BrokenStep {
            suspects: (0..20).map(|stay| stay.to_string()).collect(),
            ..step()
        };
        let message = step.message();
        assert!(message.ends_with(", 14, 15 and 4 more"), "{message}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_does_not_hide_the_failure() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let replay = ReplayFolder::new(folder.path().join("file/pretrain.replay"));
        let text = replay.fail(&step(), &HostParameters::new(), "").to_string();
        assert!(text.contains("the loss is NaN in step 31"), "{text}");
        assert!(text.contains("could not be saved"), "{text}");
    }
}
