//! Nodes under other names.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{ExternalInput, Node, RecipePlace, Stage, StageContext, StageInput, StageOutput};
use pipeline_error::Error;

/// These nodes, those in `names` under the names there; all read the same nodes as before.
pub fn renamed(nodes: Vec<Node>, names: &BTreeMap<String, String>) -> Vec<Node> {
    let new = |name: String| names.get(&name).cloned().unwrap_or(name);
    let nodes = nodes.into_iter().map(|node| {
        let inputs = node.stage.inputs().into_iter();
        let inputs = inputs.map(|input| StageInput {
            stage: new(input.stage),
            ..input
        });
        let (name, inputs) = (new(node.name.clone()), inputs.collect());
        reading(node, &name, inputs)
    });
    nodes.collect()
}

/// A node under this name, with these inputs in place of its own.
pub(super) fn reading(node: Node, name: &str, inputs: Vec<StageInput>) -> Node {
    Node {
        name: name.into(),
        states_seed: node.states_seed,
        stage: Box::new(Shared {
            inputs,
            stage: node.stage,
        }),
    }
}

/// A stage that reads from nodes of other names than its recipe's.
struct Shared {
    stage: Box<dyn Stage>,
    inputs: Vec<StageInput>,
}

impl Stage for Shared {
    fn kind(&self) -> &'static str {
        self.stage.kind()
    }

    fn code_version(&self) -> u32 {
        self.stage.code_version()
    }

    fn fields(&self) -> Value {
        self.stage.fields()
    }

    fn place_in_recipe(&self, field: &str) -> RecipePlace {
        self.stage.place_in_recipe(field)
    }

    fn lineage(&self) -> Option<&'static str> {
        self.stage.lineage()
    }

    fn seed(&self) -> Option<u64> {
        self.stage.seed()
    }

    fn may_hold_patients(&self) -> bool {
        self.stage.may_hold_patients()
    }

    fn inputs(&self) -> Vec<StageInput> {
        self.inputs.clone()
    }

    fn external_inputs(&self) -> Vec<ExternalInput> {
        self.stage.external_inputs()
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        self.stage.run(context)
    }
}
