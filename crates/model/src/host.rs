//! Parameters on the host: what files, digests and optimizers see of a model.

use std::collections::BTreeMap;

use candle_core::{CpuStorage, Device, Storage, Tensor};
use rayon::prelude::*;

use crate::parameter::{ParameterSpec, Parameters};
use pipeline_checkpoint::{FloatTensor, tensor_digest};
use pipeline_error::Error;

/// Parameters on the host, by name.
pub type HostParameters = BTreeMap<String, FloatTensor>;

/// Tensors on `device` from parameters on the host.
pub fn to_device(host: &HostParameters, device: &Device) -> Result<Parameters, Error> {
    host.iter()
        .map(|(name, FloatTensor { shape, values })| {
            let tensor = Tensor::from_slice(values, shape.as_slice(), device)?;
            Ok((name.clone(), tensor))
        })
        .collect()
}

/// Tensors on the host, in the memory of the parameters.
pub fn into_tensors(host: HostParameters) -> Result<Parameters, Error> {
    host.into_iter()
        .map(|(name, FloatTensor { shape, values })| {
            let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
            Ok((name, tensor))
        })
        .collect()
}

/// [`tensor_digest`] of every tensor; what lies on the host row by row is not copied for it.
pub fn digests(tensors: &Parameters) -> Result<BTreeMap<String, String>, Error> {
    let digest = |tensor: &Tensor| -> Result<String, Error> {
        let (storage, layout) = tensor.storage_and_layout();
        if let (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) =
            (&*storage, layout.contiguous_offsets())
        {
            return Ok(tensor_digest(tensor.dims(), &values[start..end]));
        }
        drop(storage);
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        Ok(tensor_digest(tensor.dims(), &values))
    };
    tensors
        .par_iter()
        .map(|(name, tensor)| Ok((name.clone(), digest(tensor)?)))
        .collect()
}

/// Copies tensors to the host.
pub fn to_host<'a>(
    tensors: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
) -> Result<HostParameters, Error> {
    tensors
        .into_iter()
        .map(|(name, tensor)| {
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            let shape = tensor.dims().to_vec();
            Ok((name.clone(), FloatTensor { shape, values }))
        })
        .collect()
}

/// Fresh values of parameters, drawn from `seed`.
pub fn initial_parameters<'a>(
    specs: impl IntoIterator<Item = &'a ParameterSpec>,
    seed: u64,
) -> HostParameters {
    specs
        .into_iter()
        .map(|spec| {
            let values = spec.initial_values(seed);
            (
                spec.name.clone(),
                FloatTensor {
                    shape: spec.shape.clone(),
                    values,
                },
            )
        })
        .collect()
}
