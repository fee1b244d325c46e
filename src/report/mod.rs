//! What there is to say of results: as a page for people, and for other people's programs.

mod chart;
pub mod comparison;
mod gathered;
pub mod html;
pub mod number;
mod stage_artifacts;
pub mod tensorboard;

pub use gathered::{Gathered, GatheredStage, StageResult, StageState};
pub use stage_artifacts::{Diagnosis, Finding, StageArtifacts};
