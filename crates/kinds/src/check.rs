//! Rules that join several values, or that a schema cannot say.

use crate::kind::{StageCheck, StageKind};
use crate::memory::too_much;
use pipeline_error::Code;
use pipeline_error::memory::MORE_MEMORY;
use pipeline_model::config::ModelConfig;
use pipeline_recipe::Mistake;
use pipeline_recipe::tree::Node;

/// Notes what is wrong with the model and with every stage by itself.
pub fn check(
    tree: &Node,
    model: Option<&ModelConfig>,
    stages: &[(&str, &dyn StageKind)],
    mistakes: &mut Vec<Mistake>,
) {
    for (field, problem) in model.map(ModelConfig::conflicts).unwrap_or_default() {
        let path: Vec<&str> = std::iter::once("model").chain(field.split('.')).collect();
        let place = tree.place(&path);
        let label = match tree.at(&path) {
            Some(_) => "stated here".to_string(),
            None => format!("`{field}` is not stated, so its default holds"),
        };
        mistakes.push(Mistake::new(
            format!("model.{field}: {problem}"),
            place,
            label,
        ));
    }
    if let Some(problem) = model.and_then(|model| too_much(stages, model)) {
        let mistake =
            Mistake::new(problem, tree.place(&["model"]), "of these sizes").code(Code::MemoryLimit);
        mistakes.push(mistake.help(format!("state smaller sizes in [model], or {MORE_MEMORY}")));
    }
    for (name, stage) in stages {
        stage.check(&mut StageCheck {
            tree,
            path: &["stages", name],
            model,
            stages,
            mistakes,
        });
    }
}
