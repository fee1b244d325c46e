//! Recipes to start from without data: those that are shipped, and a first sweep.

use pipeline_shipped::{ShippedRecipe, recipe, recipes};

/// A sweep on the main job, so that it needs no data.
const SWEEP: &str = include_str!("sweep.toml");

/// The name of the main job among the templates.
const SYNTHETIC: &str = "synthetic";
const MAIN_JOB: &str = "finetune";

/// Files to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// A shipped recipe.
    Shipped(&'static ShippedRecipe),
    /// A sweep on the synthetic main job.
    Sweep,
}

impl Template {
    /// Names of all templates.
    pub fn names() -> Vec<&'static str> {
        let shipped = recipes().iter().map(|recipe| recipe.name);
        let others = shipped.filter(|name| *name != MAIN_JOB);
        [SYNTHETIC, "sweep"].into_iter().chain(others).collect()
    }

    /// The template of this name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "sweep" => Some(Template::Sweep),
            SYNTHETIC => recipe(MAIN_JOB).map(Template::Shipped),
            name => recipe(name).map(Template::Shipped),
        }
    }

    /// The files: the recipe first, as `recipe.toml`; then what it extends and the programs that it runs.
    pub fn files(self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        let mut next = match self {
            Template::Sweep => {
                files.push(("recipe.toml".to_string(), SWEEP.to_string()));
                recipe(MAIN_JOB)
            }
            Template::Shipped(recipe) => Some(recipe),
        };
        while let Some(shipped) = next {
            let name = match files.is_empty() {
                true => "recipe.toml".into(),
                false => format!("{}.toml", shipped.name),
            };
            files.push((name.clone(), as_installed(shipped, &name)));
            let programs = shipped.programs.iter();
            files.extend(programs.map(|(path, text)| (path.to_string(), text.to_string())));
            next = shipped.base.and_then(recipe);
        }
        files
    }
}

/// A shipped recipe's text outside of the repository: its comments call the installed program, and the schema is not
/// beside it.
fn as_installed(shipped: &ShippedRecipe, name: &str) -> String {
    let lines = shipped
        .text
        .lines()
        .filter(|line| !line.starts_with("#:schema"));
    let own = format!("recipes/{}.toml", shipped.name);
    let lines = lines.map(|line| match line.starts_with('#') {
        true => (line.replace("cargo run --release -- ", "pipeline "))
            .replace(&own, name)
            .replace("recipes/", ""),
        false => line.to_string(),
    });
    lines.map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_has_a_recipe_and_what_it_needs() {
        for name in Template::names() {
            let files = Template::of(name).unwrap().files();
            assert_eq!(files[0].0, "recipe.toml", "{name}");
            for (path, text) in &files {
                assert!(
                    !text.contains("cargo run") && !text.contains("#:schema"),
                    "{name}: {path}"
                );
                let extended = text
                    .lines()
                    .find_map(|line| line.strip_prefix("extends = [\"")?.strip_suffix("\"]"));
                if let Some(extended) = extended {
                    assert!(
                        files.iter().any(|(path, _)| path == extended),
                        "{name}: {extended}"
                    );
                }
            }
        }
        assert_eq!(Template::of("nothing"), None);
        let own: Vec<String> = Template::of("own-model")
            .unwrap()
            .files()
            .into_iter()
            .map(|file| file.0)
            .collect();
        assert_eq!(
            own,
            [
                "recipe.toml",
                "programs/gradient_boosting.py",
                "programs/gru.py",
                "finetune.toml"
            ]
        );
    }
}
