//! The reference's full mode: gated fusion and multi-scale pooling.

use pipeline_model::config::{ClassifierConfig, Fusion, ModelConfig, ModelMode, Pooling};
use pipeline_model::parameter::Parameters;
use pipeline_model::seqsetvae::parameter_specs;

use super::{TestResult, assert_classifier, config, in_both_forms, tensors};

/// The reference's full mode: gated fusion and multi-scale pooling.
#[test]
fn gated_fusion_and_multiscale_pooling_give_the_references_numbers() -> TestResult {
    in_both_forms(assert_fusion_and_pooling)
}

fn assert_fusion_and_pooling() -> TestResult {
    let weights = tensors("finetune.weights.safetensors");
    let config = ModelConfig {
        classifier: ClassifierConfig {
            fusion: Fusion::Gated,
            pooling: Pooling::Multiscale,
            ..ClassifierConfig::default()
        },
        ..config()
    };
    let specs = parameter_specs(&config, ModelMode::Classifier)?.into_iter();
    let parameters: Parameters = specs
        .map(|spec| (spec.name.clone(), weights[&spec.name].clone()))
        .collect();
    assert_classifier("full", &config, &parameters)
}
