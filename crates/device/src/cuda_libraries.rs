//! NVIDIA's libraries, loaded when a GPU is first asked for: one binary starts with and without a driver.
//!
//! candle links to them; a program that does so does not start where one is missing. Here stands a function of each
//! name that candle's code refers to, which jumps to where [`load`] has found it.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

/// The driver, and what of CUDA's runtime is used.
const LIBRARIES: [(&CStr, &str); 3] = [
    (c"libcublas.so.13", "cublas"),
    (c"libcurand.so.10", "curand"),
    (c"libcuda.so.1", "cu"),
];

unsafe extern "C" {
    fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

const RTLD_NOW: c_int = 2;

#[repr(C)]
struct Entry {
    name: *const c_char,
    function: *const c_void,
}

macro_rules! forwarded {
    ($($name:literal)*) => {
        const FORWARDED: usize = [$($name),*].len();

        std::arch::global_asm!(
            ".pushsection .data",
            ".balign 8",
            ".globl pipeline_cuda_functions",
            "pipeline_cuda_functions:",
            ".popsection",
            $(concat!(
                ".pushsection .rodata\n",
                ".Lname_", $name, ": .asciz \"", $name, "\"\n",
                ".popsection\n",
                ".pushsection .data\n",
                ".quad .Lname_", $name, "\n",
                ".Lat_", $name, ": .quad pipeline_cuda_not_loaded\n",
                ".popsection\n",
                ".pushsection .text\n",
                ".globl ", $name, "\n",
                ".type ", $name, ", @function\n",
                $name, ": jmp qword ptr [rip + .Lat_", $name, "]\n",
                ".popsection",
            ),)*
        );
    };
}

forwarded! {
    "cuCtxDestroy_v2" "cuCtxGetCurrent" "cuCtxSetCurrent" "cuCtxSynchronize" "cuDeviceGet" "cuDeviceGetAttribute"
    "cuDevicePrimaryCtxRelease_v2" "cuDevicePrimaryCtxRetain" "cuEventCreate" "cuEventDestroy_v2" "cuEventRecord"
    "cuGetErrorString" "cuInit" "cuLaunchKernel" "cuMemAllocAsync" "cuMemAlloc_v2" "cuMemFreeAsync" "cuMemFree_v2"
    "cuMemcpyDtoDAsync_v2" "cuMemcpyDtoHAsync_v2" "cuMemcpyHtoDAsync_v2" "cuMemcpyPeerAsync" "cuMemsetD8Async"
    "cuModuleGetFunction" "cuModuleLoad" "cuModuleLoadData" "cuModuleUnload" "cuStreamCreate" "cuStreamDestroy_v2"
    "cuStreamIsCapturing" "cuStreamSynchronize" "cuStreamWaitEvent" "cublasCreate_v2" "cublasDestroy_v2"
    "cublasDgemmStridedBatched" "cublasGemmStridedBatchedEx" "cublasSetStream_v2" "curandCreateGenerator"
    "curandDestroyGenerator" "curandSetPseudoRandomGeneratorSeed" "curandSetStream"
}

unsafe extern "C" {
    static mut pipeline_cuda_functions: [Entry; FORWARDED];
}

#[unsafe(no_mangle)]
extern "C" fn pipeline_cuda_not_loaded() -> ! {
    eprintln!("a CUDA library was used before it was loaded: this is a mistake in pipeline");
    std::process::abort()
}

macro_rules! left_out {
    ($($name:ident)*) => {
        $(
            /// candle's kernels for quantised tensors, which nothing here has, register and start themselves with this.
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> *const c_void {
                std::ptr::null()
            }
        )*
    };
}

left_out! {
    __cudaRegisterFatBinary __cudaRegisterFatBinaryEnd __cudaRegisterFunction __cudaRegisterVar
    __cudaUnregisterFatBinary
}

macro_rules! refused {
    ($($name:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> ! {
                eprintln!("{}: pipeline has no quantised tensors on a GPU", stringify!($name));
                std::process::abort()
            }
        )*
    };
}

refused! {
    __cudaGetKernel __cudaLaunchKernel_ptsz __cudaPopCallConfiguration __cudaPushCallConfiguration
    cudaFuncSetAttribute cudaGetDevice
}

/// Loads the libraries, once. Fails with the name of what is missing.
pub fn load() -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(load_all).clone()
}

fn load_all() -> Result<(), String> {
    let mut libraries = Vec::new();
    for (file, prefix) in LIBRARIES {
        // SAFETY: a name that ends in zero; the libraries stay loaded.
        let library = unsafe { dlopen(file.as_ptr(), RTLD_NOW) };
        if library.is_null() {
            return Err(last_error());
        }
        libraries.push((library, prefix));
    }
    let functions = &raw mut pipeline_cuda_functions;
    for place in 0..FORWARDED {
        // SAFETY: the table has so many entries, and nobody jumps through it before this has ended.
        unsafe {
            let entry = functions.cast::<Entry>().add(place);
            let name = CStr::from_ptr((*entry).name);
            let of = |prefix: &str| name.to_bytes().starts_with(prefix.as_bytes());
            let library = libraries.iter().find(|(_, prefix)| of(prefix));
            let function = library.map_or(std::ptr::null_mut(), |(library, _)| {
                dlsym(*library, name.as_ptr())
            });
            if function.is_null() {
                return Err(last_error());
            }
            (*entry).function = function;
        }
    }
    Ok(())
}

fn last_error() -> String {
    // SAFETY: dlerror gives a text, or null where nothing failed.
    let text = unsafe { dlerror() };
    if text.is_null() {
        return "a CUDA library cannot be loaded".into();
    }
    // SAFETY: as above.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}
