//! Which stages become which jobs.

use std::collections::{BTreeMap, BTreeSet};

use crate::pack::{even, pack};
use crate::resources::Resources;

/// A stage, and how it stands.
#[derive(Clone, Debug)]
pub struct Open {
    /// Its node's name.
    pub name: String,
    /// What nodes of it in all variants of a sweep are called; none for a node that is no variant's.
    pub of_variants: Option<String>,
    /// Its kind.
    pub kind: String,
    /// What its job asks for.
    pub resources: Resources,
    /// How long it is expected to take, by what earlier runs took.
    pub seconds: Option<f64>,
    /// Positions of the stages that it reads, all before its own.
    pub needs: Vec<usize>,
    /// How it stands.
    pub situation: Situation,
}

/// How a stage stands before jobs are submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Situation {
    /// Its result is in the store.
    Done,
    /// It is in this job or task of an array, which is queued or runs.
    Lives(String),
    /// It has to be submitted.
    Open,
    /// It failed, or needs one that did.
    Blocked,
}

/// What a job waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum After {
    /// A job or task that lives already.
    Living(String),
    /// The whole draft at this position.
    All(usize),
    /// Task by task, the array at this position.
    Each(usize),
}

/// A job to be submitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What it is called, without the run.
    pub label: String,
    /// Positions of the stages that each task runs, in order. More than one task: an array.
    pub tasks: Vec<Vec<usize>>,
    /// What must have ended well before.
    pub after: Vec<After>,
    /// What each task asks for.
    pub resources: Resources,
}

/// What the cluster sets bounds to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Tasks of an array.
    pub array: usize,
    /// Seconds that a task of short stages is to take.
    pub task_seconds: u32,
}

/// Stages that become one array.
struct Group {
    label: String,
    resources: Resources,
    needs: BTreeSet<usize>,
    living: BTreeSet<String>,
    stages: Vec<usize>,
    /// Stages that one task runs, unless it follows those of another group.
    pack: usize,
    tasks: Vec<Vec<usize>>,
    /// By stage, its task.
    task_of: BTreeMap<usize, usize>,
    /// Positions of its drafts.
    drafts: Vec<usize>,
}

/// The jobs of all open stages, in an order in which each comes after those that it waits for. Variants of one stage that
/// ask for the same and wait for the same are one array.
pub fn arrange(stages: &[Open], limits: Limits) -> Vec<Draft> {
    let (mut groups, group_of) = grouped(stages);
    set_packs(&mut groups, stages, limits);
    let mut drafts: Vec<Draft> = Vec::new();
    for at in 0..groups.len() {
        let tasks = tasks(&groups, at, stages, &group_of);
        let group = &mut groups[at];
        let placed = tasks.iter().enumerate();
        group.task_of = placed
            .flat_map(|(task, stages)| stages.iter().map(move |stage| (*stage, task)))
            .collect();
        group.tasks = tasks;
        let group = &groups[at];
        let mut own = Vec::new();
        for (chunk, tasks) in group.tasks.chunks(limits.array.max(1)).enumerate() {
            let mut after: BTreeSet<After> =
                group.living.iter().cloned().map(After::Living).collect();
            for need in &group.needs {
                let need = &groups[*need];
                match tasks.len() > 1 && is_task_by_task(group, need, stages) {
                    true => after.extend(need.drafts.get(chunk).copied().map(After::Each)),
                    false => after.extend(need.drafts.iter().copied().map(After::All)),
                }
            }
            own.push(drafts.len());
            drafts.push(Draft {
                label: group.label.clone(),
                tasks: tasks.to_vec(),
                after: after.into_iter().collect(),
                resources: group.resources,
            });
        }
        groups[at].drafts = own;
    }
    drafts
}

fn grouped(stages: &[Open]) -> (Vec<Group>, BTreeMap<usize, usize>) {
    type Alike<'a> = (&'a str, Resources, BTreeSet<usize>);
    let mut groups: Vec<Group> = Vec::new();
    let mut alike: BTreeMap<Alike, usize> = BTreeMap::new();
    let mut group_of: BTreeMap<usize, usize> = BTreeMap::new();
    for (position, stage) in stages.iter().enumerate() {
        if stage.situation != Situation::Open {
            continue;
        }
        let needs = stage.needs.iter();
        let needs: BTreeSet<usize> = needs
            .filter_map(|need| group_of.get(need).copied())
            .collect();
        let label = stage.of_variants.as_ref().unwrap_or(&stage.name);
        let at = *alike
            .entry((label, stage.resources, needs.clone()))
            .or_insert_with(|| {
                groups.push(Group {
                    label: label.clone(),
                    resources: stage.resources,
                    needs,
                    living: BTreeSet::new(),
                    stages: Vec::new(),
                    pack: 1,
                    tasks: Vec::new(),
                    task_of: BTreeMap::new(),
                    drafts: Vec::new(),
                });
                groups.len() - 1
            });
        group_of.insert(position, at);
        groups[at].stages.push(position);
        let living = stage
            .needs
            .iter()
            .filter_map(|need| match &stages[*need].situation {
                Situation::Lives(id) => Some(id.clone()),
                _ => None,
            });
        groups[at].living.extend(living);
    }
    (groups, group_of)
}

/// By what each group's own stages take; a group that others follow task by task has no longer tasks than they can have.
fn set_packs(groups: &mut [Group], stages: &[Open], limits: Limits) {
    for group in &mut *groups {
        group.pack = pack(stages, &group.stages, limits.task_seconds);
    }
    for at in (0..groups.len()).rev() {
        let (before, from) = groups.split_at_mut(at);
        let reader = &from[0];
        for need in &reader.needs {
            let need = &mut before[*need];
            if need.resources.pack.is_none() && need.stages.len() > 1 && reader.stages.len() > 1 {
                need.pack = need.pack.min(reader.pack);
            }
        }
    }
}

/// Who reads from one array of tasks is divided as that is, so that a task can follow a task.
fn tasks(
    groups: &[Group],
    at: usize,
    stages: &[Open],
    group_of: &BTreeMap<usize, usize>,
) -> Vec<Vec<usize>> {
    let group = &groups[at];
    let array = group
        .needs
        .iter()
        .find(|need| groups[**need].tasks.len() > 1);
    if let Some(array) = array {
        let mut tasks = vec![Vec::new(); groups[*array].tasks.len()];
        let mut all = true;
        for stage in &group.stages {
            let needs = stages[*stage].needs.iter();
            let mut inside = needs.filter(|need| group_of.get(need) == Some(array));
            match inside.next() {
                Some(need) => tasks[groups[*array].task_of[need]].push(*stage),
                None => all = false,
            }
        }
        if all && tasks.iter().all(|task| !task.is_empty()) {
            return tasks;
        }
    }
    let pack = even(group.stages.len(), group.pack);
    group.stages.chunks(pack).map(<[usize]>::to_vec).collect()
}

/// Whether each task reads from the task of the same number alone.
fn is_task_by_task(group: &Group, need: &Group, stages: &[Open]) -> bool {
    let numbered = group.tasks.iter().enumerate();
    group.tasks.len() == need.tasks.len()
        && numbered
            .flat_map(|(task, own)| own.iter().map(move |stage| (task, stage)))
            .flat_map(|(task, stage)| stages[*stage].needs.iter().map(move |it| (task, it)))
            .all(|(task, it)| need.task_of.get(it).is_none_or(|of| *of == task))
}

/// The first drafts that have no more than so many tasks in all, and whether that leaves out any.
pub fn within(drafts: Vec<Draft>, mut tasks: usize) -> (Vec<Draft>, bool) {
    let mut kept = Vec::new();
    for mut draft in drafts {
        if draft.tasks.len() <= tasks {
            tasks -= draft.tasks.len();
            kept.push(draft);
            continue;
        }
        draft.tasks.truncate(tasks);
        if let [_] = draft.tasks.as_slice() {
            // It is no array any more, which could follow one task by task.
            for after in &mut draft.after {
                if let After::Each(at) = *after {
                    *after = After::All(at);
                }
            }
        }
        if !draft.tasks.is_empty() {
            kept.push(draft);
        }
        return (kept, true);
    }
    (kept, false)
}

#[cfg(test)]
mod tests;
