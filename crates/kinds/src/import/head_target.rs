//! The target that an imported head says.

use pipeline_checkpoint::{Pattern, Stated};
use pipeline_data::target::Target;
use pipeline_model::classifier::Head;
use pipeline_model::config::{HeadKind, ModelMode};

/// The target that the head in the weights says, where it is taken over: their file states it, if a finetune stage trained it.
pub fn head_target(stated: &Stated, into: ModelMode, new: &[String]) -> Option<Target> {
    let output = [HeadKind::Linear, HeadKind::Mlp].map(|kind| Head::output_layer(kind)[0]);
    let is_new =
        |pattern: &String| Pattern::new(pattern).is_ok_and(|pattern| pattern.matches_any(&output));
    if into == ModelMode::Pretrain || new.iter().any(is_new) {
        return None;
    }
    serde_json::from_str(stated.metadata.get("target")?).ok()
}
