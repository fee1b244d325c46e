//! The model that an import builds: its layers are what the audit is compared with, and what is written.

use std::path::Path;

use pipeline_error::Error;
use pipeline_files::Written;
use pipeline_model::config::ModelMode;
use pipeline_model::host::{HostParameters, host_view, initial_parameters, into_tensors};
use pipeline_model::parameter::{ParameterSource, Parameters};
use pipeline_model::seqsetvae::{ClassifierModel, PretrainModel};

use crate::model_artifact::ModelArtifact;

/// The parameters that the layers hold, by name, of a model that is built from these in their own memory.
pub fn layers(artifact: &ModelArtifact, parameters: HostParameters) -> Result<Parameters, Error> {
    let specs = artifact.specs()?;
    let new = specs
        .iter()
        .filter(|spec| artifact.new.contains(&spec.name));
    let mut host = initial_parameters(new, 0);
    host.extend(parameters);
    let parameters = into_tensors(host)?;
    let taken = ParameterSource::witness(&parameters, |source| match artifact.mode {
        ModelMode::Pretrain => PretrainModel::new(source, &artifact.config, 0.0).map(|_| ()),
        ModelMode::Classifier => ClassifierModel::new(source, &artifact.config).map(|_| ()),
    })?;
    Ok(taken)
}

/// Writes what the layers hold, but for what is drawn afresh where it is trained.
pub fn write(artifact: &ModelArtifact, layers: &Parameters, path: &Path) -> Result<Written, Error> {
    let held = layers
        .iter()
        .filter(|(name, _)| !artifact.new.contains(*name));
    let views = held.map(|(name, tensor)| {
        let elsewhere = "a layer of a model that was built on the host lies elsewhere";
        let view = host_view(tensor).ok_or_else(|| Error::fault(elsewhere))?;
        Ok((name.clone(), view))
    });
    let views = views.collect::<Result<Vec<_>, Error>>()?;
    let parameters = views.iter().map(|(name, view)| (name.clone(), view as _));
    artifact.write_parameters(path, parameters)
}
