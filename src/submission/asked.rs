//! What was asked for: the document `runs/RUN/submission.json`.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::arguments::Selection;
use pipeline_cluster::Cluster;
use pipeline_error::Error;
use pipeline_recipe::Override;

/// Which recipe, changed how, on which device, from which folder, and how jobs are submitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The recipe, as it is found from `folder`.
    pub recipe: PathBuf,
    /// The changes to it.
    pub set: Vec<String>,
    /// Where tensors are computed.
    pub device: String,
    /// The folder from which it was submitted.
    pub folder: PathBuf,
    /// How jobs are submitted.
    pub cluster: Cluster,
}

impl Asked {
    /// What the command line says, here.
    pub fn here(selection: &Selection, cluster: Cluster) -> Result<Self, Error> {
        let folder = std::env::current_dir();
        let folder = folder.map_err(|error| Error::file(Path::new("."), error))?;
        let texts = [Some(folder.as_path()), Some(selection.recipe.as_path())];
        if texts
            .into_iter()
            .flatten()
            .any(|path| path.to_str().is_none_or(odd))
        {
            return Err(Error::Usage {
                message: format!(
                    "{}: a job script cannot name such a path",
                    folder.join(&selection.recipe).display()
                ),
                hint: Some("submit from a folder whose path has no line break and is UTF-8".into()),
            });
        }
        Ok(Self {
            recipe: selection.recipe.clone(),
            set: selection
                .overrides
                .iter()
                .map(|it| it.text().into())
                .collect(),
            device: selection.device.clone(),
            folder,
            cluster,
        })
    }

    /// The same experiment, whatever the cluster.
    pub fn is_of(&self, other: &Self) -> bool {
        let of = |it: &Self| {
            (
                it.recipe.clone(),
                it.set.clone(),
                it.device.clone(),
                it.folder.clone(),
            )
        };
        of(self) == of(other)
    }

    /// What it selects, of the store at `store`; the current folder is that from which it was submitted.
    pub fn selection(&self, store: &Path) -> Selection {
        let overrides = self.set.iter().map(|text| {
            let Ok(one): Result<Override, Infallible> = text.parse();
            one
        });
        Selection {
            recipe: self.recipe.clone(),
            overrides: overrides.collect(),
            store: store.into(),
            device: self.device.clone(),
        }
    }
}

fn odd(path: &str) -> bool {
    path.contains(char::is_control)
}
