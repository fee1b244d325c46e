use candle_core::Device;

use pipeline_error::Error;

/// The class of a device: `cpu`, or `cuda` for any of that kind.
pub fn class(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

/// The device of this name: `cpu`, or `cuda:N` for the NVIDIA GPU number N, counted from 0.
///
/// Fails on another name, in a build without CUDA, and where there is no such GPU or no driver.
pub fn open(name: &str) -> Result<Device, Error> {
    let unknown = || Error::stage(format!("{name} is no device: cpu or cuda:N"));
    match name.split_once(':') {
        None if name == "cpu" => Ok(Device::Cpu),
        Some(("cuda", number)) => cuda(number.parse().map_err(|_| unknown())?),
        _ => Err(unknown()),
    }
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<Device, Error> {
    super::cuda::open(number)
}

#[cfg(not(feature = "cuda"))]
fn cuda(number: usize) -> Result<Device, Error> {
    Err(Error::stage(format!(
        "cuda:{number}: this pipeline was built without CUDA"
    ))
    .with_hint("build it with `cargo build --release --features cuda`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_opened_by_its_name() {
        assert!(open("cpu").is_ok_and(|device| device.is_cpu()));
        assert_eq!((class("cuda:3"), class("cpu")), ("cuda", "cpu"));
        for name in ["", "gpu", "cuda", "cuda:x", "cpu:0"] {
            assert!(open(name).is_err(), "{name}");
        }
    }
}
