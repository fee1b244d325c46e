//! Command stages: any program, with declared inputs and outputs.

mod checks;
mod folder;
mod input_name;
mod log;
mod process;
mod quoting;
mod secrets;
mod stage;
mod table;

use std::time::Duration;

use crate::edges::{Reference, artifact};
use crate::kind::{Around, StageCheck, StageKind};
use input_name::ending;
use pipeline_stage::Node;

use stage::{CommandInput, CommandStage};
pub use table::CommandTable;

impl StageKind for CommandTable {
    fn kind() -> &'static str {
        "command"
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }

    fn references(&self) -> Vec<Reference> {
        let inputs = self.inputs.iter();
        inputs
            .filter_map(|(name, path)| artifact(&format!("inputs.{name}"), path))
            .collect()
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        let outputs = self.outputs.iter();
        outputs
            .map(|(name, file)| (name.as_str(), file.as_str()))
            .collect()
    }

    fn check(&self, check: &mut StageCheck) {
        check.command(self);
    }

    fn nodes(&self, name: &str, around: &dyn Around) -> Vec<Node> {
        let inputs = self.inputs.iter().map(|(name, path)| {
            let input = CommandInput {
                path: path.clone(),
                file_name: format!("{name}{}", ending(around, path)),
            };
            (name.clone(), input)
        });
        let stage = CommandStage {
            run: self.run.clone(),
            inputs: inputs.collect(),
            outputs: self.outputs.clone(),
            metrics: self.metrics.clone(),
            env: self.env.clone(),
            pass_env: self.pass_env.clone(),
            secret_env: self.secret_env.clone(),
            seed: self.seed,
            timeout: self.timeout_seconds.map(Duration::from_secs_f64),
            grace: Duration::from_secs_f64(self.grace_seconds),
            retries: self.retries,
            retry_delay: Duration::from_secs_f64(self.retry_delay_seconds),
        };
        vec![Node::of_stage(name, self.seed.is_some(), stage)]
    }
}
