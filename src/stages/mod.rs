//! Stage kinds: one file each, a small struct behind the trait [`stage::Stage`].

mod command;
mod data;
mod diagnose;
pub mod diagnosis;
mod evaluate;
pub mod evaluation;
mod features;
mod finetune;
pub mod freeze;
mod import;
mod import_settings;
pub mod json;
mod model_artifact;
pub mod node;
pub mod nodes;
mod pretrain;
pub mod pytorch_layout;
pub mod rehearsal;
pub mod stage;
pub mod union;
mod watch;

pub use nodes::nodes_of;
