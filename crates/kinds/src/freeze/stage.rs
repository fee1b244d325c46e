//! The stage `freeze`: says which parameters are trainable, and proves later that the others stayed as they were.

use std::collections::{BTreeMap, BTreeSet};

use super::audit::{FreezeAudit, FreezeEntry};
use serde_json::{Value, json};

use super::checks::Share;
use crate::json::write_json;
use crate::model_artifact::ModelArtifact;
use pipeline_checkpoint::Pattern;
use pipeline_error::{Code, Error};
use pipeline_model::parameter::ParameterSpec;
use pipeline_stage::{Stage, StageContext, StageInput, StageOutput};
use pipeline_store::ArtifactFile;

/// Separates trainable from frozen parameters.
pub struct FreezeStage {
    /// The import stage.
    pub model: String,
    /// Patterns of the trainable parameters.
    pub trainable: Vec<String>,
    /// A larger trainable share of all numbers is an error.
    pub max_trainable_fraction: f64,
}

impl FreezeAudit {
    /// Digests of the frozen parameters, by name.
    pub fn frozen_digests(&self) -> BTreeMap<&str, &str> {
        self.parameters
            .iter()
            .filter(|entry| !entry.trainable)
            .filter_map(|entry| Some((entry.name.as_str(), entry.digest.as_deref()?)))
            .collect()
    }
}

/// The parameters that `patterns` name; a pattern that matches none is an error.
pub fn matching_parameters(
    specs: &[ParameterSpec],
    patterns: &[String],
) -> Result<BTreeSet<String>, Error> {
    let mut matched = BTreeSet::new();
    for text in patterns {
        let pattern = Pattern::new(text).map_err(|reason| {
            Error::stage(format!("trainable: `{text}` is no pattern: {reason}"))
                .with_hint(Pattern::SYNTAX)
        })?;
        let names: Vec<&String> = specs
            .iter()
            .map(|spec| &spec.name)
            .filter(|name| pattern.matches(name))
            .collect();
        if names.is_empty() {
            return Err(Error::stage(format!(
                "trainable = \"{text}\" matches no parameter of the model"
            ))
            .with_hint("the audit of the import stage lists the parameters' names"));
        }
        matched.extend(names.into_iter().cloned());
    }
    Ok(matched)
}

impl FreezeStage {
    fn audit(
        &self,
        artifact: &ModelArtifact,
        trainable: &BTreeSet<String>,
    ) -> Result<FreezeAudit, Error> {
        let parameters: Vec<FreezeEntry> = artifact
            .specs()?
            .into_iter()
            .map(|spec| FreezeEntry {
                trainable: trainable.contains(&spec.name),
                new: artifact.new.contains(&spec.name),
                digest: artifact
                    .parameters
                    .get(&spec.name)
                    .map(|tensor| tensor.digest()),
                name: spec.name,
                shape: spec.shape,
            })
            .collect();
        let numbers = |trainable: bool| -> usize {
            let chosen = parameters
                .iter()
                .filter(|entry| entry.trainable == trainable);
            chosen
                .map(|entry| entry.shape.iter().product::<usize>())
                .sum()
        };
        let (trainable_numbers, frozen_numbers) = (numbers(true), numbers(false));
        Ok(FreezeAudit {
            trainable_numbers,
            frozen_numbers,
            trainable_fraction: trainable_numbers as f64
                / (trainable_numbers + frozen_numbers) as f64,
            parameters,
        })
    }

    fn check(&self, audit: &FreezeAudit) -> Result<(), Error> {
        let frozen_but_new: Vec<&str> = audit
            .parameters
            .iter()
            .filter(|entry| entry.new && !entry.trainable)
            .map(|entry| entry.name.as_str())
            .collect();
        if !frozen_but_new.is_empty() {
            return Err(Error::Audit {
                message: format!(
                    "{} parameters are new and would be frozen at random values:\n  {}",
                    frozen_but_new.len(),
                    frozen_but_new.join("\n  ")
                ),
                hint: Some("make them trainable, or import weights that hold them".into()),
            }
            .coded(Code::FrozenNewParameter));
        }
        // The recipe's check has said so already, unless the weights are of another model.
        if audit.trainable_fraction > self.max_trainable_fraction {
            let share = Share {
                trainable: audit.trainable_numbers,
                all: audit.trainable_numbers + audit.frozen_numbers,
            };
            return Err(Error::stage(share.above(self.max_trainable_fraction)).with_hint("narrow `trainable`, or raise `max_trainable_fraction` if that is what you want"));
        }
        Ok(())
    }
}

/// The table of a freeze: one line a group of parameters, by the first part of their names.
fn render(audit: &FreezeAudit) -> Vec<String> {
    let mut groups: BTreeMap<(&str, bool), (usize, usize)> = BTreeMap::new();
    for entry in &audit.parameters {
        let group = entry.name.split('.').next().unwrap_or(&entry.name);
        let (parameters, numbers) = groups.entry((group, entry.trainable)).or_default();
        *parameters += 1;
        *numbers += entry.shape.iter().product::<usize>();
    }
    let rows = groups
        .into_iter()
        .map(|((group, trainable), (parameters, numbers))| {
            let state = if trainable { "trainable" } else { "frozen" };
            format!("{state:<9}  {group:<24} {parameters:>4} parameters {numbers:>11} numbers")
        });
    let total = format!(
        "{:.2} % of all numbers are trainable",
        100.0 * audit.trainable_fraction
    );
    rows.chain([total]).collect()
}

impl Stage for FreezeStage {
    fn kind(&self) -> &'static str {
        "freeze"
    }

    fn may_hold_patients(&self) -> bool {
        false
    }

    /// 2: the weights carry what their inputs mean.
    fn code_version(&self) -> u32 {
        2
    }

    fn fields(&self) -> Value {
        json!({
            "trainable": self.trainable,
            "max_trainable_fraction": self.max_trainable_fraction,
        })
    }

    fn inputs(&self) -> Vec<StageInput> {
        vec![StageInput::new("model", &self.model, &["weights"])]
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let mut artifact = ModelArtifact::read(context.input("model", "weights")?)?;
        let trainable = matching_parameters(&artifact.specs()?, &self.trainable)?;
        let audit = self.audit(&artifact, &trainable)?;
        self.check(&audit)?;
        render(&audit)
            .iter()
            .for_each(|line| context.reporter.note(line));
        artifact.trainable = Some(trainable);
        let written = artifact.write(&context.work.join("weights.safetensors"))?;
        write_json(&context.work.join("audit.json"), &audit)?;
        Ok(StageOutput {
            artifacts: BTreeMap::from([
                (
                    "weights".into(),
                    ArtifactFile::written("weights.safetensors", written),
                ),
                ("audit".into(), "audit.json".into()),
            ]),
            metrics: BTreeMap::from([
                ("trainable_numbers".into(), json!(audit.trainable_numbers)),
                ("frozen_numbers".into(), json!(audit.frozen_numbers)),
                ("trainable_fraction".into(), json!(audit.trainable_fraction)),
            ]),
        })
    }
}
