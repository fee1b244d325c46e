//! Where the text of a recipe is: in a file, or in the program itself.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::suggest::nearest;
use pipeline_shipped::{ShippedRecipe, recipe, recipes};

/// No recipe that people or programs write is longer.
const MAX_BYTES: u64 = 16 << 20;

/// A recipe that was found.
pub enum RecipeFile {
    /// A file, as it was asked for and by its real path.
    OnDisk(PathBuf, PathBuf),
    /// One that is shipped.
    Shipped(&'static ShippedRecipe),
}

impl RecipeFile {
    /// The file at `path`; where there is none and `path` is a bare name, the shipped recipe of that name.
    pub fn find(path: &Path) -> io::Result<Self> {
        match path.canonicalize() {
            Ok(real) => Ok(RecipeFile::at(path.to_path_buf(), real, path)),
            Err(error) if error.kind() == ErrorKind::NotFound => match shipped(path) {
                Some(shipped) => Ok(RecipeFile::Shipped(shipped)),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// What is there. A folder is no recipe, and data often lie in one that is called as a shipped recipe is.
    fn at(path: PathBuf, real: PathBuf, asked: &Path) -> Self {
        match shipped(asked) {
            Some(shipped) if real.is_dir() => RecipeFile::Shipped(shipped),
            _ => RecipeFile::OnDisk(path, real),
        }
    }

    /// The recipe that this one extends as `base`.
    pub fn base(&self, base: &str) -> io::Result<Self> {
        match self {
            RecipeFile::OnDisk(path, _) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                let beside = folder.join(base);
                match beside.canonicalize() {
                    Ok(real) => Ok(RecipeFile::at(beside, real, Path::new(base))),
                    Err(error) => shipped(Path::new(base))
                        .map(RecipeFile::Shipped)
                        .ok_or(error),
                }
            }
            // Never a file that happens to be called so.
            RecipeFile::Shipped(_) => base
                .strip_suffix(".toml")
                .and_then(recipe)
                .map(RecipeFile::Shipped)
                .ok_or_else(|| io::Error::from(ErrorKind::NotFound)),
        }
    }

    /// Its path as it was asked for; of a shipped recipe its name, so that relative paths in it begin in the current
    /// folder.
    pub fn path(&self) -> &Path {
        match self {
            RecipeFile::OnDisk(path, _) => path,
            RecipeFile::Shipped(recipe) => Path::new(recipe.name),
        }
    }

    /// What tells it from all others, whatever it was asked for as.
    pub fn identity(&self) -> PathBuf {
        match self {
            RecipeFile::OnDisk(_, real) => real.clone(),
            RecipeFile::Shipped(recipe) => PathBuf::from(recipe.name),
        }
    }

    /// Its bytes.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            RecipeFile::OnDisk(path, _) => pipeline_files::read_at_most(path, MAX_BYTES),
            RecipeFile::Shipped(recipe) => Ok(recipe.text.into()),
        }
    }
}

/// The bytes of the recipe at `path`, or of the shipped one of that name.
pub fn recipe_bytes(path: &Path) -> io::Result<Vec<u8>> {
    RecipeFile::find(path)?.read()
}

/// What to do where there is no recipe at `path`: only a bare name may have been one of ours.
pub fn hint_for_missing(path: &Path) -> Option<String> {
    let name = bare_name(path).or_else(|| bare_name(Path::new(path.file_stem()?)))?;
    if let Some(shipped) = recipe(name) {
        return Some(match shipped.programs {
            [] => format!("`{name}` is the shipped recipe"),
            _ => format!(
                "the shipped recipe `{name}` runs programs beside it: `pipeline init --template {name}` writes them"
            ),
        });
    }
    bare_name(path)?;
    Some(near_shipped(path).unwrap_or_else(|| {
        format!(
            "a recipe is a TOML file, or one of the shipped {}; `pipeline init` writes a first one",
            runnable().collect::<Vec<_>>().join(", ")
        )
    }))
}

/// The shipped recipe that a misspelt bare name means, as a hint.
pub fn near_shipped(path: &Path) -> Option<String> {
    let near = nearest(bare_name(path)?, runnable())?;
    Some(format!("did you mean the shipped recipe `{near}`?"))
}

/// Names of the shipped recipes that need no files beside them.
fn runnable() -> impl Iterator<Item = &'static str> {
    let alone = recipes().iter().filter(|recipe| recipe.programs.is_empty());
    alone.map(|recipe| recipe.name)
}

/// The shipped recipe that a bare name means, unless it needs files beside it.
fn shipped(path: &Path) -> Option<&'static ShippedRecipe> {
    recipe(bare_name(path)?).filter(|recipe| recipe.programs.is_empty())
}

/// A path that is one name without an ending.
fn bare_name(path: &Path) -> Option<&str> {
    let name = path.to_str()?;
    let is_bare = !name.is_empty() && !name.contains(['/', '\\', '.']);
    is_bare.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_before_the_shipped_recipe_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("finetune");
        std::fs::write(&path, "format = 1").unwrap();
        assert_eq!(recipe_bytes(&path).unwrap(), b"format = 1");
        assert!(
            recipe_bytes(&folder.path().join("meds")).is_err(),
            "not bare"
        );
        let shipped = recipe_bytes(Path::new("meds")).unwrap();
        assert_eq!(shipped, recipe("meds").unwrap().text.as_bytes());
    }

    #[test]
    fn recipes_with_programs_are_not_run_by_name() {
        let error = recipe_bytes(Path::new("own-model")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let hint = hint_for_missing(Path::new("own-model")).unwrap();
        assert!(
            hint.contains("pipeline init --template own-model"),
            "{hint}"
        );
        let hint = hint_for_missing(Path::new("finetune.toml")).unwrap();
        assert_eq!(hint, "`finetune` is the shipped recipe");
        assert!(hint_for_missing(Path::new("a/b.toml")).is_none());
        let hint = hint_for_missing(Path::new("fintune")).unwrap();
        assert_eq!(hint, "did you mean the shipped recipe `finetune`?");
        assert!(near_shipped(Path::new("./fintune")).is_none());
        assert!(
            hint_for_missing(Path::new("nothing"))
                .unwrap()
                .contains("finetune, meds")
        );
    }

    #[test]
    fn a_shipped_recipe_extends_shipped_ones_only() {
        let meds = RecipeFile::find(Path::new("meds")).unwrap();
        assert_eq!(
            meds.base("finetune.toml").unwrap().path(),
            Path::new("finetune")
        );
        assert!(meds.base("Cargo.toml").is_err());
    }
}
