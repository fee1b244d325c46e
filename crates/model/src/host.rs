//! Parameters on the host: what files, digests and optimizers see of a model.

use std::collections::BTreeMap;
use std::ops::{Deref, Range};

use candle_core::{CpuStorage, Device, Storage, Tensor};
use rayon::prelude::*;

use crate::parameter::{ParameterSpec, Parameters};
use pipeline_checkpoint::{FloatTensor, TensorValues, tensor_digest};
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

/// A tensor in its own memory, if that is the host's and holds it row by row.
pub fn host_view(tensor: &Tensor) -> Option<impl TensorValues> {
    let (storage, layout) = tensor.storage_and_layout();
    let (start, end) = layout.contiguous_offsets()?;
    let lies_so = matches!(&*storage, Storage::Cpu(CpuStorage::F32(_)));
    lies_so.then_some(HostView {
        shape: tensor.dims(),
        storage,
        range: start..end,
    })
}

/// The guard of a tensor's memory, whose type is of no name here, and the part of it that is the tensor's.
struct HostView<'a, G> {
    shape: &'a [usize],
    storage: G,
    range: Range<usize>,
}

impl<G: Deref<Target = Storage> + Sync> TensorValues for HostView<'_, G> {
    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn values(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.clone()],
            _ => unreachable!("it was looked at when the view was made"),
        }
    }
}

/// [`tensor_digest`] of every tensor; what lies on the host row by row is not copied for it.
pub fn digests(tensors: &Parameters) -> Result<BTreeMap<String, String>, Error> {
    let digest = |tensor: &Tensor| -> Result<String, Error> {
        if let Some(view) = host_view(tensor) {
            return Ok(tensor_digest(view.shape(), view.values()));
        }
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
