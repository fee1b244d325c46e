//! Matrix products by cuBLAS whose factors have fewer bits than single precision.
//!
//! candle has a switch for that, but one for the whole process: stages of a run may differ.

use candle_core::cuda_backend::cudarc::cublas::{result, sys};
use candle_core::cuda_backend::cudarc::driver::DevicePtr;
use candle_core::{CudaDevice, Result, bail};

use super::cuda::{CudaSlice, CudaView, room};

/// A matrix, row after row.
#[derive(Clone, Copy)]
pub struct Factor<'a, T> {
    /// Its numbers.
    pub numbers: &'a CudaView<'a, T>,
    /// Whether its transpose is meant.
    pub turned: bool,
}

impl<'a, T> Factor<'a, T> {
    /// The matrix as it is.
    pub fn of(numbers: &'a CudaView<'a, T>) -> Self {
        Self {
            numbers,
            turned: false,
        }
    }

    /// Its transpose.
    pub fn turned(numbers: &'a CudaView<'a, T>) -> Self {
        Self {
            numbers,
            turned: true,
        }
    }
}

/// `a` [rows, inner] · `b` [inner, columns], for sizes [rows, columns, inner]: factors are rounded to TF32 on the way.
pub fn in_tf32(
    device: &CudaDevice,
    sizes: [usize; 3],
    a: Factor<f32>,
    b: Factor<f32>,
) -> Result<CudaSlice<f32>> {
    let how = (
        sys::cudaDataType_t::CUDA_R_32F,
        sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
    );
    // SAFETY: the type is that of the factors.
    unsafe { product(device, sizes, a, b, how) }
}

/// The same of factors in bfloat16; sums and result are in single precision.
pub fn in_bf16(
    device: &CudaDevice,
    sizes: [usize; 3],
    a: Factor<half::bf16>,
    b: Factor<half::bf16>,
) -> Result<CudaSlice<f32>> {
    let how = (
        sys::cudaDataType_t::CUDA_R_16BF,
        sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
    );
    // SAFETY: the type is that of the factors.
    unsafe { product(device, sizes, a, b, how) }
}

/// # Safety
/// `kind` is the type T.
unsafe fn product<T>(
    device: &CudaDevice,
    [rows, columns, inner]: [usize; 3],
    a: Factor<T>,
    b: Factor<T>,
    (kind, sums): (sys::cudaDataType_t, sys::cublasComputeType_t),
) -> Result<CudaSlice<f32>> {
    if a.numbers.len() != rows * inner || b.numbers.len() != inner * columns {
        bail!(
            "factors of {} and {} numbers do not make [{rows}, {inner}] · [{inner}, {columns}]",
            a.numbers.len(),
            b.numbers.len()
        );
    }
    let y = room::<f32>(device, rows * columns)?;
    // cuBLAS goes by columns: what is [r, c] here is [c, r] there, and y is bᵀ aᵀ.
    let as_it_is = |turned: bool| match turned {
        true => sys::cublasOperation_t::CUBLAS_OP_T,
        false => sys::cublasOperation_t::CUBLAS_OP_N,
    };
    let stride = |turned: bool, [rows, columns]: [usize; 2]| match turned {
        true => rows as i32,
        false => columns as i32,
    };
    let (one, zero) = (1f32, 0f32);
    let (stream, blas) = (device.cuda_stream(), device.cublas_handle());
    let ((a_at, _a), (b_at, _b)) = (a.numbers.device_ptr(&stream), b.numbers.device_ptr(&stream));
    let (y_at, y_held) = y.device_ptr(&stream);
    // SAFETY: the factors have the numbers that the sizes ask for, as was seen, and y has room for all of its own.
    let done = unsafe {
        result::gemm_strided_batched_ex(
            *blas.handle(),
            as_it_is(b.turned),
            as_it_is(a.turned),
            columns as i32,
            rows as i32,
            inner as i32,
            (&raw const one).cast(),
            b_at as *const _,
            kind,
            stride(b.turned, [inner, columns]),
            0,
            a_at as *const _,
            kind,
            stride(a.turned, [rows, inner]),
            0,
            (&raw const zero).cast(),
            y_at as *mut _,
            sys::cudaDataType_t::CUDA_R_32F,
            columns as i32,
            0,
            1,
            sums,
            sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT_TENSOR_OP,
        )
    };
    drop(y_held);
    done.map_err(|error| candle_core::Error::Cuda(Box::new(error)).bt())?;
    Ok(y)
}
