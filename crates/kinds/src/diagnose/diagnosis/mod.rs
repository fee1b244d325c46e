//! What is wrong with a model: the artifact `diagnosis`.
//!
//! A file each for what is looked at; its thresholds stand at its top, and in words in each finding's `rule`.

mod backbone_weights;
mod features;
mod finding;
mod gradients;
mod head;
mod posterior;
mod probabilities;
mod probes;
mod range;
mod reconstruction;
mod spectrum;
mod subject;

use std::collections::BTreeMap;

use candle_core::Device;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model_artifact::ModelArtifact;
use pipeline_data::dataset::Split;
use pipeline_error::Error;
use pipeline_model::objective::Objective;

pub use features::FeatureReport;
pub use finding::{Finding, Verdict};
pub use gradients::ParameterGradient;
pub use head::HeadReport;
pub use posterior::{PosteriorReport, Sensitivity};
pub use probabilities::ProbabilityReport;
pub use probes::ProbeReport;
pub use range::Range;
pub use reconstruction::VariableReconstruction;
pub use subject::Subject;

/// What was found out about a model. The findings say it; the rest is what they were made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "diagnosis")]
pub struct Diagnosis {
    /// Version of this document.
    pub format: u32,
    /// Digest of the weights that were looked at.
    pub model: String,
    /// The split that was looked at.
    pub split: Split,
    /// Its stays.
    pub stays: usize,
    /// Those with any label but 0.
    pub positives: usize,
    /// What was seen, thing by thing.
    pub findings: Vec<Finding>,
    /// The head's weights and units.
    pub head: HeadReport,
    /// The features.
    pub features: FeatureReport,
    /// Linear models, for comparison.
    pub probes: ProbeReport,
    /// The probabilities.
    pub probabilities: ProbabilityReport,
    /// Gradients of the trainable parameters, by name.
    pub gradients: Vec<ParameterGradient>,
    /// The posterior.
    pub posterior: PosteriorReport,
    /// What the logits owe to it.
    pub sensitivity: Sensitivity,
    /// Reconstruction by variable; empty where no pretrain stage is given.
    pub reconstruction: Vec<VariableReconstruction>,
}

impl Diagnosis {
    /// The document's version.
    pub const FORMAT: u32 = 1;

    /// Looks at `subject`, whose weights have the digest `model`, and at a pretraining checkpoint if there is one.
    pub fn make(
        subject: &Subject,
        model: String,
        pretrained: Option<(&ModelArtifact, Objective)>,
    ) -> Result<Self, Error> {
        let positives = subject.positives(&subject.stays);
        let (_, logits) = subject
            .head(&Device::Cpu)?
            .activations(&subject.features()?)?;
        let margins = subject::margins(&logits)?;
        let mut findings = vec![backbone_weights::look(subject)?];
        let mut take = |more: Vec<Finding>| findings.extend(more);
        let (head, found) = head::look(subject)?;
        take(found);
        let (features, found) = features::look(subject, &positives)?;
        take(found);
        let (probes, found) = probes::look(subject, &positives, &margins)?;
        take(found);
        let (probabilities, found) = probabilities::look(&margins, &positives);
        take(found);
        let (gradients, found) = gradients::look(subject)?;
        take(found);
        let (posterior, sensitivity, found) = posterior::look(subject, &positives)?;
        take(found);
        let mut reconstruction = Vec::new();
        if let Some((checkpoint, objective)) = pretrained {
            let (rows, found) = reconstruction::look(subject, checkpoint, objective)?;
            take(found);
            reconstruction = rows;
        }
        Ok(Self {
            format: Self::FORMAT,
            model,
            split: subject.split,
            stays: positives.len(),
            positives: positives.iter().filter(|is| **is).count(),
            findings,
            head,
            features,
            probes,
            probabilities,
            gradients,
            posterior,
            sensitivity,
            reconstruction,
        })
    }

    /// How many findings have a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.verdict == verdict)
            .count()
    }

    /// Numbers worth showing, by name.
    pub fn metrics(&self) -> BTreeMap<String, Value> {
        [
            ("faults", json!(self.count(Verdict::Fault))),
            ("warnings", json!(self.count(Verdict::Warning))),
            ("head_auroc", json!(self.probes.head)),
            ("probe_auroc", json!(self.probes.features)),
            ("effective_rank", json!(self.features.effective_rank)),
            ("active_units", json!(self.posterior.active_units)),
        ]
        .map(|(name, value)| (name.to_string(), value))
        .into()
    }
}
