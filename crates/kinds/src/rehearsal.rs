//! What the imports of a recipe would say to another checkpoint than their own; nothing is written.

use std::path::Path;

use crate::experiment::{Recipe, Surroundings};
use crate::import::{Declared, ImportStage, ImportTable, WeightSource};
use crate::list::StageConfig;
use pipeline_checkpoint::{Audit, Checkpoint, ImportRules};
use pipeline_data::input_path::InputPath;
use pipeline_error::Error;
use pipeline_model::config::ModelMode;
use pipeline_model::hidden_setting::HiddenSetting;
use pipeline_recipe::nearest;

/// An import that is tried out.
pub struct Rehearsal {
    /// The import stage whose rules it has; `None`: a model of the recipe, without any rules.
    pub stage: Option<String>,
    import: ImportStage,
}

impl Rehearsal {
    /// Of every import stage of a recipe, or of the one called `only`. A recipe without any gives one
    /// for each model that it could import into.
    pub fn of_recipe(recipe: &Recipe, only: Option<&str>) -> Result<Vec<Rehearsal>, Error> {
        let imports = recipe
            .stages
            .iter()
            .filter_map(|(name, stage)| match stage {
                StageConfig::Import(stage) => Some((name.clone(), stage)),
                _ => None,
            });
        let imports: Vec<_> = imports.collect();
        if let Some(only) = only
            && imports.iter().all(|(name, _)| name != only)
        {
            let names = imports.iter().map(|(name, _)| name.as_str());
            return Err(no_such_stage(recipe, only, names.collect()));
        }
        if imports.is_empty() {
            let modes = [ModelMode::Pretrain, ModelMode::Classifier];
            return Ok(modes.map(|mode| without_rules(recipe, mode)).into());
        }
        let wanted = imports
            .into_iter()
            .filter(|(name, _)| only.is_none_or(|only| name == only));
        let around = Surroundings::of(recipe);
        let rehearsal = |(name, stage): (String, &ImportTable)| Rehearsal {
            stage: Some(name),
            import: stage.stage(&around),
        };
        Ok(wanted.map(rehearsal).collect())
    }

    /// What the weights would be for.
    pub fn into(&self) -> ModelMode {
        self.import.into
    }

    /// The audit that importing `checkpoint` would leave, or every reason why it would not; also if the model has
    /// settings that its weights were not trained with.
    pub fn audit(&self, checkpoint: &Checkpoint) -> Result<Audit, Error> {
        let audit = self.import.audit(checkpoint)?;
        if self.stage.is_some() {
            self.import.check_inputs(checkpoint)?;
        }
        Ok(audit)
    }

    /// Fails if the recipe pins another file than the one at `path`.
    pub fn check_file(&self, path: &Path) -> Result<(), Error> {
        self.import.check_pin(path)
    }
}

fn without_rules(recipe: &Recipe, mode: ModelMode) -> Rehearsal {
    Rehearsal {
        stage: None,
        import: ImportStage {
            model: recipe.model.clone(),
            from: WeightSource::File {
                path: InputPath::file(""),
                sha256: None,
            },
            into: mode,
            rules: ImportRules::default(),
            // Nobody has said anything yet.
            hidden: Declared {
                changes: Vec::new(),
                assumed: HiddenSetting::ALL.to_vec(),
            },
            inputs: None,
            input_changes: Vec::new(),
        },
    }
}

fn no_such_stage(recipe: &Recipe, name: &str, imports: Vec<&str>) -> Error {
    let message = match recipe.stage(name) {
        Some(stage) => format!("stage `{name}` is of kind `{}`, not `import`", stage.kind()),
        None => format!("the recipe has no stage `{name}`"),
    };
    let hint = match (nearest(name, imports.iter().copied()), imports.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, false) => format!("its import stages are {}", imports.join(", ")),
        (None, true) => "it has no import stage: leave --stage out to try both models".into(),
    };
    Error::Usage {
        message,
        hint: Some(hint),
    }
}
