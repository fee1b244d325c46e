use super::{RecipePlace, Stage};

/// Between a stage's name and the variants that its node belongs to.
pub(super) const OF_VARIANT: char = '@';

/// One executable node of a run: a stage of the recipe, or one the planner derived from it.
pub struct Node {
    /// The stage's name in the recipe; a derived node is `STAGE:ROLE` (`classifier:features`), one of
    /// some variants of a sweep `STAGE@SETTINGS` (`classifier@lr=0.001`).
    pub name: String,
    /// Whether the recipe states a seed for this stage alone.
    pub states_seed: bool,
    /// What it does.
    pub stage: Box<dyn Stage>,
}

/// The stage of a node's name, without the variants of a sweep: `classifier` of `classifier@lr=0.001`.
pub fn stage_of(name: &str) -> &str {
    name.split_once(OF_VARIANT).map_or(name, |(stage, _)| stage)
}

impl Node {
    /// The node `name`, whose stage states a seed or not.
    pub fn of_stage(name: &str, states_seed: bool, stage: impl Stage + 'static) -> Self {
        Node {
            name: name.into(),
            states_seed,
            stage: Box::new(stage),
        }
    }

    /// Where in the recipe stands what a fingerprint has at `path` (`fields.settings.epochs` of
    /// a pretrain stage is `stages.NAME.epochs`); none for what no recipe states.
    pub fn path_in_recipe(&self, path: &str) -> Option<String> {
        if path == "seed" {
            return Some(match self.states_seed {
                true => self.below_stage("seed"),
                false => "seed".into(),
            });
        }
        if let Some(field) = path.strip_prefix("inputs.external:") {
            return Some(self.below_stage(field));
        }
        let field = path.strip_prefix("fields.")?;
        Some(match self.stage.place_in_recipe(field) {
            RecipePlace::Stage(field) => self.below_stage(&field),
            RecipePlace::Top(path) => path,
        })
    }

    /// A derived node has no table of its own: what it depends on is in that of its stage.
    fn below_stage(&self, field: &str) -> String {
        let stage = self
            .name
            .split([':', OF_VARIANT])
            .next()
            .unwrap_or_default();
        format!("stages.{stage}.{field}")
    }
}
