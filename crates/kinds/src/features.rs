//! The derived stage `features`: the pooled vector of every stay, computed once for a frozen backbone.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::model_artifact::ModelArtifact;
use crate::dataset_artifacts::{DATASET_ARTIFACTS, load_dataset};
use crate::training_context::TrainingContext;
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::feature_table::FeatureTable;
use pipeline_error::Error;
use pipeline_model::backbone::Backbone;
use pipeline_model::batch::Batch;
use pipeline_model::classifier::Head;
use pipeline_model::host::to_device;
use pipeline_model::parameter::ParameterSource;
use pipeline_stage::{Progress, Stage, StageContext, StageInput, StageOutput};
use pipeline_train::open_backbone::check_finite;

/// Computes the features of every stay.
pub struct FeaturesStage {
    /// The freeze stage.
    pub model: String,
    /// The data stage.
    pub data: String,
}

/// The backbone of a model, and the embeddings of the variables that it reads.
pub struct FeatureExtractor {
    backbone: Backbone,
    /// [variables, input_dim].
    embeddings: Tensor,
    /// Numbers of a stay.
    pub width: usize,
    device: Device,
}

impl FeatureExtractor {
    /// That of a whole backbone; `embeddings` [variables, input_dim] are on `device`.
    pub fn new(
        artifact: &ModelArtifact,
        embeddings: Tensor,
        device: Device,
    ) -> Result<Self, Error> {
        Ok(Self {
            backbone: backbone(artifact, &device)?,
            embeddings,
            width: artifact.config.feature_dim(),
            device,
        })
    }

    /// The features of stays, row-major [stays, width], each by a pass of its own: the last bits of a matrix product
    /// depend on its number of rows, and those of a stay must not depend on the stays beside it. `go_on` is asked
    /// after each.
    pub fn of_stays(
        &self,
        dataset: &Dataset,
        stays: &[usize],
        go_on: &(dyn Fn() -> Result<(), Error> + Sync),
    ) -> Result<Vec<f32>, Error> {
        let of_stay = |stay: &usize| {
            let values = self.of_stay(dataset, *stay)?;
            go_on().map(|()| values)
        };
        let values: Vec<Vec<f32>> =
            (stays.par_iter().map(of_stay)).collect::<Result<_, Error>>()?;
        Ok(values.concat())
    }

    fn of_stay(&self, dataset: &Dataset, stay: usize) -> Result<Vec<f32>, Error> {
        let batch = Batch::new(dataset, &[stay], &self.device)?;
        let features = self.backbone.forward(&batch, &self.embeddings)?.features;
        let values = features.flatten_all()?.to_vec1::<f32>()?;
        check_finite(&values, self.width, dataset, &[stay])?;
        Ok(values)
    }
}

/// The features of `stays` under the backbone of `artifact`.
pub fn compute(
    artifact: &ModelArtifact,
    dataset: &Dataset,
    stays: &[usize],
    context: &StageContext,
) -> Result<FeatureTable, Error> {
    let device = context.tensor_device()?;
    let embeddings = embeddings(artifact, dataset, &device)?;
    let extractor = FeatureExtractor::new(artifact, embeddings, device)?;
    let done = std::sync::atomic::AtomicU64::new(0);
    let go_on = || {
        if context.is_interrupted() {
            return Err(Error::Interrupted);
        }
        context.reporter.progress(Progress {
            done: done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1,
            total: stays.len() as u64,
            unit: "stays",
            message: String::new(),
        });
        Ok(())
    };
    let values = extractor.of_stays(dataset, stays, &go_on)?;
    let of = |stay: &usize| &dataset.stays[*stay];
    Ok(FeatureTable {
        ids: stays.iter().map(|stay| of(stay).id.clone()).collect(),
        splits: stays.iter().map(|stay| of(stay).split).collect(),
        labels: stays.iter().map(|stay| of(stay).label).collect(),
        width: extractor.width,
        values,
    })
}

/// The backbone of `artifact`, in evaluation mode.
pub fn backbone(artifact: &ModelArtifact, device: &Device) -> Result<Backbone, Error> {
    let missing: Vec<&str> = artifact
        .new
        .iter()
        .map(String::as_str)
        .filter(|name| !Head::owns(name))
        .collect();
    if !missing.is_empty() {
        return Err(Error::Audit {
            message: format!(
                "the backbone was never loaded whole: {}",
                missing.join(", ")
            ),
            hint: Some("import weights that hold these parameters".into()),
        });
    }
    let parameters = to_device(&artifact.parameters, device)?;
    Ok(Backbone::new(
        &ParameterSource::given(&parameters),
        &artifact.config,
    )?)
}

/// Embeddings of the data's variables, [variables, input_dim].
pub fn embeddings(
    artifact: &ModelArtifact,
    dataset: &Dataset,
    device: &Device,
) -> Result<Tensor, Error> {
    let (dim, wanted) = (dataset.embedding_dim, artifact.config.input_dim);
    if dim != wanted {
        return Err(Error::stage(format!(
            "the data's embeddings have {dim} numbers, the model's input_dim is {wanted}"
        )));
    }
    let shape = (dataset.variables.len(), dim);
    Ok(Tensor::from_slice(&dataset.embeddings, shape, device)?)
}

impl Stage for FeaturesStage {
    fn kind(&self) -> &'static str {
        "features"
    }

    /// 3: the data's inputs are compared with those of the weights. 4: every stay has a pass of its own.
    /// 5: the encoder's work is arranged as in version 5 of `pretrain`. 6: buckets of times are those of its version 7.
    /// 7: sums are in the order of its version 8.
    fn code_version(&self) -> u32 {
        7
    }

    fn fields(&self) -> Value {
        json!({})
    }

    fn uses_device(&self) -> bool {
        true
    }

    fn inputs(&self) -> Vec<StageInput> {
        vec![
            StageInput::new("model", &self.model, &["weights"]),
            StageInput::new("data", &self.data, DATASET_ARTIFACTS),
        ]
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let artifact = ModelArtifact::read(context.input("model", "weights")?)?;
        artifact.inputs.check(context)?;
        let dataset = load_dataset(context)?;
        let stays: Vec<usize> = (0..dataset.stays.len()).collect();
        let table = compute(&artifact, &dataset, &stays, context)?;
        table.write(&context.work.join("features.parquet"))?;
        let count = |split: Split| dataset.stays_of(split).len();
        let metrics = [Split::Train, Split::Validation, Split::Test]
            .map(|split| (format!("{}.stays", split.name()), json!(count(split))));
        Ok(StageOutput {
            artifacts: BTreeMap::from([("features".into(), "features.parquet".into())]),
            metrics: metrics.into_iter().collect(),
        })
    }
}
