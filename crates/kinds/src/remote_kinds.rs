//! Kinds of stages that a table `[remote]` names.

use crate::list::StageConfig;
use pipeline_recipe::tree::{Node, Value};
use pipeline_recipe::{Mistake, nearest};

/// Nodes that the planner puts before a stage.
const DERIVED: [&str; 2] = ["baseline", "features"];

/// The kinds in `kinds` that no stage has.
pub(crate) fn mistakes(remote: &Node) -> Vec<Mistake> {
    let Some(Value::Array(named)) = remote.child("kinds").map(|node| &node.value) else {
        return Vec::new();
    };
    let known: Vec<&str> = StageConfig::kinds().into_iter().chain(DERIVED).collect();
    let unknown = named.iter().filter_map(|node| {
        let kind = node.as_str()?;
        if known.contains(&kind) {
            return None;
        }
        let message = format!("no stage is of the kind `{kind}`");
        let mistake = Mistake::new(message, node.origin, "named here");
        Some(match nearest(kind, known.iter().copied()) {
            Some(near) => mistake.help(format!("did you mean `{near}`?")),
            None => mistake.help(format!("kinds are: {}", known.join(", "))),
        })
    });
    unknown.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_of_a_node_can_be_named() {
        let stated = StageConfig::kinds();
        let known: BTreeSet<&str> = stated.iter().copied().chain(DERIVED).collect();
        assert_eq!(known.len(), stated.len() + DERIVED.len());
        assert!(known.contains("data") && known.contains("features"));
    }
}
