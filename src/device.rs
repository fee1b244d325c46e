//! `--device cpu|cuda:N`.

use candle_core::Device;
use pipeline_error::Error;

/// The device, if there can be one of this name in this build.
pub fn validate(device: String) -> Result<String, Error> {
    let ordinal = device.strip_prefix("cuda:").map(str::parse::<usize>);
    match ordinal {
        _ if device == "cpu" => Ok(device),
        Some(Ok(_)) if cfg!(feature = "cuda") => Ok(device),
        Some(Ok(_)) => Err(Error::Usage {
            message: format!("--device {device}: this pipeline was built without CUDA"),
            hint: Some(
                "build it with `cargo build --release --features cuda`, or use `--device cpu`"
                    .into(),
            ),
        }),
        _ => Err(Error::Usage {
            message: format!("--device {device}: no such device"),
            hint: Some("use cpu, or cuda:N (N from 0) in a build with `--features cuda`".into()),
        }),
    }
}

/// The device itself. Fails, before anything runs, where it cannot be used: no driver, no library, no such GPU.
pub fn require(name: &str) -> Result<Device, Error> {
    pipeline_device::open(name).map_err(|error| match error {
        Error::Stage { message, hint } => Error::Usage { message, hint },
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(device: &str) -> Error {
        validate(device.to_string()).expect_err(device)
    }

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(validate("cpu".to_string()).ok().as_deref(), Some("cpu"));
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_gpu_without_the_feature_is_a_usage_error_that_says_how_to_build_it() {
        let error = refused("cuda:0");
        assert_eq!(error.exit_code(), 2);
        assert!(format!("{error:?}").contains("--features cuda"));
    }

    #[test]
    #[cfg(feature = "cuda")]
    fn a_gpu_is_named_by_its_number() {
        assert_eq!(
            validate("cuda:1".to_string()).ok().as_deref(),
            Some("cuda:1")
        );
    }

    #[test]
    fn an_unknown_device_is_a_usage_error() {
        for device in ["gpu", "cuda", "cuda:", "cuda:-1", "cuda:x", "CPU", ""] {
            assert_eq!(refused(device).exit_code(), 2, "{device}");
        }
    }
}
