//! What the CPU can do: kernels choose when they are called, so that the program starts on any CPU of its kind.

use crate::terminal::verbosity::Verbosity;

/// Says so where the kernels that everything is tuned for cannot be used.
pub fn tell(verbosity: Verbosity) {
    let missing = missing();
    if !missing.is_empty() {
        verbosity.note(&format!(
            "this CPU has no {}: matrix products and kernels use what it has, which is several times slower",
            missing.join(" and no ")
        ));
    }
}

#[cfg(target_arch = "x86_64")]
fn missing() -> Vec<&'static str> {
    let features = [
        ("AVX2", std::is_x86_feature_detected!("avx2")),
        ("FMA", std::is_x86_feature_detected!("fma")),
    ];
    let missing = features.iter().filter(|(_, is_there)| !is_there);
    missing.map(|(name, _)| *name).collect()
}

/// All other kinds of CPU that this builds for have their vector instructions always.
#[cfg(not(target_arch = "x86_64"))]
fn missing() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_what_the_system_does_not_list() {
        let listed = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        let has = |flag: &str| listed.split_whitespace().any(|word| word == flag);
        assert_eq!(missing().contains(&"AVX2"), !has("avx2"));
        assert_eq!(missing().contains(&"FMA"), !has("fma"));
    }
}
