//! What a schema cannot say of a freeze stage.

use crate::kind::StageCheck;
use crate::opened::trainable_parameters;
use pipeline_checkpoint::Pattern;
use pipeline_model::classifier::Head;
use pipeline_model::config::ModelConfig;

impl StageCheck<'_> {
    /// A pattern that opens nothing is a slip of the pen.
    pub(super) fn trainable(&mut self, patterns: &[String], model: Option<&ModelConfig>) {
        for (index, text) in patterns.iter().enumerate() {
            let one = std::slice::from_ref(text);
            let matches_none = |model: &ModelConfig| {
                trainable_parameters(model, one).is_some_and(|n| n.is_empty())
            };
            if Pattern::new(text).is_ok() && model.is_some_and(matches_none) {
                let path = ["trainable", &index.to_string()];
                let mistake = self
                    .mistake(
                        &path,
                        "matches no parameter of the model",
                        "matches nothing",
                    )
                    .help(format!("the head's parameters are {}.*", Head::PREFIX));
                self.mistakes.push(mistake);
            }
        }
    }
}
