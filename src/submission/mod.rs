//! A recipe's stages as jobs of Slurm. The store says what is done; the run's folder says what was submitted, so that
//! whoever comes next goes on from there and nobody has to stay.

pub mod asked;
pub mod collecting;
pub mod expected;
mod identities;
mod job_ids;
pub mod job_script;
pub mod log;
mod looking;
pub mod note;
pub mod part;
pub mod past;
pub mod planning;
pub mod record;
pub mod slurm;
mod stale;
pub mod standing;
pub mod step;
pub mod subject;
