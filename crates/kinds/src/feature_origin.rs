use crate::dataset_artifacts::DATASET_ARTIFACTS;
use pipeline_stage::StageInput;

/// Where the features of stays come from.
pub enum FeatureOrigin {
    /// The features node of a finetune stage.
    Node(String),
    /// Computed from a data stage by whoever needs them.
    Data(String),
}

impl FeatureOrigin {
    /// What is read for them.
    pub fn input(&self) -> StageInput {
        match self {
            FeatureOrigin::Node(node) => StageInput::new("features", node, &["features"]),
            FeatureOrigin::Data(stage) => StageInput::new("data", stage, DATASET_ARTIFACTS),
        }
    }
}
