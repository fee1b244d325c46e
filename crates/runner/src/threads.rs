//! How many threads a run has where nobody says.

/// What a batch system grants: processors of the task, then those of the job on this node.
const GRANTED: [&str; 2] = ["SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"];

/// As many as Slurm granted, in a job of its; else as the control group's quota and the mask of processors leave, and
/// the machine has.
pub(super) fn of_this_process() -> usize {
    let granted = granted(|name| std::env::var(name).ok());
    granted.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn granted(variable: impl Fn(&str) -> Option<String>) -> Option<usize> {
    let mut stated = GRANTED
        .iter()
        .filter_map(|name| variable(name)?.parse().ok());
    stated.find(|threads| *threads > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_what_it_was_granted_before_what_its_job_has_on_the_node() {
        let of = |task: &'static str, node: &'static str| {
            granted(move |name| Some(if name == GRANTED[0] { task } else { node }.into()))
        };
        assert_eq!(of("3", "8"), Some(3));
        assert_eq!(of("", "8"), Some(8));
        assert_eq!(of("0", "4(x2)"), None);
        assert_eq!(granted(|_| None), None);
    }
}
