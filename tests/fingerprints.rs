//! What keys depend on: those of the main job's stages are pinned, and places are no part of any.

use std::collections::BTreeMap;
use std::path::Path;

use pipeline::stages::node::Node;
use pipeline::store::digest::Digest;
use pipeline::store::fingerprint::Fingerprint;
use pipeline::{recipe, stages};

use crate::document::{repository, stage};
use crate::harness::Test;
use crate::physionet_layout::{self, FOLDER};

/// A key changes only on purpose. If one of these does though the recipe did not, every result of
/// that kind in every user's store is out of date: raise the kind's `code_version` if its results
/// changed (or `Fingerprint::FORMAT` if the encoding did), and else find out what moved the key.
const KEYS: [(&str, &str); 7] = [
    (
        "events",
        "7114666e1cde264b8d1ac646096c66db111c3907467e5786f3fdbe79b7d1e6e5",
    ),
    (
        "pretrain",
        "1c6a515f70188182525f8c3c2e2593da100f070315c75b7142b0f2a6f66bf570",
    ),
    (
        "weights",
        "681d5d0a21fc530981908418f5486669790398da0bf58afae54ba68b753094d6",
    ),
    (
        "frozen",
        "83d5441479a1b5f622846c9186da573e1454115107f5d871d43b5076dd65d19e",
    ),
    (
        "classifier:features",
        "eb6c3626f7145bd7f5e6de65b199dea5e636920979f7311e96ed209838ecea43",
    ),
    (
        "classifier",
        "6c8627bbc72fcd1cb7a4f2302e50acff9d6c06d55aeb55483860fe5eb9aa21bf",
    ),
    (
        "test",
        "9f3275506fd0168bf235d556727b04bb2961d674563dbcdbc5af986c4ec3db13",
    ),
];

fn nodes() -> Vec<Node> {
    let path = repository("recipes/finetune.toml");
    let recipe = recipe::load(Path::new(&path), &[]).expect("the recipe is sound");
    stages::nodes_of(&recipe)
}

/// The fingerprint of a node whose inputs are made up: each is the digest of its own name.
fn fingerprint(node: &Node) -> Fingerprint {
    let mut inputs = BTreeMap::new();
    for input in node.stage.inputs() {
        for artifact in input.artifacts {
            let name = format!("{}.{artifact}", input.role);
            inputs.insert(name.clone(), Digest::of_bytes(name.as_bytes()));
        }
    }
    assert!(node.stage.external_inputs().is_empty());
    Fingerprint {
        format: Fingerprint::FORMAT,
        kind: node.stage.kind().into(),
        code_version: node.stage.code_version(),
        fields: node.stage.fields(),
        inputs,
        seed: node.stage.seed(),
        device: "cpu".into(),
    }
}

#[test]
fn the_keys_of_the_main_job_are_pinned() {
    let keys: Vec<(String, String)> = nodes()
        .iter()
        .map(|node| (node.name.clone(), fingerprint(node).key().to_string()))
        .collect();
    let pinned = KEYS.map(|(name, key)| (name.to_string(), key.to_string()));
    assert_eq!(keys, pinned);
}

/// The small cohort in this folder.
fn cohort_at(folder: &str) -> (Test, String) {
    let test = physionet_layout::write(Test::new());
    let to = test.folder().join(folder);
    std::fs::rename(test.folder().join(FOLDER), &to).expect("a folder can be renamed");
    (test, to.to_string_lossy().into_owned())
}

#[test]
fn neither_the_place_nor_the_name_of_a_cohort_is_part_of_its_key() {
    let recipe = repository("recipes/physionet2012.toml");
    let key = |folder: &str| {
        let (test, root) = cohort_at(folder);
        let root = format!("vars.root={root}");
        let arguments = ["run", &recipe, "events", "--format", "json", "--set", &root];
        let document = test.args(arguments).run().success().json();
        stage(&document, "events")["key"].clone()
    };
    assert_eq!(key("here"), key("elsewhere"));
}
