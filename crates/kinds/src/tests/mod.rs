mod choice;
mod layering;
mod preparation;
mod rejected;
mod rendered;
mod sweep;
mod training;
mod whole;

use std::path::PathBuf;

use miette::{GraphicalReportHandler, GraphicalTheme};
use tempfile::TempDir;

use crate::Recipe;
use pipeline_error::{Code, Error};
use pipeline_recipe::{Override, load_in};

/// A folder of recipes and of what they name.
struct Folder {
    folder: TempDir,
    env: Vec<(&'static str, &'static str)>,
}

impl Folder {
    /// A folder with these files.
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let env = Vec::new();
        Self { folder, env }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self, name: &str, sets: &[&str]) -> Result<Recipe, Error> {
        let overrides: Vec<Override> = sets.iter().map(|text| Override::new(*text)).collect();
        load_in(&self.path(name), &overrides, &|name| {
            let found = self.env.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| value.to_string())
        })
    }

    /// The recipe, which must have no mistake.
    fn sound(&self, name: &str, sets: &[&str]) -> Recipe {
        match self.load(name, sets) {
            Ok(recipe) => recipe,
            Err(error) => panic!("{}", self.render(&error)),
        }
    }

    /// The error as it is shown, with paths from this folder on.
    fn render(&self, error: &Error) -> String {
        let mut text = String::new();
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .with_width(200)
            .render_report(&mut text, error)
            .unwrap();
        let prefix = format!("{}/", self.folder.path().display());
        let mut lines = text.replace(&prefix, "");
        // Names of pages are shown once, behind all mistakes, and by the command line.
        for code in Code::ALL {
            let heading = format!("Error: {}\n", code.name());
            lines = lines.replace(&heading, "Error: ");
        }
        let trimmed: Vec<&str> = lines.lines().map(str::trim_end).collect();
        trimmed.join("\n")
    }

    /// How the mistakes are shown.
    fn rendered(&self, name: &str, sets: &[&str]) -> String {
        let error = self.load(name, sets).expect_err("the recipe has mistakes");
        assert_eq!(error.exit_code(), 2);
        self.render(&error)
    }

    /// The first lines of the mistakes.
    fn messages(&self, name: &str, sets: &[&str]) -> Vec<String> {
        match self.load(name, sets) {
            Err(Error::Recipe(errors)) => {
                let prefix = format!("{}/", self.folder.path().display());
                let mistakes = errors.related().into_iter().flatten();
                mistakes
                    .map(|mistake| mistake.to_string().replace(&prefix, ""))
                    .collect()
            }
            Err(other) => panic!("{other}"),
            Ok(_) => Vec::new(),
        }
    }
}

/// A small recipe without a mistake, to be spoilt.
const SMALL: &str = r#"format = 1

[model]
input_dim = 16
latent_dim = 8

[stages.events]
kind = "data"
source = { format = "synthetic", stays = 100 }
split = { ratio = [0.8, 0.1, 0.1] }
embeddings = { orthonormal = 16 }

[stages.pretrain]
kind = "pretrain"
data = "events"
epochs = 2

[stages.weights]
kind = "import"
from = "pretrain"
into = "classifier"
new = ["cls_head.*"]

[stages.frozen]
kind = "freeze"
model = "weights"

[stages.classifier]
kind = "finetune"
model = "frozen"
data = "events"
epochs = 3

[stages.test]
kind = "evaluate"
model = "classifier"
data = "events"
split = "test"
"#;

/// [`SMALL`] with one text in it replaced.
fn spoilt(from: &str, to: &str) -> Folder {
    assert!(SMALL.contains(from), "{from}");
    Folder::with(&[("a.toml", &SMALL.replacen(from, to, 1))])
}
