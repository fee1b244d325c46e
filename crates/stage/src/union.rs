//! The nodes of several recipes as one graph in which what is equal is one node.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Node, OF_VARIANT};
use crate::StageInput;
use crate::renamed::reading;
use pipeline_error::Error;
use pipeline_graph::Dag;
use pipeline_store::digest::Digest;
use pipeline_store::fingerprint::{Fingerprint, Key};

/// A longer name of a node is a digest.
const LONGEST_NAME: usize = 160;

/// The nodes of one variant.
pub struct VariantNodes {
    /// What it sets, each in words (`lr=0.001`).
    pub settings: Vec<String>,
    /// Its nodes, in the recipe's order.
    pub nodes: Vec<Node>,
}

/// Several variants as one graph.
pub struct Union {
    /// Every node once, those of the first variant first. A node that not all variants share is
    /// called `STAGE@` and what is common to those that do.
    pub nodes: Vec<Node>,
    /// By variant: stage by stage the position of its node.
    pub variants: Vec<BTreeMap<String, usize>>,
}

impl Union {
    /// Unites the variants. Two nodes are one if they are of one name in the recipe and of one
    /// kind, code version, settings and seed, read the same files and, of their united producers,
    /// the same artifacts: known before anything has run.
    pub fn of(variants: Vec<VariantNodes>) -> Result<Self, Error> {
        let mut collected = Collected::default();
        let mut settings = Vec::with_capacity(variants.len());
        for (index, variant) in variants.into_iter().enumerate() {
            settings.push(variant.settings);
            collected.add(index, variant.nodes)?;
        }
        let names = collected.names(&settings);
        let nodes = collected.nodes.into_iter().zip(&names);
        let nodes = nodes.map(|(united, name)| united.renamed(name, &names));
        Ok(Self {
            nodes: nodes.collect(),
            variants: collected.variants,
        })
    }
}

#[derive(Default)]
struct Collected {
    nodes: Vec<United>,
    by_identity: BTreeMap<(String, Key), usize>,
    variants: Vec<BTreeMap<String, usize>>,
}

/// A node, and the variants that share it.
struct United {
    node: Node,
    identity: Key,
    /// Positions of the nodes that its inputs come from.
    producers: Vec<usize>,
    variants: Vec<usize>,
}

impl Collected {
    fn add(&mut self, variant: usize, nodes: Vec<Node>) -> Result<(), Error> {
        let edges = nodes.iter().map(|node| {
            let inputs = node.stage.inputs().into_iter();
            (node.name.clone(), inputs.map(|input| input.stage).collect())
        });
        let dag = Dag::new(edges.collect()).map_err(|error| Error::Usage {
            message: format!("the stages cannot be put in order: {error}"),
            hint: None,
        })?;
        let order: Vec<String> = dag.order().into_iter().map(str::to_string).collect();
        let mut nodes: BTreeMap<String, Node> = nodes
            .into_iter()
            .map(|node| (node.name.clone(), node))
            .collect();
        let mut own: BTreeMap<String, usize> = BTreeMap::new();
        for name in order {
            let Some(node) = nodes.remove(&name) else {
                continue;
            };
            let inputs = node.stage.inputs();
            let producers: Vec<usize> = inputs.iter().map(|input| own[&input.stage]).collect();
            let identity = self.identity(&node, &inputs, &producers);
            let known = self.by_identity.get(&(name.clone(), identity)).copied();
            let position = known.unwrap_or(self.nodes.len());
            match known {
                Some(position) => self.nodes[position].variants.push(variant),
                None => {
                    self.by_identity.insert((name.clone(), identity), position);
                    self.nodes.push(United {
                        node,
                        identity,
                        producers,
                        variants: vec![variant],
                    });
                }
            }
            own.insert(name, position);
        }
        self.variants.push(own);
        Ok(())
    }

    /// As a fingerprint, with producers in place of what they give and paths in place of what is there.
    fn identity(&self, node: &Node, inputs: &[StageInput], producers: &[usize]) -> Key {
        let mut digests = BTreeMap::new();
        for (input, producer) in inputs.iter().zip(producers) {
            let producer = self.nodes[*producer].identity.to_string();
            let from = format!("{}:{producer}", input.stage);
            for name in &input.artifacts {
                let name = Fingerprint::artifact_input(&input.role, name);
                digests.insert(name, Digest::of_bytes(from.as_bytes()));
            }
        }
        for input in node.stage.external_inputs() {
            let path = input.path.as_os_str().as_encoded_bytes();
            let name = Fingerprint::external_input(&input.field);
            digests.insert(name, Digest::of_bytes(path));
        }
        Fingerprint {
            format: Fingerprint::FORMAT,
            kind: node.stage.kind().into(),
            code_version: node.stage.code_version(),
            fields: node.stage.fields(),
            inputs: digests,
            seed: node.stage.seed(),
            device: String::new(),
        }
        .key()
    }

    /// What every node is called: a function of the variants that share it.
    fn names(&self, settings: &[Vec<String>]) -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(self.nodes.len());
        let mut taken = BTreeSet::new();
        for united in &self.nodes {
            let stage = united.node.name.as_str();
            let is_shared_by_all = united.variants.len() == settings.len();
            let mut name = match is_shared_by_all {
                true => stage.to_string(),
                false => {
                    let common = self.common(united, settings).join(",");
                    format!("{stage}{OF_VARIANT}{common}")
                }
            };
            // Nothing is common to all that share it and to them alone; or it would be too long
            // for a file's name.
            let says_nothing = name.ends_with(OF_VARIANT) || name.len() > LONGEST_NAME;
            if says_nothing || taken.contains(&name) {
                name = format!("{stage}{OF_VARIANT}~{}", &united.identity.to_string()[..12]);
            }
            taken.insert(name.clone());
            names.push(name);
        }
        names
    }

    /// The settings that all variants have which share a node.
    fn common<'a>(&self, united: &United, settings: &'a [Vec<String>]) -> Vec<&'a str> {
        let Some((first, others)) = united.variants.split_first() else {
            return Vec::new();
        };
        let own = settings[*first].iter();
        own.filter(|one| others.iter().all(|other| settings[*other].contains(one)))
            .map(String::as_str)
            .collect()
    }
}

impl United {
    fn renamed(self, name: &str, names: &[String]) -> Node {
        let inputs = self.node.stage.inputs().into_iter().zip(self.producers);
        let inputs = inputs.map(|(input, producer)| StageInput {
            stage: names[producer].clone(),
            ..input
        });
        let inputs = inputs.collect();
        reading(self.node, name, inputs)
    }
}
