use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::edges::{DATA, Reference, kind};
use crate::kind::StageCheck;
use pipeline_model::config::ModelConfig;
use pipeline_stage::Node;

/// A stage that names others and does nothing.
struct Stub {
    named: Vec<String>,
    is_data: bool,
}

impl StageKind for Stub {
    fn kind() -> &'static str {
        "stub"
    }

    fn seed(&self) -> Option<u64> {
        None
    }

    fn references(&self) -> Vec<Reference> {
        self.named
            .iter()
            .map(|name| kind("of", name, DATA))
            .collect()
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn check(&self, _: &mut StageCheck) {}

    fn splits_subjects(&self) -> bool {
        self.is_data
    }

    fn nodes(&self, _: &str, _: &dyn Around) -> Vec<Node> {
        Vec::new()
    }
}

#[derive(Default)]
struct Graph {
    model: ModelConfig,
    stages: BTreeMap<String, Stub>,
}

impl Around for Graph {
    fn model(&self) -> &ModelConfig {
        &self.model
    }

    fn seed(&self) -> u64 {
        0
    }

    fn stage(&self, name: &str) -> Option<&dyn StageKind> {
        self.stages.get(name).map(|stage| stage as &dyn StageKind)
    }
}

/// Stage `n` names earlier ones, by the bits of its number in `named`; every third is a data stage.
fn graph(named: &[u16]) -> Graph {
    let mut graph = Graph::default();
    for (number, bits) in named.iter().enumerate() {
        let earlier = (0..number).filter(|at| bits >> at & 1 == 1);
        let stage = Stub {
            named: earlier.map(|at| at.to_string()).collect(),
            is_data: number % 3 == 0,
        };
        graph.stages.insert(number.to_string(), stage);
    }
    graph
}

/// Whether `to` comes from `from`: by all paths, one step after the other.
fn leads(named: &[u16], from: usize, to: usize) -> bool {
    let mut reached = 1_u16 << to;
    for _ in named {
        for (number, bits) in named.iter().enumerate() {
            if reached >> number & 1 == 1 {
                reached |= bits & ((1 << number) - 1);
            }
        }
    }
    reached >> from & 1 == 1
}

proptest! {
    #[test]
    fn every_data_stage_that_leads_to_one_of_two_models_is_behind_them(
        named in prop::collection::vec(any::<u16>(), 1..12),
        own in 0..12_usize,
    ) {
        let model = named.len() - 1;
        let models = [model.to_string(), (model / 2).to_string()];
        let models_behind = models.iter().map(String::as_str);
        let found = data_behind(&graph(&named), models_behind, &own.to_string());
        let found: BTreeSet<String> = found.into_iter().collect();
        let expected = (0..named.len())
            .filter(|&stage| stage % 3 == 0 && stage != own)
            .filter(|&stage| leads(&named, stage, model) || leads(&named, stage, model / 2));
        prop_assert_eq!(found, expected.map(|stage| stage.to_string()).collect());
    }
}
