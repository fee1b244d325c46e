//! Results for other people's programs.

pub mod mlflow;
pub mod tensorboard;
