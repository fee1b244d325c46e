//! Parts of names that are not the model's: modules that other programs wrap around it.

/// What wrappers put before every name: DistributedDataParallel, torch.compile, Lightning modules and
/// its strategies, FSDP.
pub(super) const BEFORE: [&str; 5] = [
    "module.",
    "_orig_mod.",
    "model.",
    "_forward_module.",
    "_fsdp_wrapped_module.",
];

/// What wrappers of single modules put inside of names: torch.compile, activation checkpointing, FSDP and
/// DistributedDataParallel.
pub(super) const INSIDE: [&str; 4] = [
    "_orig_mod.",
    "_checkpoint_wrapped_module.",
    "_fsdp_wrapped_module.",
    "module.",
];

/// A name without what wrappers put before it.
pub fn without_those_before(mut name: &str) -> &str {
    while let Some(rest) = BEFORE.iter().find_map(|part| name.strip_prefix(part)) {
        name = rest;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_before_a_name_go_in_whatever_order() {
        for name in ["head.weight", "model.module._orig_mod.head.weight"] {
            assert_eq!(without_those_before(name), "head.weight");
        }
        assert_eq!(
            without_those_before("head.module.weight"),
            "head.module.weight"
        );
    }
}
