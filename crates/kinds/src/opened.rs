//! What a freeze stage leaves trainable, told from the recipe alone.

use pipeline_checkpoint::Pattern;
use pipeline_model::classifier::Head;
use pipeline_model::config::{ModelConfig, ModelMode};
use pipeline_model::seqsetvae::parameter_specs;

/// The classifier's parameters that any of `patterns` names, sorted.
///
/// `None` for an architecture that cannot be built, or a text that is no pattern: either is a
/// mistake with an error of its own.
pub(super) fn trainable_parameters(
    model: &ModelConfig,
    patterns: &[String],
) -> Option<Vec<String>> {
    let patterns = patterns.iter().map(|text| Pattern::new(text).ok());
    let patterns: Vec<Pattern> = patterns.collect::<Option<_>>()?;
    let specs = parameter_specs(model, ModelMode::Classifier).ok()?;
    let named = specs
        .into_iter()
        .filter(|spec| patterns.iter().any(|one| one.matches(&spec.name)));
    Some(named.map(|spec| spec.name).collect())
}

/// Whether `patterns` leave any parameter below the head trainable: features are no constants then.
pub fn opens_backbone(model: &ModelConfig, patterns: &[String]) -> bool {
    let trainable = trainable_parameters(model, patterns).unwrap_or_default();
    trainable.iter().any(|name| !Head::owns(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_alone_opens_nothing_below_it() {
        let model = ModelConfig::default();
        let opens = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            opens_backbone(&model, &patterns)
        };
        assert!(!opens(&["cls_head.*"]));
        assert!(!opens(&["cls_head.*", "transformer.layers.9.*"]));
        assert!(opens(&["cls_head.*", "transformer.layers.3.*"]));
        assert!(opens(&["*"]));
    }
}
