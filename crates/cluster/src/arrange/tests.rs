use super::*;

fn stage(name: &str, kind: &str, needs: &[usize]) -> Open {
    Open {
        name: name.into(),
        of_variants: name.split_once('@').map(|(stage, _)| stage.into()),
        kind: kind.into(),
        resources: Resources::default(),
        seconds: None,
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

fn arranged(stages: &[Open], array: usize) -> Vec<Draft> {
    let task_seconds = 30;
    arrange(
        stages,
        Limits {
            array,
            task_seconds,
        },
    )
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
        shown(&arranged(&stages, 1000)),
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
        shown(&arranged(&stages, 1000)),
        [
            "weights 1 tasks 1 stages [Living(\"7\")]",
            "classifier 1 tasks 1 stages [All(0)]",
        ]
    );
    stages[1].situation = Situation::Blocked;
    stages[2].situation = Situation::Blocked;
    stages[3].situation = Situation::Blocked;
    assert!(arranged(&stages, 1000).is_empty());
}

#[test]
fn variants_are_one_array_and_their_readers_follow_task_by_task() {
    assert_eq!(
        shown(&arranged(&sweep(100), 1000)),
        [
            "events 1 tasks 1 stages []",
            "head 100 tasks 100 stages [All(0)]",
            "test 100 tasks 100 stages [All(0), Each(1)]",
        ]
    );
}

#[test]
fn heads_on_features_are_short_and_earlier_runs_say_how_short() {
    let mut stages = sweep(100);
    stages[0].kind = "features".into();
    assert_eq!(
        shown(&arranged(&stages, 1000))[1..],
        [
            "head 10 tasks 100 stages [All(0)]",
            "test 10 tasks 100 stages [All(0), Each(1)]",
        ]
    );
    let takes = |stages: &mut [Open], kind: &str, seconds: f64| {
        let of_kind = stages.iter_mut().filter(|stage| stage.kind == kind);
        of_kind.for_each(|stage| stage.seconds = Some(seconds));
    };
    // Some tasks there are, however short they are: nodes work side by side.
    takes(&mut stages, "finetune", 0.1);
    takes(&mut stages, "evaluate", 0.2);
    assert_eq!(
        shown(&arranged(&stages, 1000))[1..],
        [
            "head 4 tasks 100 stages [All(0)]",
            "test 4 tasks 100 stages [All(0), Each(1)]",
        ]
    );
    // What takes long is not packed behind what does not.
    takes(&mut stages, "evaluate", 14.0);
    assert_eq!(
        shown(&arranged(&stages, 1000))[1..],
        [
            "head 50 tasks 100 stages [All(0)]",
            "test 50 tasks 100 stages [All(0), Each(1)]",
        ]
    );
    takes(&mut stages, "finetune", 3600.0);
    assert_eq!(
        shown(&arranged(&stages, 1000))[1],
        "head 100 tasks 100 stages [All(0)]"
    );
}

#[test]
fn short_stages_are_packed_and_their_readers_are_packed_alike() {
    let mut stages = sweep(100);
    for stage in &mut stages {
        stage.resources.pack = (stage.kind == "finetune").then_some(30);
    }
    assert_eq!(
        shown(&arranged(&stages, 1000))[1..],
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
        shown(&arranged(&stages, 1000)),
        ["test 10 tasks 100 stages []"]
    );
}

#[test]
fn arrays_are_cut_where_the_cluster_says_and_each_begins_at_0() {
    assert_eq!(
        shown(&arranged(&sweep(5), 2))[1..],
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
        shown(&arranged(&stages, 1000)),
        [
            "head 3 tasks 3 stages []",
            "test 3 tasks 3 stages [Each(0)]",
            "test 1 tasks 1 stages []",
        ]
    );
}

#[test]
fn no_more_tasks_are_kept_than_may_be_queued() {
    let drafts = arranged(&sweep(4), 1000);
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
