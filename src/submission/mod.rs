//! A recipe's stages as jobs of Slurm. The store says what is done; the run's folder says what was submitted, so that
//! whoever comes next goes on from there and nobody has to stay.

pub mod asked;
mod identities;
mod job_ids;
pub mod job_script;
pub mod log;
pub mod note;
pub mod record;
pub mod slurm;
pub mod standing;
pub mod step;
pub mod subject;
