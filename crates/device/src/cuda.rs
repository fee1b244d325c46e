//! Launching kernels on the storage of tensors.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::CudaDType;
pub use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, LaunchConfig};
use candle_core::cuda_backend::cudarc::driver::{
    DeviceRepr, DriverError, LaunchArgs, PushKernelArg,
};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, Device, Layout, Result, Shape, Storage, Tensor, bail};

use pipeline_error::Error;

mod ptx {
    include!(concat!(env!("OUT_DIR"), "/ptx.rs"));
}

/// A file of kernels.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    name: &'static str,
    ptx: &'static str,
}

macro_rules! kernels {
    ($($constant:ident, $name:literal, $about:literal;)*) => {
        $(
            #[doc = $about]
            pub const $constant: Kernels = Kernels { name: $name, ptx: ptx::$constant };
        )*
    };
}

kernels! {
    ATTENTION, "pipeline-attention", "Attention within segments.";
    CHAMFER, "pipeline-chamfer", "The set reconstruction loss.";
    POINTWISE, "pipeline-pointwise", "Number by number.";
    ROWS, "pipeline-rows", "Segments of rows, norms, sums of columns.";
}

/// The GPU number `number`, on one stream that all threads share; opened once.
///
/// candle's own device has a stream for every thread and orders nothing between them.
pub(crate) fn open(number: usize) -> std::result::Result<Device, Error> {
    static OPENED: Mutex<BTreeMap<usize, Device>> = Mutex::new(BTreeMap::new());
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(device) = opened.get(&number) {
        return Ok(device.clone());
    }
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    super::cuda_libraries::load().map_err(|missing| {
        Error::stage(format!("cuda:{number} cannot be used: {missing}")).with_hint(
            "libcuda.so.1 comes with NVIDIA's driver, libcublas.so.13 and libcurand.so.10 with CUDA 13: LD_LIBRARY_PATH may name their folder",
        )
    })?;
    let device = Device::new_cuda_with_stream(number).map_err(|error| {
        Error::stage(format!("cuda:{number} cannot be used: {error}"))
            .with_hint("`nvidia-smi` lists the GPUs and the driver's version")
    })?;
    if let Device::Cuda(cuda) = &device {
        // SAFETY: every tensor lives on this one stream, which orders what is done with it.
        unsafe { cuda.disable_event_tracking() };
    }
    opened.insert(number, device.clone());
    Ok(device)
}

/// What a kernel is given: device memory, or a number of the kernel's own type.
pub trait Argument {
    /// Adds it to a launch.
    fn push<'a>(&'a self, launch: &mut LaunchArgs<'a>);
}

macro_rules! arguments {
    ($($type:ty),*) => {
        $(impl Argument for $type {
            fn push<'a>(&'a self, launch: &mut LaunchArgs<'a>) {
                launch.arg(self);
            }
        })*
    };
}
arguments!(u32, u64, f32, f64);

impl<T> Argument for CudaSlice<T> {
    fn push<'a>(&'a self, launch: &mut LaunchArgs<'a>) {
        launch.arg(self);
    }
}

impl<T> Argument for CudaView<'_, T> {
    fn push<'a>(&'a self, launch: &mut LaunchArgs<'a>) {
        launch.arg(self);
    }
}

/// Runs the kernel `name` of a file on `device`'s stream; returns before it has ended.
///
/// The arguments must be those that the kernel declares, and as long as it reads and writes.
pub fn launch(
    device: &CudaDevice,
    kernels: Kernels,
    name: &str,
    config: LaunchConfig,
    arguments: &[&dyn Argument],
) -> Result<()> {
    let function = device.get_or_load_custom_func(name, kernels.name, kernels.ptx)?;
    let mut launch = function.builder();
    arguments
        .iter()
        .for_each(|argument| argument.push(&mut launch));
    // SAFETY: each caller stands beside its kernel and gives what that declares.
    unsafe { launch.launch(config) }.map_err(failed)?;
    Ok(())
}

fn failed(error: DriverError) -> candle_core::Error {
    candle_core::Error::Cuda(Box::new(error)).bt()
}

const THREADS: u32 = 256;

/// Blocks of 256 threads that go through `count` numbers together.
pub fn each(count: usize) -> LaunchConfig {
    grid(count.div_ceil(THREADS as usize).clamp(1, 8192), THREADS)
}

/// A warp for each of `count` things, eight in a block.
pub fn warps(count: usize) -> LaunchConfig {
    grid(count.div_ceil(THREADS as usize / 32).max(1), THREADS)
}

/// `blocks` blocks of `threads` threads.
pub fn grid(blocks: usize, threads: u32) -> LaunchConfig {
    LaunchConfig {
        grid_dim: (blocks as u32, 1, 1),
        block_dim: (threads, 1, 1),
        shared_mem_bytes: 0,
    }
}

/// The numbers of a contiguous tensor on a GPU.
pub struct Numbers<'a, Guard> {
    storage: Guard,
    layout: &'a Layout,
}

/// The numbers of a tensor. Fails if it lies elsewhere.
pub fn numbers(tensor: &Tensor) -> Result<Numbers<'_, impl Deref<Target = Storage>>> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cuda(_) => {}
        _ => bail!("a CUDA kernel met a tensor on {:?}", tensor.device()),
    }
    Ok(Numbers { storage, layout })
}

impl<Guard: Deref<Target = Storage>> Numbers<'_, Guard> {
    /// The device.
    pub fn device(&self) -> Result<&CudaDevice> {
        Ok(self.storage()?.device())
    }

    /// Its numbers in order.
    pub fn view<T: CudaDType>(&self) -> Result<CudaView<'_, T>> {
        view(self.storage()?, self.layout)
    }

    fn storage(&self) -> Result<&CudaStorage> {
        match &*self.storage {
            Storage::Cuda(storage) => Ok(storage),
            _ => bail!("a CUDA kernel met a tensor that is on no GPU"),
        }
    }
}

/// The numbers of a kernel's argument, which must be contiguous.
pub fn view<'a, T: CudaDType>(
    storage: &'a CudaStorage,
    layout: &Layout,
) -> Result<CudaView<'a, T>> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("a CUDA kernel met a tensor that is not contiguous: {layout:?}");
    };
    Ok(storage.as_cuda_slice::<T>()?.slice(start..end))
}

/// Room for `count` numbers, which the next kernel must write.
pub fn room<T: DeviceRepr>(device: &CudaDevice, count: usize) -> Result<CudaSlice<T>> {
    // SAFETY: kernels of ours write all of their output before anything reads it.
    unsafe { device.alloc::<T>(count.max(1)) }
}

/// A tensor of what a kernel wrote.
pub fn tensor<T: CudaDType>(
    device: &CudaDevice,
    numbers: CudaSlice<T>,
    shape: impl Into<Shape>,
) -> Tensor {
    let storage = CudaStorage::wrap_cuda_slice(numbers, device.clone());
    Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false)
}

/// The device that a CUDA tensor lies on.
pub fn device_of(tensor: &Tensor) -> Result<&CudaDevice> {
    match tensor.device() {
        Device::Cuda(device) => Ok(device),
        other => bail!("a CUDA kernel met a tensor on {other:?}"),
    }
}
