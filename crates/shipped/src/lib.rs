//! The recipes that come with pipeline, in the program itself: an installed program needs no checkout.
//!
//! ```
//! let recipe = pipeline_shipped::recipe("meds").expect("a shipped recipe");
//! assert_eq!(recipe.base, Some("finetune"));
//! ```

/// A recipe that is shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShippedRecipe {
    /// Its name: that of its file without `.toml`.
    pub name: &'static str,
    /// The TOML.
    pub text: &'static str,
    /// The shipped recipe that it extends.
    pub base: Option<&'static str>,
    /// Programs that its stages run, and what these read: the path in the recipe, and the text.
    pub programs: &'static [(&'static str, &'static str)],
}

macro_rules! recipe {
    ($name:literal, $base:expr $(, $program:literal)*) => {
        ShippedRecipe {
            name: $name,
            text: include_str!(concat!("../../../recipes/", $name, ".toml")),
            base: $base,
            programs: &[$(($program, include_str!(concat!("../../../recipes/", $program)))),*],
        }
    };
}

/// By name. Those on the PyTorch reference's checkpoints are not among them: they read fixtures of the tests.
const RECIPES: [ShippedRecipe; 12] = [
    recipe!(
        "aces",
        Some("meds"),
        "programs/aces_labels.py",
        "aces/coma.yaml",
        "aces/physionet2012.yaml"
    ),
    recipe!("finetune", None),
    recipe!("meds", Some("finetune")),
    recipe!(
        "own-model",
        Some("finetune"),
        "programs/gradient_boosting.py",
        "programs/gru.py"
    ),
    recipe!("physionet2012", None),
    recipe!("physionet2012-ensemble", Some("physionet2012")),
    recipe!("physionet2012-external", Some("physionet2012")),
    recipe!("physionet2012-few-labels", Some("physionet2012-ensemble")),
    recipe!("physionet2012-opened", Some("physionet2012")),
    recipe!(
        "physionet2012-resplit",
        Some("physionet2012"),
        "programs/stratified_split.py"
    ),
    recipe!("physionet2012-search", Some("physionet2012")),
    recipe!("physionet2012-sweep", Some("physionet2012")),
];

/// All of them, by name.
pub fn recipes() -> &'static [ShippedRecipe] {
    &RECIPES
}

/// The recipe of this name.
pub fn recipe(name: &str) -> Option<&'static ShippedRecipe> {
    RECIPES.iter().find(|recipe| recipe.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_recipe_of_the_folder_is_embedded_but_those_on_fixtures() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let of_recipes = names.filter_map(|name| Some(name.strip_suffix(".toml")?.to_string()));
        let expected: BTreeSet<String> = of_recipes
            .filter(|name| !name.starts_with("reference-"))
            .collect();
        let embedded = RECIPES.iter().map(|recipe| recipe.name.to_string());
        assert_eq!(embedded.collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn bases_and_programs_are_those_that_the_texts_name() {
        for ShippedRecipe {
            name,
            text,
            base,
            programs,
        } in RECIPES
        {
            let extends = text.lines().find_map(|line| {
                let base = line.strip_prefix("extends = [\"")?;
                base.strip_suffix(".toml\"]")
            });
            assert_eq!(extends, base, "{name}");
            let named = ["\"programs/", "\"aces/"].map(|folder| text.matches(folder).count());
            let named: usize = named.iter().sum();
            assert_eq!(named, programs.len(), "{name}");
            for (path, program) in programs {
                assert!(text.contains(&format!("\"{path}\"")), "{name}: {path}");
                assert!(!program.is_empty(), "{name}: {path}");
            }
        }
    }
}
