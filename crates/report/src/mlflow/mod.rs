//! Runs in an MLflow tracking server, through its REST interface.
//!
//! Limits are those of MLflow 3 (`mlflow.utils.validation`). Only `http://` servers can be reached: TLS would be
//! the heaviest part of the program.

mod answer;
mod client;
mod http;
mod payload;
mod upload;

pub use answer::Answer;
pub use client::{Client, Credentials};
pub use payload::{MetricPoint, Payload, flatten};
pub use upload::{ArtifactFile, Upload, Uploaded, upload};
