//! Which remote cache a command uses: that of the recipe, else that of the user's own settings.

use std::sync::Arc;

use clap::Args;

use pipeline_error::Error;
use pipeline_kinds::Experiment;
use pipeline_recipe::remote_config::RemoteConfig;
use pipeline_recipe::{user_config_path, user_remote};
use pipeline_remote::Remote;

/// Whether a run asks the remote cache.
#[derive(Debug, Args)]
pub struct RemoteArguments {
    /// Take results from the remote cache ([remote] of the recipe or of ~/.config/pipeline/config.toml) instead of executing stages
    #[arg(long, conflicts_with = "no_remote")]
    pull: bool,

    /// Do not use the remote cache, even if [remote] states one
    #[arg(long)]
    no_remote: bool,
}

impl RemoteArguments {
    /// The cache that a run of this recipe asks, if it asks one. Its keys and credentials are found before anything
    /// runs.
    pub fn open(&self, of_recipe: Option<&RemoteConfig>) -> Result<Option<Arc<Remote>>, Error> {
        if self.no_remote {
            return Ok(None);
        }
        let Some(mut config) = config(of_recipe)? else {
            return match self.pull {
                true => Err(none_is_stated()),
                false => Ok(None),
            };
        };
        config.pull |= self.pull;
        match config.pull || config.push {
            true => Ok(Some(Arc::new(Remote::open(&config)?))),
            false => Ok(None),
        }
    }
}

/// The cache of a recipe, or of the user's settings; that there is none is an error.
pub fn require(of_recipe: Option<&RemoteConfig>) -> Result<Remote, Error> {
    let config = config(of_recipe)?;
    Remote::open(&config.ok_or_else(none_is_stated)?)
}

fn config(of_recipe: Option<&RemoteConfig>) -> Result<Option<RemoteConfig>, Error> {
    if let Some(config) = of_recipe {
        return Ok(Some(config.clone()));
    }
    let env = |name: &str| std::env::var(name).ok();
    match user_config_path(&env) {
        Some(path) => user_remote::<Experiment>(&path, &env),
        None => Ok(None),
    }
}

fn none_is_stated() -> Error {
    let user = user_config_path(&|name: &str| std::env::var(name).ok());
    let user = user.map_or_else(String::new, |path| format!(", or in {}", path.display()));
    Error::Usage {
        message: "no remote cache is stated".into(),
        hint: Some(format!(
            "write [remote] and url = \"s3://BUCKET/PREFIX\" or \"file:///FOLDER\" in the recipe{user}: docs/remote.md"
        )),
    }
}
