use candle_core::{Device, Tensor};

use crate::features::{backbone, embeddings};
use crate::model_artifact::ModelArtifact;
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::feature_table::FeatureTable;
use pipeline_error::Error;
use pipeline_model::backbone::Backbone;
use pipeline_model::classifier::Head;
use pipeline_model::host::{HostParameters, to_device};
use pipeline_model::parameter::ParameterSource;
use pipeline_stage::StageContext;

/// What is looked at.
pub struct Subject<'a> {
    /// The model.
    pub artifact: &'a ModelArtifact,
    /// The data.
    pub dataset: &'a Dataset,
    /// Features of the training split and of the split that is looked at.
    pub table: &'a FeatureTable,
    /// The split that is looked at.
    pub split: Split,
    /// Its stays, as indices into the dataset.
    pub stays: Vec<usize>,
    /// Seed of the controls.
    pub seed: u64,
    /// Where tensors live.
    pub device: Device,
    /// The stage.
    pub context: &'a StageContext<'a>,
}

impl Subject<'_> {
    /// Which of `stays` have any label but 0.
    pub fn positives(&self, stays: &[usize]) -> Vec<bool> {
        let label = |stay: &usize| self.dataset.stays[*stay].label;
        let positive = |stay: &usize| label(stay).is_some_and(|label| label > 0);
        stays.iter().map(positive).collect()
    }

    /// The features of the split, [stays, width], on the host.
    pub fn features(&self) -> Result<Tensor, Error> {
        let values = self.table.vectors(&self.table.rows_of(self.split));
        let width = self.table.width;
        let shape = (values.len() / width.max(1), width);
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    /// The head's parameters.
    pub fn head_parameters(&self) -> HostParameters {
        let own = self.artifact.parameters.iter();
        let own = own.filter(|(name, _)| Head::owns(name));
        own.map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect()
    }

    /// The head on a device.
    pub fn head(&self, device: &Device) -> Result<Head, Error> {
        let parameters = to_device(&self.head_parameters(), device)?;
        let source = ParameterSource::given(&parameters);
        Ok(Head::new(&source, &self.artifact.config)?)
    }

    /// The backbone.
    pub fn backbone(&self) -> Result<Backbone, Error> {
        backbone(self.artifact, &self.device)
    }

    /// Embeddings of the variables, [variables, input_dim].
    pub fn embeddings(&self) -> Result<Tensor, Error> {
        embeddings(self.artifact, self.dataset, &self.device)
    }

    /// Fails if the user asked to stop.
    pub fn check_interruption(&self) -> Result<(), Error> {
        match self.context.is_interrupted() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }
}

/// The logit of any class but 0 of every row of `logits` [stays, classes].
pub fn margins(logits: &Tensor) -> Result<Vec<f64>, Error> {
    let rows = logits.to_vec2::<f32>()?;
    let margin = |row: Vec<f32>| {
        let rest = row[1..].iter().map(|logit| f64::from(*logit));
        let largest = rest.clone().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = rest.map(|logit| (logit - largest).exp()).sum();
        largest + sum.ln() - f64::from(row[0])
    };
    Ok(rows.into_iter().map(margin).collect())
}
