//! `--device cpu|cuda:N[,cuda:N…]`.

use candle_core::Device;
use pipeline_error::Error;

/// The devices of a run, if there can be such in this build: the CPU, or GPUs by their numbers.
pub fn validate(list: String) -> Result<String, Error> {
    let names: Vec<&str> = list.split(',').collect();
    for (index, name) in names.iter().enumerate() {
        validate_one(name)?;
        if names[..index].contains(name) {
            let message = format!("--device {list}: {name} is named twice");
            return Err(usage(
                message,
                "a device has one stage at a time: name each once",
            ));
        }
    }
    if names.len() > 1 && names.contains(&"cpu") {
        let message = format!("--device {list}: cpu stands beside GPUs");
        let hint = "results of a CPU and of GPUs have keys of their own: a run makes one kind";
        return Err(usage(message, hint));
    }
    Ok(list)
}

/// A single device, if there can be one of this name in this build.
pub fn validate_one(name: &str) -> Result<(), Error> {
    let ordinal = name.strip_prefix("cuda:").map(str::parse::<usize>);
    match ordinal {
        _ if name == "cpu" => Ok(()),
        Some(Ok(_)) if cfg!(feature = "cuda") => Ok(()),
        Some(Ok(_)) => Err(usage(
            format!("--device {name}: this pipeline was built without CUDA"),
            "build it with `cargo build --release --features cuda`, or use `--device cpu`",
        )),
        _ => Err(usage(
            format!("--device {name}: no such device"),
            "use cpu, or cuda:N (N from 0) in a build with `--features cuda`",
        )),
    }
}

fn usage(message: String, hint: &str) -> Error {
    Error::Usage {
        message,
        hint: Some(hint.into()),
    }
}

/// How many stages that compute on these devices may do so at once: one a GPU; on the CPU any number may, and one is
/// the rule.
pub fn count(list: &str) -> usize {
    list.split(',').count()
}

/// Fails, before anything runs, where one of the devices cannot be used: no driver, no library, no such GPU.
pub fn require(list: &str) -> Result<(), Error> {
    list.split(',').try_for_each(|name| open(name).map(drop))
}

/// A single device. Fails where it cannot be used.
pub fn open(name: &str) -> Result<Device, Error> {
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
        assert_eq!((count("cpu"), count("cuda:0,cuda:3")), (1, 2));
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_gpu_without_the_feature_is_a_usage_error_that_says_how_to_build_it() {
        for list in ["cuda:0", "cuda:0,cuda:1"] {
            let error = refused(list);
            assert_eq!(error.exit_code(), 2);
            assert!(format!("{error:?}").contains("--features cuda"));
        }
    }

    #[test]
    #[cfg(feature = "cuda")]
    fn gpus_are_named_by_their_numbers() {
        for list in ["cuda:1", "cuda:1,cuda:0"] {
            assert_eq!(validate(list.to_string()).ok().as_deref(), Some(list));
        }
        for (list, problem) in [
            ("cuda:0,cuda:0", "named twice"),
            ("cuda:0,cpu", "beside GPUs"),
        ] {
            assert!(refused(list).to_string().contains(problem), "{list}");
        }
    }

    #[test]
    fn a_list_without_gpus_is_refused() {
        assert!(refused("cpu,cpu").to_string().contains("named twice"));
    }

    #[test]
    fn an_unknown_device_is_a_usage_error() {
        for device in [
            "gpu", "cuda", "cuda:", "cuda:-1", "cuda:x", "CPU", "", "cpu,", ",cpu",
        ] {
            assert_eq!(refused(device).exit_code(), 2, "{device}");
        }
    }
}
