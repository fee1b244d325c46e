//! Tensors in few words.

/// A shape, like `3 × 4`.
pub fn shape(shape: &[usize]) -> String {
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    match lengths.is_empty() {
        true => "scalar".into(),
        false => lengths.join(" × "),
    }
}

/// As much of a digest as tells it from others.
pub fn short(digest: &str) -> String {
    digest.chars().take(16).collect()
}
