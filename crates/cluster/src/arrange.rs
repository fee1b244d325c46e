//! Which stages become which jobs.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Tasks that may be submitted now.
    pub tasks: usize,
}

/// Stages that become one array.
struct Group {
    label: String,
    kind: String,
    resources: Resources,
    needs: BTreeSet<usize>,
    living: BTreeSet<String>,
    stages: Vec<usize>,
    tasks: Vec<Vec<usize>>,
    /// By stage, its task.
    task_of: BTreeMap<usize, usize>,
    /// Positions of its drafts.
    drafts: Vec<usize>,
}

/// The jobs of all open stages, in an order in which each comes after those that it waits for. Variants of one stage that
/// ask for the same and wait for the same are one array.
pub fn arrange(stages: &[Open], most: usize) -> Vec<Draft> {
    let (mut groups, group_of) = grouped(stages);
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
        for (chunk, tasks) in group.tasks.chunks(most.max(1)).enumerate() {
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
                    kind: stage.kind.clone(),
                    resources: stage.resources,
                    needs,
                    living: BTreeSet::new(),
                    stages: Vec::new(),
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
    let pack = group.resources.pack_of(&group.kind);
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
mod tests {
    use super::*;

    fn stage(name: &str, kind: &str, needs: &[usize]) -> Open {
        Open {
            name: name.into(),
            of_variants: name.split_once('@').map(|(stage, _)| stage.into()),
            kind: kind.into(),
            resources: Resources::default(),
            needs: needs.to_vec(),
            situation: Situation::Open,
        }
    }

    /// Data and so many finetunings with an evaluation each.
    fn sweep(variants: usize) -> Vec<Open> {
        let mut stages = vec![stage("events", "data", &[])];
        for variant in 0..variants {
            stages.push(stage(&format!("head@{variant}"), "finetune", &[0]));
            let head = stages.len() - 1;
            stages.push(stage(&format!("test@{variant}"), "evaluate", &[0, head]));
        }
        stages
    }

    fn shown(drafts: &[Draft]) -> Vec<String> {
        let one = |draft: &Draft| {
            let stages: usize = draft.tasks.iter().map(Vec::len).sum();
            format!(
                "{} {} tasks {stages} stages {:?}",
                draft.label,
                draft.tasks.len(),
                draft.after
            )
        };
        drafts.iter().map(one).collect()
    }

    #[test]
    fn a_recipe_is_one_job_a_stage_after_those_that_it_reads() {
        let mut stages = vec![
            stage("events", "data", &[]),
            stage("pretrain", "pretrain", &[0]),
            stage("weights", "import", &[1]),
            stage("classifier", "finetune", &[0, 2]),
        ];
        assert_eq!(
            shown(&arrange(&stages, 1000)),
            [
                "events 1 tasks 1 stages []",
                "pretrain 1 tasks 1 stages [All(0)]",
                "weights 1 tasks 1 stages [All(1)]",
                "classifier 1 tasks 1 stages [All(0), All(2)]",
            ]
        );
        stages[0].situation = Situation::Done;
        stages[1].situation = Situation::Lives("7".into());
        assert_eq!(
            shown(&arrange(&stages, 1000)),
            [
                "weights 1 tasks 1 stages [Living(\"7\")]",
                "classifier 1 tasks 1 stages [All(0)]",
            ]
        );
        stages[1].situation = Situation::Blocked;
        stages[2].situation = Situation::Blocked;
        stages[3].situation = Situation::Blocked;
        assert!(arrange(&stages, 1000).is_empty());
    }

    #[test]
    fn variants_are_one_array_and_their_readers_follow_task_by_task() {
        assert_eq!(
            shown(&arrange(&sweep(100), 1000)),
            [
                "events 1 tasks 1 stages []",
                "head 100 tasks 100 stages [All(0)]",
                "test 100 tasks 100 stages [All(0), Each(1)]",
            ]
        );
    }

    #[test]
    fn short_stages_are_packed_and_their_readers_are_packed_alike() {
        let mut stages = sweep(100);
        for stage in &mut stages {
            stage.resources.pack = (stage.kind == "finetune").then_some(30);
        }
        assert_eq!(
            shown(&arrange(&stages, 1000))[1..],
            [
                "head 4 tasks 100 stages [All(0)]",
                "test 4 tasks 100 stages [All(0), Each(1)]",
            ]
        );
        // Once the finetunings are done, their own number holds.
        for stage in &mut stages {
            if stage.kind != "evaluate" {
                stage.situation = Situation::Done;
            }
        }
        assert_eq!(
            shown(&arrange(&stages, 1000)),
            ["test 7 tasks 100 stages []"]
        );
    }

    #[test]
    fn arrays_are_cut_where_the_cluster_says_and_each_begins_at_0() {
        assert_eq!(
            shown(&arrange(&sweep(5), 2))[1..],
            [
                "head 2 tasks 2 stages [All(0)]",
                "head 2 tasks 2 stages [All(0)]",
                "head 1 tasks 1 stages [All(0)]",
                "test 2 tasks 2 stages [All(0), Each(1)]",
                "test 2 tasks 2 stages [All(0), Each(2)]",
                "test 1 tasks 1 stages [All(0), All(1), All(2), All(3)]",
            ]
        );
    }

    #[test]
    fn some_done_variants_do_not_make_the_others_wait_for_the_wrong_tasks() {
        let mut stages = sweep(4);
        stages[0].situation = Situation::Done;
        stages[3].situation = Situation::Done;
        assert_eq!(
            shown(&arrange(&stages, 1000)),
            [
                "head 3 tasks 3 stages []",
                "test 3 tasks 3 stages [Each(0)]",
                "test 1 tasks 1 stages []",
            ]
        );
    }

    #[test]
    fn no_more_tasks_are_kept_than_may_be_queued() {
        let drafts = arrange(&sweep(4), 1000);
        let kept = |tasks| {
            let (kept, rest) = within(drafts.clone(), tasks);
            (shown(&kept), rest)
        };
        assert_eq!(kept(9), (shown(&drafts), false));
        assert_eq!(kept(0), (vec![], true));
        let (some, rest) = kept(6);
        assert!(rest);
        assert_eq!(some[2], "test 1 tasks 1 stages [All(0), All(1)]");
        assert_eq!(kept(5).0.len(), 2);
    }
}
