//! What a node is, known before anything has run: two with one identity do the same with the same.

use std::collections::BTreeMap;

use pipeline_stage::Node;
use pipeline_store::digest::Digest;
use pipeline_store::fingerprint::Fingerprint;

/// By name: as a fingerprint, with producers in place of what they give and paths in place of what is there.
pub fn identities(nodes: &[Node], device: &str) -> BTreeMap<String, String> {
    let by_name = nodes.iter().map(|node| (node.name.as_str(), node));
    let by_name: BTreeMap<&str, &Node> = by_name.collect();
    let mut known = BTreeMap::new();
    for node in nodes {
        identity(node, &by_name, device, &mut known);
    }
    known
}

/// The nodes were put in order before: there is no circle.
fn identity(
    node: &Node,
    by_name: &BTreeMap<&str, &Node>,
    device: &str,
    known: &mut BTreeMap<String, String>,
) -> String {
    if let Some(found) = known.get(&node.name) {
        return found.clone();
    }
    let mut inputs = BTreeMap::new();
    for input in node.stage.inputs() {
        let producer = by_name.get(input.stage.as_str());
        let producer = producer.map(|producer| identity(producer, by_name, device, known));
        let digest = Digest::of_bytes(producer.unwrap_or_default().as_bytes());
        for name in &input.artifacts {
            inputs.insert(Fingerprint::artifact_input(&input.role, name), digest);
        }
    }
    for input in node.stage.external_inputs() {
        let path = input.path.as_os_str().as_encoded_bytes();
        let name = Fingerprint::external_input(&input.field);
        inputs.insert(name, Digest::of_bytes(path));
    }
    let fingerprint = Fingerprint {
        format: Fingerprint::FORMAT,
        kind: node.stage.kind().into(),
        code_version: node.stage.code_version(),
        fields: node.stage.fields(),
        inputs,
        seed: node.stage.seed(),
        device: device.into(),
    };
    let found = fingerprint.key().to_string();
    known.insert(node.name.clone(), found.clone());
    found
}
