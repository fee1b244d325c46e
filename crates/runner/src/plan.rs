//! What a run would do, without doing it.

use super::fingerprints::{Fingerprinter, KnownPart, in_stage};
use super::options::RunOptions;
use super::reasons::Reasons;
use super::record::{PlanRecord, PlannedStage, PlannedStatus};
use super::selection::{Selected, select};
use pipeline_error::Error;
use pipeline_stage::Node;
use pipeline_store::action::{Lookup, Outcome, Outputs};
use pipeline_store::fingerprint::{Fingerprint, Key};
use pipeline_store::{ActionIndex, Store};

/// One stage, its place in the plan and what is known of it.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// What would happen, and why.
    pub planned: PlannedStage,
    /// Its key; none while a result it depends on is unknown.
    pub key: Option<Key>,
    /// Its result in the store; none unless it is cached.
    pub outcome: Option<Outcome>,
}

/// What a run would do, stage by stage in topological order, with the keys and results behind
/// it. Nothing is executed.
pub fn survey(nodes: &[Node], options: &RunOptions, store: &Store) -> Result<Vec<Surveyed>, Error> {
    let selection = select(nodes, options)?;
    let fingerprinter = Fingerprinter::new(&selection, options, store)?;
    survey_selection(
        &selection,
        &fingerprinter,
        store,
        &index_of(&selection, store),
    )
}

/// The store's index of the selected stages.
pub(super) fn index_of(selection: &[Selected], store: &Store) -> ActionIndex {
    store.index(selection.iter().map(Selected::name))
}

impl PlanRecord {
    /// The document of a survey.
    pub fn of(recipe_name: &str, surveyed: &[Surveyed]) -> Self {
        Self {
            recipe: recipe_name.into(),
            stages: surveyed.iter().map(|stage| stage.planned.clone()).collect(),
        }
    }
}

pub(super) fn survey_selection(
    selection: &[Selected],
    fingerprinter: &Fingerprinter,
    store: &Store,
    index: &ActionIndex,
) -> Result<Vec<Surveyed>, Error> {
    let reasons = Reasons::new(store);
    let lookup = |key: &Key| store.lookup_by(index, key);
    let mut surveyed: Vec<Surveyed> = Vec::with_capacity(selection.len());
    for selected in selection {
        let stage = survey_one(selected, &surveyed, fingerprinter, &lookup, &reasons)
            .map_err(|error| in_stage(selected.name(), error))?;
        surveyed.push(stage);
    }
    Ok(surveyed)
}

fn survey_one(
    selected: &Selected,
    before: &[Surveyed],
    fingerprinter: &Fingerprinter,
    lookup: &dyn Fn(&Key) -> Result<Lookup, Error>,
    reasons: &Reasons,
) -> Result<Surveyed, Error> {
    let part = known_part(selected, before, fingerprinter)?;
    let key = part.whole().map(Fingerprint::key);
    let with = |status, reasons, outcome| Surveyed {
        planned: PlannedStage {
            name: selected.name().into(),
            kind: selected.kind().into(),
            status,
            reasons,
        },
        key,
        outcome,
    };
    let mut why: Vec<String> = Vec::new();
    if selected.refresh {
        why.push("refreshed".into());
    }
    for position in selected.dependencies() {
        if before[position].outcome.is_none() {
            let name = &before[position].planned.name;
            why.push(format!("depends on the output of {name}"));
        }
    }
    let Some(key) = key else {
        why.extend(reasons.for_part(selected, &part));
        let status = if selected.refresh {
            PlannedStatus::Run
        } else {
            PlannedStatus::MayRun
        };
        return Ok(with(status, why, None));
    };
    // What is there is of no interest then: so a refresh also mends damage.
    if selected.refresh {
        why.extend(reasons.for_part(selected, &part));
        return Ok(with(PlannedStatus::Run, why, None));
    }
    Ok(match lookup(&key)? {
        Lookup::Complete(outcome) => with(PlannedStatus::Cached, why, Some(*outcome)),
        Lookup::Incomplete(artifact) => {
            why.push(format!("its artifact `{artifact}` is gone from the store"));
            with(PlannedStatus::Run, why, None)
        }
        Lookup::Absent => {
            why.extend(reasons.for_absent(selected, &part));
            with(PlannedStatus::Run, why, None)
        }
    })
}

/// What is known of a node's fingerprint, given what is known of all that stand before it.
pub(super) fn known_part(
    selected: &Selected,
    before: &[Surveyed],
    fingerprinter: &Fingerprinter,
) -> Result<KnownPart, Error> {
    let outputs = |&position: &usize| Some(&before[position].outcome.as_ref()?.outputs);
    let produced: Vec<Option<&Outputs>> = selected.producers.iter().map(outputs).collect();
    fingerprinter.known_part(selected, &produced)
}
