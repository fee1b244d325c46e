//! Runs in an MLflow tracking server, through its REST interface.
//!
//! Limits are those of MLflow 3 (`mlflow.utils.validation`).

mod answer;
mod client;
mod payload;
mod upload;

pub use answer::Answer;
pub use client::{Client, Credentials};
pub use payload::{MetricPoint, Payload, flatten};
pub use upload::{ArtifactFile, Upload, Uploaded, upload};
