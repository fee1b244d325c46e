//! Variants that are planned together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::arguments::Selection;
use pipeline_cluster::Resources;
use pipeline_error::Error;
use pipeline_kinds as kinds;
use pipeline_kinds::{SweepRecipe, SweepVariant};
use pipeline_recipe::sweep_config::SweepObjective;
use pipeline_report::pooled::{Fold, ScoredFold};
use pipeline_runner::record::{OutputRecord, RunRecord};
use pipeline_runner::sweep::record::{PlannedVariant, ShowRecord};
use pipeline_runner::sweep::{NodeResult, NodeState, check_objective, known_failures};
use pipeline_runner::{self as runner, Surveyed};
use pipeline_stage::Node;
use pipeline_stage::{Union, VariantNodes};
use pipeline_store::Store;

/// The kind of stages that score, and the artifacts with what they measured and with what they say of every stay.
const EVALUATE: &str = "evaluate";
const METRICS: &str = "metrics";
const PREDICTIONS: &str = "predictions";

/// The role in which they read the data stage that they score.
const DATA: &str = "data";

/// Fails where variants would be ranked by numbers in different units.
fn check_units(
    planned: &[PlannedVariant],
    nodes: &[Node],
    objective: &SweepObjective,
) -> Result<(), Error> {
    let SweepObjective { stage, metric, .. } = objective;
    let units = planned.iter().filter_map(|variant| {
        let unit = nodes[*variant.stages.get(stage)?].stage.unit_of(metric)?;
        Some((variant, unit))
    });
    let units: Vec<_> = units.collect();
    let Some((first, unit)) = units.first() else {
        return Ok(());
    };
    let Some((other, another)) = units.iter().find(|(_, another)| another != unit) else {
        return Ok(());
    };
    let fields = unit.as_object().into_iter().flatten();
    let differing: Vec<String> = fields
        .filter(|(name, value)| another.get(name) != Some(value))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    Err(Error::Usage {
        message: format!(
            "sweep.objective: `{metric}` of `{stage}` cannot rank variants that differ in {}: it is in another unit in `{}` \
             than in `{}`",
            differing.join(", "),
            other.name,
            first.name
        ),
        hint: Some(
            "choose by a metric that means the same in all of them, such as validation_auroc, or by one of an evaluate \
             stage on the validation split"
                .into(),
        ),
    })
}

/// Variants and the united graph of their stages.
pub struct Batch {
    /// The recipe's name.
    pub recipe: String,
    objective: SweepObjective,
    /// What each variant is.
    pub planned: Vec<PlannedVariant>,
    /// Every stage once.
    pub nodes: Vec<Node>,
    /// What the job of each asks a cluster for.
    pub resources: Vec<Resources>,
}

impl Batch {
    /// These variants of a recipe.
    pub fn of(sweep: &SweepRecipe, variants: Vec<SweepVariant>) -> Result<Self, Error> {
        let nodes = variants.iter().map(|variant| VariantNodes {
            settings: variant.point.parts.clone(),
            nodes: kinds::nodes_of(&variant.recipe),
        });
        let union = Union::of(nodes.collect())?;
        let mut resources = vec![Resources::default(); union.nodes.len()];
        for (variant, stages) in variants.iter().zip(&union.variants).rev() {
            for (stage, position) in stages {
                resources[*position] = variant.recipe.resources_of(stage);
            }
        }
        let planned = variants.iter().zip(union.variants);
        let planned = planned.map(|(variant, stages)| {
            let point = &variant.point;
            let owned = |(path, value): (&str, _)| (path.to_string(), value);
            PlannedVariant {
                name: point.name.clone(),
                setting: point.setting.clone(),
                overrides: point.overrides().into_iter().map(owned).collect(),
                seeds: point.seeds().into_iter().map(str::to_string).collect(),
                stages,
            }
        });
        let planned: Vec<PlannedVariant> = planned.collect();
        check_units(&planned, &union.nodes, &sweep.config.objective)?;
        Ok(Self {
            recipe: sweep.name.clone(),
            objective: sweep.config.objective.clone(),
            planned,
            nodes: union.nodes,
            resources,
        })
    }

    /// By the name of each node, a variant that has it.
    pub fn variants_of_nodes(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for variant in &self.planned {
            for position in variant.stages.values() {
                let name = self.nodes[*position].name.clone();
                found.entry(name).or_insert_with(|| variant.name.clone());
            }
        }
        found
    }

    /// What the store knows of every node.
    pub fn survey(&self, selection: &Selection, store: &Store) -> Result<Vec<Surveyed>, Error> {
        runner::survey(&self.nodes, &selection.looking_at(vec![]), store)
    }

    /// Why the objective is undefined in some variant, where an evaluation says it.
    pub fn undefined(&self, surveyed: &[Surveyed], store: &Store) -> Option<String> {
        let SweepObjective { stage, metric, .. } = &self.objective;
        let positions = self.planned.iter().filter_map(|one| one.stages.get(stage));
        let names: BTreeSet<&str> = positions
            .map(|position| self.nodes[*position].name.as_str())
            .collect();
        let mut measured = surveyed.iter().filter(|stage| {
            let planned = &stage.planned;
            planned.kind == EVALUATE && names.contains(planned.name.as_str())
        });
        let reason = |stage: &Surveyed| {
            let mut outputs = OutputRecord::all_of(&stage.outcome.as_ref()?.outputs, store);
            let bytes = std::fs::read(outputs.remove(METRICS)?.path).ok()?;
            let metrics: Value = serde_json::from_slice(&bytes).ok()?;
            let reason = match metric.split_once('.') {
                Some((of, metric)) => &metrics[of]["scores"]["undefined"][metric],
                None => &metrics["undefined"][metric],
            };
            reason.as_str().map(str::to_string)
        };
        measured.find_map(reason)
    }

    /// What the store knows of the variants.
    pub fn stored(&self, selection: &Selection, store: &Store) -> Result<ShowRecord, Error> {
        self.known(&self.survey(selection, store)?, store)
    }

    /// The same of a survey.
    pub fn known(&self, surveyed: &[Surveyed], store: &Store) -> Result<ShowRecord, Error> {
        let is_whole = surveyed.iter().all(|stage| stage.outcome.is_some());
        let failures = match is_whole {
            true => BTreeMap::new(),
            false => known_failures(store)?,
        };
        let results = surveyed.iter();
        let results = self.in_order(results.map(|one| NodeResult::stored(one, &failures)));
        check_objective(&self.planned, &results, &self.objective)?;
        Ok(self.show(&results))
    }

    /// What a run came to; also why the objective cannot be had of it, if it cannot.
    pub fn ran(&self, run: &RunRecord) -> (ShowRecord, Result<(), Error>) {
        let results = self.in_order(run.stages.iter().map(NodeResult::from));
        let checked = check_objective(&self.planned, &results, &self.objective);
        (self.show(&results), checked)
    }

    fn show(&self, results: &[NodeResult]) -> ShowRecord {
        ShowRecord::of(&self.recipe, &self.planned, results, &self.objective)
    }

    /// By the positions that the variants know: a run's stages are in topological order.
    fn in_order(&self, results: impl Iterator<Item = NodeResult>) -> Vec<NodeResult> {
        let named = results.map(|result| (result.name.clone(), result));
        let mut named: BTreeMap<String, NodeResult> = named.collect();
        let ordered = self.nodes.iter().map(|node| {
            let open = || NodeResult {
                name: node.name.clone(),
                kind: node.stage.kind().into(),
                state: NodeState::Open,
                metrics: BTreeMap::new(),
            };
            named.remove(&node.name).unwrap_or_else(open)
        });
        ordered.collect()
    }

    /// What the evaluations of folds say of every stay, by the names of their nodes.
    pub fn scored_folds(
        &self,
        surveyed: Vec<Surveyed>,
        store: &Store,
    ) -> BTreeMap<String, ScoredFold> {
        let nodes = self.nodes.iter().map(|node| (node.name.as_str(), node));
        let nodes: BTreeMap<&str, &Node> = nodes.collect();
        let fold = |name: &str| {
            let inputs = nodes.get(name)?.stage.inputs();
            let data = inputs.iter().find(|input| input.role == DATA)?;
            Fold::of(nodes.get(data.stage.as_str())?.stage.as_ref())
        };
        // Whoever is validated on a fold has its best epoch from there.
        let tests = |name: &str| {
            let node = nodes.get(name);
            node.is_some_and(|node| node.stage.fields()["split"] == "test")
        };
        let evaluated = surveyed.into_iter().filter(|stage| {
            let planned = &stage.planned;
            planned.kind == EVALUATE && tests(&planned.name)
        });
        let scored = evaluated.filter_map(|stage| {
            let fold = fold(&stage.planned.name)?;
            let mut outputs = OutputRecord::all_of(&stage.outcome?.outputs, store);
            let predictions = outputs.remove(PREDICTIONS)?;
            Some((stage.planned.name, ScoredFold { predictions, fold }))
        });
        scored.collect()
    }
}
