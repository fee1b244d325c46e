//! Where a name's random numbers are.

/// The index of a name's draws in a [`pipeline_random::Stream`]: they depend on the name alone,
/// not on which other names there are.
pub(super) fn address_of(name: &str) -> u64 {
    let digest = blake3::hash(name.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_le_bytes(first)
}
