//! The nodes that a run visits, in order.

use std::collections::{BTreeMap, BTreeSet};

use super::options::RunOptions;
use pipeline_error::{Code, Error};
use pipeline_graph::{Dag, GraphError};
use pipeline_stage::Node;
use pipeline_stage::{ExternalInput, StageInput};

/// A node that a run visits.
pub(super) struct Selected<'a> {
    pub node: &'a Node,
    /// Artifacts it reads of other nodes; `StageInput::stage` is `selection[producers[i]]`.
    pub inputs: Vec<StageInput>,
    /// Position of each input's node in the selection.
    pub producers: Vec<usize>,
    pub external: Vec<ExternalInput>,
    /// Execute it whatever the store holds.
    pub refresh: bool,
}

impl Selected<'_> {
    pub(super) fn name(&self) -> &str {
        &self.node.name
    }

    pub(super) fn kind(&self) -> &'static str {
        self.node.stage.kind()
    }

    /// Positions of the nodes it depends on, each once.
    pub(super) fn dependencies(&self) -> BTreeSet<usize> {
        self.producers.iter().copied().collect()
    }
}

/// The targets and all they need, in topological order.
pub(super) fn select<'a>(
    nodes: &'a [Node],
    options: &RunOptions,
) -> Result<Vec<Selected<'a>>, Error> {
    let mut by_name: BTreeMap<&str, (&Node, Vec<StageInput>)> = BTreeMap::new();
    let mut edges = Vec::with_capacity(nodes.len());
    for node in nodes {
        let inputs = node.stage.inputs();
        let needs = inputs.iter().map(|input| input.stage.clone()).collect();
        edges.push((node.name.clone(), needs));
        by_name.insert(&node.name, (node, inputs));
    }
    let dag = Dag::new(edges).map_err(wrong_graph)?;
    for name in options.targets.iter().chain(&options.refresh) {
        if !by_name.contains_key(name.as_str()) {
            return Err(unknown(name, by_name.keys().copied()));
        }
    }
    let names = if options.targets.is_empty() {
        dag.order()
    } else {
        dag.with_ancestors(&options.targets).map_err(wrong_graph)?
    };
    let positions: BTreeMap<&str, usize> = names.iter().copied().zip(0..).collect();
    if let Some(name) = options
        .refresh
        .iter()
        .find(|name| !positions.contains_key(name.as_str()))
    {
        return Err(Error::Usage {
            message: format!(
                "`{name}` is to be refreshed, but nothing that was asked for needs it"
            ),
            hint: Some("name it among the stages to run, or leave the refresh out".into()),
        });
    }
    let refresh: BTreeSet<&str> = options.refresh.iter().map(String::as_str).collect();
    let selected = names.iter().filter_map(|name| {
        let (node, inputs) = by_name.remove(name)?;
        let producers = inputs
            .iter()
            .filter_map(|input| positions.get(input.stage.as_str()));
        Some(Selected {
            node,
            producers: producers.copied().collect(),
            inputs,
            external: node.stage.external_inputs(),
            refresh: refresh.contains(name),
        })
    });
    Ok(selected.collect())
}

fn wrong_graph(error: GraphError) -> Error {
    Error::Usage {
        message: format!("the stages cannot be put in order: {error}"),
        hint: None,
    }
}

fn unknown<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Error {
    let similar = pipeline_recipe::nearest(name, names.clone());
    Error::Usage {
        message: format!("there is no stage `{name}`"),
        hint: Some(match similar {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("the stages are {}", names.collect::<Vec<_>>().join(", ")),
        }),
    }
    .coded(Code::UnknownStage)
}
