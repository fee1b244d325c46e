//! A bundle: a folder with everything that a prediction needs, and nothing else. No recipe and no store is needed
//! to predict with it.
//!
//! | file | holds |
//! |---|---|
//! | `manifest.json` | the format, and the digest of every other file; people may complete `README.md` |
//! | `config.json` | the architecture, and which files hold weights |
//! | `model.safetensors`, `model-2.safetensors`, … | weights and the embeddings of the variables; of several models the probabilities are averaged |
//! | `preprocessing.json` | what the inputs mean: variables in order, means, standard deviations, window, cleaning |
//! | `calibration.json` | thresholds and the correction of probabilities |
//! | `provenance.json` | recipe, keys and runs that it came of |
//! | `README.md` | the model card |
//!
//! Nothing in it is of a single patient: no id, no value. Of a variable that never varies the name stays, and its one
//! value goes.

mod explanation;
mod manifest;
mod open;
mod predict;
mod source;
mod write;

pub use manifest::{BundledFile, Manifest};
pub use open::{Bundle, BundleConfig};
pub use predict::{Prediction, PredictionSummary};
pub use source::{PredictionSource, published_source_schema};
pub use write::{BundleContents, BundledArtifacts, MadeBy, Provenance, is_bundle};

/// The file that names all others.
const MANIFEST: &str = "manifest.json";
/// The architecture.
const CONFIG: &str = "config.json";
/// What the inputs mean.
const PREPROCESSING: &str = "preprocessing.json";
/// Thresholds and correction.
const CALIBRATION: &str = "calibration.json";
/// Where it came from.
const PROVENANCE: &str = "provenance.json";
/// The model card.
const CARD: &str = "README.md";

/// The file of a model by its number.
fn model_file(number: usize) -> String {
    match number {
        0 => "model.safetensors".into(),
        number => format!("model-{}.safetensors", number + 1),
    }
}
