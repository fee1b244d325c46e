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

    fn unit_of(&self, metric: &str) -> Option<Value> {
        self.stage.unit_of(metric)
    }

    fn may_hold_patients(&self) -> bool {
        self.stage.may_hold_patients()
    }

    fn uses_device(&self) -> bool {
        self.stage.uses_device()
    }

    fn needs_gpu(&self) -> Option<String> {
        self.stage.needs_gpu()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A stage that states everything that a stage may state.
    struct Plain(Vec<StageInput>);

    impl Stage for Plain {
        fn kind(&self) -> &'static str {
            "plain"
        }

        fn code_version(&self) -> u32 {
            7
        }

        fn fields(&self) -> Value {
            Value::from(3)
        }

        fn place_in_recipe(&self, field: &str) -> RecipePlace {
            RecipePlace::Top(field.into())
        }

        fn lineage(&self) -> Option<&'static str> {
            Some("epochs")
        }

        fn seed(&self) -> Option<u64> {
            Some(5)
        }

        fn unit_of(&self, metric: &str) -> Option<Value> {
            Some(metric.into())
        }

        fn may_hold_patients(&self) -> bool {
            false
        }

        fn uses_device(&self) -> bool {
            true
        }

        fn needs_gpu(&self) -> Option<String> {
            Some("precision".into())
        }

        fn inputs(&self) -> Vec<StageInput> {
            self.0.clone()
        }

        fn run(&self, _: &StageContext) -> Result<StageOutput, Error> {
            Ok(StageOutput::default())
        }
    }

    #[test]
    fn a_node_under_another_name_is_the_same_stage_and_reads_the_same_nodes() {
        let reads = vec![StageInput::new("data", "events", &["stays"])];
        let nodes = vec![
            Node::of_stage("events", false, Plain(Vec::new())),
            Node::of_stage("head", true, Plain(reads)),
        ];
        let names = [("events", "events@root=a"), ("head", "head@lr=1")];
        let names = names.map(|(old, new)| (old.to_string(), new.to_string()));
        let nodes = renamed(nodes, &BTreeMap::from(names));
        assert_eq!(nodes[1].name, "head@lr=1");
        let stage = &nodes[1].stage;
        assert_eq!(stage.inputs()[0].stage, "events@root=a");
        assert_eq!((stage.kind(), stage.code_version()), ("plain", 7));
        assert_eq!((stage.fields(), stage.seed()), (Value::from(3), Some(5)));
        assert_eq!(stage.lineage(), Some("epochs"));
        assert!(!stage.may_hold_patients() && nodes[1].states_seed);
        assert_eq!(stage.unit_of("loss"), Some("loss".into()));
        assert!(stage.uses_device());
        assert_eq!(stage.needs_gpu().as_deref(), Some("precision"));
        assert!(matches!(stage.place_in_recipe("x"), RecipePlace::Top(path) if path == "x"));
    }
}
