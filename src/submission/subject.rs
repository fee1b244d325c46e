//! The stages that a submission is about: those of a recipe, or of a rung of a sweep.

use std::collections::BTreeMap;

use serde::Serialize;

use super::asked::Asked;
use super::identities::identities;
use crate::arguments::Selection;
use crate::commands::sweep::batch::Batch;
use crate::commands::sweep::ladder;
use crate::experiment::Experiment;
use pipeline_cluster::Resources;
use pipeline_error::Error;
use pipeline_kinds::SweepRecipe;
use pipeline_recipe::Exposure;
use pipeline_runner::sweep::record::VariantStatus;
use pipeline_runner::{self as runner, Surveyed};
use pipeline_stage::{Node, stage_of};
use pipeline_store::Store;
use pipeline_store::digest::Digest;

/// What becomes of variants that failed on a rung of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// They are tried again before anything of a later rung.
    Retried,
    /// They are left behind.
    Passed,
}

/// Stages, and how the store has them.
pub struct Subject {
    /// The recipe's name.
    pub name: String,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// How they stand, in topological order.
    pub surveyed: Vec<Surveyed>,
    /// What the job of each asks for, by name.
    pub resources: BTreeMap<String, Resources>,
    /// What each is, by name.
    pub identities: BTreeMap<String, String>,
    /// Of a sweep, by the name of each node, a variant that has it.
    pub variants: BTreeMap<String, String>,
    /// The rung of a sweep; 0 of any other recipe.
    pub rung: usize,
    /// Whether further rungs follow.
    pub goes_on: bool,
    /// What of the recipe others should not see.
    pub exposure: Exposure,
    /// A digest of what is submitted: of a sweep the same on every rung.
    pub digest: String,
}

impl Subject {
    /// Of the recipe itself, or where it has a table `[sweep]`, of the first rung that is not complete. A rung on which a
    /// variant failed is complete only where failures are passed over.
    pub fn open(selection: &Selection, store: &Store, failed: Failed) -> Result<Self, Error> {
        let experiment = Experiment::load(&selection.recipe, &selection.overrides)?;
        match experiment.recipe.has_sweep {
            true => Self::of_sweep(selection, store, failed),
            false => Self::of_recipe(experiment, selection, store),
        }
    }

    fn of_recipe(
        experiment: Experiment,
        selection: &Selection,
        store: &Store,
    ) -> Result<Self, Error> {
        let options = selection.looking_at(vec![]);
        let surveyed = runner::survey(&experiment.nodes, &options, store)?;
        let Experiment { recipe, nodes } = experiment;
        let names = nodes.iter().map(|node| node.name.clone());
        let identities = identities(&nodes, &selection.device);
        let resources = names.map(|name| (name.clone(), recipe.resources_of(&name)));
        let resources: BTreeMap<String, Resources> = resources.collect();
        Ok(Self {
            digest: digest(&(&identities, &resources))?,
            identities,
            resources,
            variants: BTreeMap::new(),
            name: recipe.name,
            nodes,
            surveyed,
            rung: 0,
            goes_on: false,
            exposure: recipe.exposure,
        })
    }

    fn of_sweep(selection: &Selection, store: &Store, failed: Failed) -> Result<Self, Error> {
        let sweep = SweepRecipe::open(&selection.recipe, &selection.overrides)?;
        let mut found = None;
        let mut whole = String::new();
        let mut rung = 0;
        ladder::climb(&sweep, |batch| {
            let surveyed = batch.survey(selection, store)?;
            let show = batch.known(&surveyed, store)?;
            let here = Self::of_batch(&sweep, batch, surveyed, selection, rung)?;
            if rung == 0 {
                // It has all variants; which of them a later rung has follows from their results.
                whole = digest(&(&here.identities, &here.resources, &sweep.config))?;
            }
            found = Some(here);
            rung += 1;
            let mut variants = show.variants.iter();
            let has_failed = variants.any(|one| one.status == VariantStatus::Failed);
            let stays = has_failed && failed == Failed::Retried;
            Ok((show, !stays))
        })?;
        let found = found.ok_or_else(|| Error::stage("a sweep has at least one rung"))?;
        Ok(Self {
            digest: whole,
            ..found
        })
    }

    fn of_batch(
        sweep: &SweepRecipe,
        batch: Batch,
        surveyed: Vec<Surveyed>,
        selection: &Selection,
        rung: usize,
    ) -> Result<Self, Error> {
        let variants = batch.variants_of_nodes();
        let nodes = batch.nodes;
        let named = nodes.iter().map(|node| node.name.clone());
        Ok(Self {
            name: sweep.name.clone(),
            resources: named.zip(batch.resources.iter().copied()).collect(),
            identities: identities(&nodes, &selection.device),
            variants,
            nodes,
            surveyed,
            rung,
            goes_on: rung + 1 < sweep.rungs(),
            exposure: sweep.exposure.clone(),
            digest: String::new(),
        })
    }

    /// What nodes of one stage in all variants are called; none for a node that all share.
    pub fn of_variants(name: &str) -> Option<&str> {
        let stage = stage_of(name);
        (stage != name).then_some(stage)
    }

    /// The seconds that a job may be told before its end are not all it has.
    pub fn check_times(&self, asked: &Asked) -> Result<(), Error> {
        // Slurm may warn a minute earlier than it was asked to.
        let least = u64::from(asked.cluster.warn_seconds) + 60;
        for (name, resources) in &self.resources {
            if let Some(time) = resources.time.filter(|time| time.seconds() <= least) {
                return Err(Error::Usage {
                    message: format!(
                        "stage `{name}`: its time, {time}, is over when it has hardly begun: it is warned {} s before the \
                         end, or up to a minute earlier",
                        asked.cluster.warn_seconds
                    ),
                    hint: Some(format!(
                        "give it more than {least} s under [stages.{name}.resources], or lower `warn_seconds` of the cluster"
                    )),
                });
            }
        }
        Ok(())
    }
}

fn digest(of: &impl Serialize) -> Result<String, Error> {
    let bytes = serde_json::to_vec(of);
    let bytes = bytes.map_err(|error| Error::stage(format!("a recipe in JSON: {error}")))?;
    Ok(Digest::of_bytes(&bytes).to_string())
}
