//! How many equal stages of a sweep one task runs, one after the other.

use crate::arrange::Open;
use crate::resources::MOST_PACKED;

/// Kinds whose stages take seconds, and how many of them one task runs where no earlier run says how long they take.
const SHORT: [&str; 4] = ["import", "freeze", "baseline", "evaluate"];
const SHORT_PACK: usize = 10;

/// A finetuning that reads features trains a head alone.
const HEAD: &str = "finetune";
const FEATURES: &str = "features";

/// As many stages as there are become at least so many tasks, however short they are.
const FEWEST_TASKS: usize = 4;

/// Stages of a task, of those at the positions `group`: as stated, else as many as take `task_seconds`.
pub fn pack(stages: &[Open], group: &[usize], task_seconds: u32) -> usize {
    let Some(first) = group.first().map(|at| &stages[*at]) else {
        return 1;
    };
    if let Some(stated) = first.resources.pack {
        return stated.max(1) as usize;
    }
    let known: Vec<f64> = group.iter().filter_map(|at| stages[*at].seconds).collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let most = match known.is_empty() {
        false => (f64::from(task_seconds) / mean.max(1e-3)) as usize,
        true if is_short(first, stages) => SHORT_PACK,
        true => 1,
    };
    let most = most.min(MOST_PACKED as usize);
    most.min(group.len().div_ceil(FEWEST_TASKS)).max(1)
}

fn is_short(stage: &Open, stages: &[Open]) -> bool {
    let reads_features = || {
        stage
            .needs
            .iter()
            .any(|need| stages[*need].kind == FEATURES)
    };
    SHORT.contains(&stage.kind.as_str()) || (stage.kind == HEAD && reads_features())
}

/// Stages of a task, no more than `pack`, such that tasks are of one length.
pub fn even(stages: usize, pack: usize) -> usize {
    let tasks = stages.div_ceil(pack.max(1)).max(1);
    stages.div_ceil(tasks).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_of_one_length() {
        assert_eq!(even(100, 30), 25);
        assert_eq!(even(100, 16), 15);
        assert_eq!(even(7, 1), 1);
        assert_eq!((even(0, 5), even(5, 0), even(3, 1000)), (1, 1, 3));
    }
}
