//! Compiles the CUDA kernels to PTX, as candle compiles its own.

#[cfg(feature = "cuda")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=kernels");
    println!("cargo::rerun-if-env-changed=CUDA_COMPUTE_CAP");
    let folder = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    cudaforge::KernelBuilder::new()
        .source_dir("kernels")
        .args(["-std=c++17", "-O3"])
        .build_ptx()?
        .write(folder.join("ptx.rs"))?;
    Ok(())
}

#[cfg(not(feature = "cuda"))]
fn main() {}
