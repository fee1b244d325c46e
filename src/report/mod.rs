//! What there is to say of results: as a page for people, and for other people's programs.

mod chart;
mod gathered;
pub mod html;
pub mod mlflow;
mod model_card;
pub mod number;
mod stage_artifacts;
pub mod tensorboard;

pub use gathered::{Gathered, GatheredStage, StageResult, StageState};
pub use model_card::model_card;
pub use stage_artifacts::StageArtifacts;
