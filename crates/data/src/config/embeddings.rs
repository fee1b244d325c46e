//! Where the embedding of every variable comes from.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input_path::InputPath;

/// The embedding of every variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Embeddings {
    /// A CSV or Parquet file: the column `Key` holds the variable's name, the other columns its numbers; or in Parquet one column
    /// `embedding` of lists. Its contents tell its format, not its name.
    Table(InputPath),
    /// Seeded orthonormal rows of this many numbers (as far as there are no more variables than numbers).
    Orthonormal(usize),
    /// What a sentence-embedding model makes of the names or descriptions.
    Text(TextEmbeddings),
}

/// A sentence-embedding model (BERT), run over the variables' names or descriptions: in F32, on the CPU, each by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextEmbeddings {
    /// The model's folder, as sentence-transformers saves it: `config.json`, `tokenizer.json`, `model.safetensors`, and
    /// `modules.json` and `1_Pooling/config.json` if they are there. No other file is read.
    pub model: InputPath,
    /// A CSV file with the columns variable and description; left out: the names themselves are the texts.
    #[serde(default)]
    pub descriptions: Option<InputPath>,
    /// What to do with a variable that `descriptions` does not describe.
    #[serde(default)]
    pub missing: MissingDescription,
    /// How the embeddings of its tokens become a text's embedding.
    #[serde(default)]
    pub pooling: TextPooling,
    /// Whether embeddings are divided by their Euclidean norm.
    #[serde(default = "yes")]
    pub normalize: bool,
}

fn yes() -> bool {
    true
}

/// What to do with a variable that has no description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MissingDescription {
    /// Stop and name the variable.
    #[default]
    Error,
    /// Its name is the text.
    Name,
}

/// How the embeddings of its tokens become a text's embedding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TextPooling {
    /// Their mean.
    #[default]
    Mean,
    /// That of the first, `[CLS]`.
    Cls,
}

impl TextPooling {
    /// The pooling's name in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            TextPooling::Mean => "mean",
            TextPooling::Cls => "cls",
        }
    }
}

impl Embeddings {
    /// What is read from disk: the setting that names it, and its place.
    pub fn paths(&mut self) -> Vec<(String, &mut InputPath)> {
        match self {
            Embeddings::Table(path) => vec![("embeddings.table".into(), path)],
            Embeddings::Orthonormal(_) => Vec::new(),
            Embeddings::Text(text) => {
                let descriptions = text.descriptions.as_mut();
                let descriptions =
                    descriptions.map(|path| ("embeddings.text.descriptions".into(), path));
                let model = (MODEL_FIELD.into(), &mut text.model);
                [model].into_iter().chain(descriptions).collect()
            }
        }
    }
}

/// The setting that names a sentence model's folder.
pub const MODEL_FIELD: &str = "embeddings.text.model";

/// The files of a sentence model's folder that are read.
pub struct ModelFiles {
    /// The sizes of the model.
    pub config: PathBuf,
    /// How text becomes tokens.
    pub tokenizer: PathBuf,
    /// The weights.
    pub weights: PathBuf,
    /// Which modules follow each other in sentence-transformers; may be absent.
    pub modules: PathBuf,
    /// How it pools; may be absent.
    pub pooling: PathBuf,
}

impl ModelFiles {
    /// Those of `folder`.
    pub fn of(folder: &Path) -> Self {
        Self {
            config: folder.join("config.json"),
            tokenizer: folder.join("tokenizer.json"),
            weights: folder.join("model.safetensors"),
            modules: folder.join("modules.json"),
            pooling: folder.join("1_Pooling").join("config.json"),
        }
    }

    /// Each that must be there and each that is, with a word for it.
    pub fn expected(self) -> Vec<(&'static str, PathBuf)> {
        let optional = [("modules", self.modules), ("pooling", self.pooling)];
        let optional = optional.into_iter().filter(|(_, path)| path.exists());
        let needed = [
            ("config", self.config),
            ("tokenizer", self.tokenizer),
            ("weights", self.weights),
        ];
        needed.into_iter().chain(optional).collect()
    }
}
