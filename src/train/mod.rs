//! Training: losses, optimizer, the loops over batches, and their records.

pub mod adamw;
pub mod config;
pub mod gradients;
pub mod head;
pub mod history;
pub mod loss;
pub mod pretrain;
pub mod validation;
pub mod watch;

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};

use crate::error::Error;
use crate::model::parameter::{ParameterSpec, Parameters};

/// Parameters on the host: shape and numbers by name.
pub type HostParameters = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A pool of `threads` for one stage. Work is cut into shards that do not depend on `threads`.
pub fn thread_pool(threads: usize) -> Result<rayon::ThreadPool, Error> {
    // Walking a graph of operations backwards recurses as deep as the model.
    const STACK_BYTES: usize = 16 << 20;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Error::stage(format!("cannot start {threads} threads: {error}")))
}

/// Tensors on `device` from parameters on the host.
pub fn to_device(host: &HostParameters, device: &Device) -> Result<Parameters, Error> {
    host.iter()
        .map(|(name, (shape, values))| {
            let tensor = Tensor::from_slice(values, shape.as_slice(), device)?;
            Ok((name.clone(), tensor))
        })
        .collect()
}

/// Copies variables to the host.
pub fn to_host(variables: &BTreeMap<String, Var>) -> Result<HostParameters, Error> {
    variables
        .iter()
        .map(|(name, variable)| {
            let values = variable.flatten_all()?.to_vec1::<f32>()?;
            Ok((name.clone(), (variable.dims().to_vec(), values)))
        })
        .collect()
}

/// Fresh parameters of a model, drawn from `seed`.
pub fn initial_parameters(specs: &[ParameterSpec], seed: u64) -> HostParameters {
    specs
        .iter()
        .map(|spec| {
            (
                spec.name.clone(),
                (spec.shape.clone(), spec.initial_values(seed)),
            )
        })
        .collect()
}
