//! What a table `[remote]` says, beyond its schema.

use crate::list::StageConfig;
use pipeline_recipe::tree::{Node, Value};
use pipeline_recipe::{Mistake, nearest};

/// Nodes that the planner puts before a stage.
const DERIVED: [&str; 2] = ["baseline", "features"];

/// How addresses begin.
const SCHEMES: [&str; 2] = ["s3://", "file:///"];

/// An address that is none, and kinds that no stage has.
pub(crate) fn mistakes(remote: &Node) -> Vec<Mistake> {
    let url = remote.child("url");
    let url = url.and_then(|node| Some((node, node.as_str()?)));
    let refused = url.filter(|(_, url)| {
        let place = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme));
        place.is_none_or(|place| place.is_empty() || place.contains('@'))
            || url.starts_with("s3:///")
    });
    let refused = refused.map(|(node, _)| {
        Mistake::new("`remote.url` is no remote cache", node.origin, "stated here").help(
            "one looks like s3://BUCKET/PREFIX or file:///FOLDER; credentials are found where AWS's tools look for them",
        )
    });
    refused.into_iter().chain(unknown_kinds(remote)).collect()
}

fn unknown_kinds(remote: &Node) -> Vec<Mistake> {
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
