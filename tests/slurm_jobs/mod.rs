//! Issue 22: stages as jobs of Slurm, without Slurm. `tests/slurm/fake` has its commands, which write down what they
//! are told; the test runs the scripts of the jobs, in an order that their dependencies allow.
//! `tests/slurm/real.sh` does the same with a real one.

mod cluster;
mod goes_on;
mod history;
mod meanwhile;
mod records;
mod submitting;
mod sweeps;
mod trouble;
mod turns;
