//! What there is to say of results: as a page for people, and for other people's programs.
//!
//! ```
//! use pipeline_report::mlflow::flatten;
//!
//! let settings = flatten("stages", &serde_json::json!({ "pretrain": { "epochs": 20 } }));
//! assert_eq!(settings, [("stages.pretrain.epochs".to_string(), "20".to_string())]);
//! ```

pub mod comparison;
mod gathered;
pub mod html;
pub mod live;
pub mod mlflow;
mod model_card;
pub mod pooled;
mod scored;
pub mod tensorboard;

pub use gathered::{Gathered, GatheredStage, StageResult, StageState};
pub use model_card::{hub_card, model_card};
