//! The part of a submission's stages that one task needs: of a sweep only the variants that its nodes belong to.

use std::collections::{BTreeMap, BTreeSet};

use super::identities::identities;
use crate::arguments::Selection;
use crate::commands::sweep::batch::Batch;
use crate::commands::sweep::run;
use crate::experiment::Experiment;
use pipeline_cluster::{JobRecord, Ledger};
use pipeline_error::Error;
use pipeline_kinds::SweepRecipe;
use pipeline_recipe::Point;
use pipeline_stage::{Node, renamed, stage_of};

/// Nodes, and what runs them.
pub struct Part {
    /// The recipe's name.
    pub name: String,
    /// The nodes of the task and what they need, under the names by which they were submitted.
    pub nodes: Vec<Node>,
    /// What each is, by name.
    pub identities: BTreeMap<String, String>,
    /// Whether longer trainings go on from shorter ones.
    pub continue_trainings: bool,
    /// Whether others should not see what a run keeps of the recipe.
    pub private: bool,
    /// What a run keeps of the recipe.
    pub documents: pipeline_runner::Documents,
}

impl Part {
    /// Of one task of a job.
    pub fn of(
        selection: &Selection,
        ledger: &Ledger,
        job: &JobRecord,
        task: &[String],
    ) -> Result<Self, Error> {
        match job.variants.is_empty() {
            true => Self::of_recipe(selection),
            false => Self::of_sweep(selection, ledger, job, task),
        }
    }

    fn of_recipe(selection: &Selection) -> Result<Self, Error> {
        let experiment = Experiment::load(&selection.recipe, &selection.overrides)?;
        let documents = experiment.documents(selection)?;
        let Experiment { recipe, nodes } = experiment;
        Ok(Self {
            name: recipe.name,
            identities: identities(&nodes, &selection.device),
            nodes,
            continue_trainings: false,
            private: recipe.exposure.holds_environment,
            documents,
        })
    }

    fn of_sweep(
        selection: &Selection,
        ledger: &Ledger,
        job: &JobRecord,
        task: &[String],
    ) -> Result<Self, Error> {
        let sweep = SweepRecipe::open(&selection.recipe, &selection.overrides)?;
        let wanted = task.iter().filter_map(|name| job.variants.get(name));
        let wanted: BTreeSet<&str> = wanted.map(String::as_str).collect();
        let points = sweep.on_rung(job.rung, &sweep.points()?).into_iter();
        let points: Vec<Point> = points.map(|(_, point)| point).collect();
        let is_wanted = |point: &&Point| wanted.contains(point.name.as_str());
        let few: Vec<Point> = points.iter().filter(is_wanted).cloned().collect();
        // A variant that is no more in the recipe may have had a node that others have, too.
        let points = if few.len() == wanted.len() {
            few
        } else {
            points
        };
        let batch = Batch::of(&sweep, sweep.variants(points)?)?;
        let documents = run::documents(selection, &batch.planned)?;
        let known = identities(&batch.nodes, &selection.device);
        let names = as_submitted(ledger, &known);
        let nodes = renamed(batch.nodes, &names);
        let named = known.into_iter();
        let named = named.map(|(name, identity)| (names[&name].clone(), identity));
        Ok(Self {
            name: sweep.name,
            nodes,
            identities: named.collect(),
            continue_trainings: sweep.config.halving.is_some(),
            private: sweep.exposure.holds_environment,
            documents,
        })
    }
}

/// By name among few variants, the name among all: nodes are called by the variants that share them.
fn as_submitted(ledger: &Ledger, known: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let submitted = ledger.jobs.iter().flat_map(|job| &job.identities);
    let submitted: BTreeMap<(&str, &str), &str> = submitted
        .map(|(name, identity)| ((stage_of(name), identity.as_str()), name.as_str()))
        .collect();
    let taken: BTreeSet<&str> = submitted.values().copied().collect();
    let names = known.iter().map(|(name, identity)| {
        let stage = stage_of(name);
        let new = match submitted.get(&(stage, identity.as_str())) {
            Some(new) => (*new).to_string(),
            // It was done before anything was submitted, and is called like something else that was.
            None if taken.contains(name.as_str()) => format!("{stage}@~{}", &identity[..12]),
            None => name.clone(),
        };
        (name.clone(), new)
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline_cluster::{Entry, Resources};

    #[test]
    fn nodes_have_the_names_under_which_they_were_submitted() {
        let owned = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let owned = pairs
                .iter()
                .map(|(one, other)| ((*one).into(), (*other).into()));
            owned.collect()
        };
        let ledger = Ledger::of([Entry::Job(JobRecord {
            job: 0,
            name: "run-head.0".into(),
            rung: 0,
            tasks: Vec::new(),
            identities: owned(&[
                ("head@lr=1", "aaaaaaaaaaaaaaaa"),
                ("head", "bbbbbbbbbbbbbbbb"),
            ]),
            variants: BTreeMap::new(),
            subject: None,
            resources: Resources::default(),
        })]);
        let few = owned(&[
            ("data", "cccccccccccccccc"),
            ("head", "aaaaaaaaaaaaaaaa"),
            ("head@lr=1", "dddddddddddddddd"),
        ]);
        let expected = owned(&[
            ("data", "data"),
            ("head", "head@lr=1"),
            ("head@lr=1", "head@~dddddddddddd"),
        ]);
        assert_eq!(as_submitted(&ledger, &few), expected);
    }
}
