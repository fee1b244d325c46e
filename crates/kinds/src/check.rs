//! Rules that join several values, or that a schema cannot say.

use crate::list::StageConfig;
use pipeline_checkpoint::Pattern;
use pipeline_model::config::ModelConfig;
use pipeline_recipe::Mistake;
use pipeline_recipe::tree::Node;

/// Notes what is wrong with the model and with every stage by itself.
pub fn check(
    tree: &Node,
    model: Option<&ModelConfig>,
    stages: &[(String, StageConfig)],
    mistakes: &mut Vec<Mistake>,
) {
    for (field, problem) in model.map(ModelConfig::conflicts).unwrap_or_default() {
        let place = tree.place(&["model", field]);
        let label = match tree.at(&["model", field]) {
            Some(_) => "stated here".to_string(),
            None => format!("`{field}` is not stated, so its default holds"),
        };
        mistakes.push(Mistake::new(
            format!("model.{field}: {problem}"),
            place,
            label,
        ));
    }
    for (name, stage) in stages {
        stage.table().check(&mut StageCheck {
            tree,
            name,
            model,
            stages,
            mistakes,
        });
    }
}

/// A stage that is checked, and what is around it.
pub struct StageCheck<'a> {
    /// The recipe.
    pub tree: &'a Node,
    /// The stage's name.
    pub name: &'a str,
    /// The architecture, where it could be read.
    pub model: Option<&'a ModelConfig>,
    /// The stages that could be read.
    pub stages: &'a [(String, StageConfig)],
    /// Where mistakes are noted.
    pub mistakes: &'a mut Vec<Mistake>,
}

impl StageCheck<'_> {
    /// A mistake at a place below the stage.
    pub fn mistake(&self, path: &[&str], problem: &str, label: &str) -> Mistake {
        let mut whole = vec!["stages", self.name];
        whole.extend(path);
        let place = self.tree.place(&whole);
        Mistake::new(format!("{} {problem}", whole.join(".")), place, label)
    }

    /// Whether the recipe states a value at a place below the stage.
    pub fn states(&self, path: &[&str]) -> bool {
        let mut whole = vec!["stages", self.name];
        whole.extend(path);
        self.tree.at(&whole).is_some()
    }

    /// Texts that must be patterns of names.
    pub fn patterns(&mut self, field: &str, patterns: &[String]) {
        for (index, pattern) in patterns.iter().enumerate() {
            if let Err(reason) = Pattern::new(pattern) {
                let index = index.to_string();
                let mistake = self
                    .mistake(
                        &[field, &index],
                        &format!("is no pattern: {reason}"),
                        "this pattern",
                    )
                    .help(Pattern::SYNTAX);
                self.mistakes.push(mistake);
            }
        }
    }
}
