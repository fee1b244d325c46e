//! What a user states for all recipes: `pipeline/config.toml` in the folder of the user's settings.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::experiment::Experiment;
use super::interpolate::{self, Environment};
use super::load::{read, refused};
use super::mistake::Mistake;
use super::parse;
use super::remote_config::RemoteConfig;
use super::shape::Shape;
use super::source::Sources;
use super::suggest::nearest;
use super::tree::{Node, Value};
use super::validate::validate_part;
use pipeline_error::Error;

/// The one table there is.
const REMOTE: &str = "remote";

/// No settings that people write are longer.
const MAX_BYTES: u64 = 1 << 20;

/// Where the user's settings are (XDG): `$XDG_CONFIG_HOME`, else `~/.config`; none where neither is known.
pub fn user_config_path(env: Environment) -> Option<PathBuf> {
    let folder = |name: &str| {
        let path = PathBuf::from(env(name)?);
        // Relative ones are to be ignored, says the specification.
        path.is_absolute().then_some(path)
    };
    let settings = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(settings.join("pipeline/config.toml"))
}

/// The table `[remote]` of the user's settings at `path`; none if there is no such file, or it has none. Mistakes are
/// an [`Error::Recipe`] with their places.
pub fn user_remote<E: Experiment>(
    path: &Path,
    env: Environment,
) -> Result<Option<RemoteConfig>, Error> {
    let unreadable = |what: String| Error::Usage {
        message: format!("{}: {what}", path.display()),
        hint: Some("this file holds the user's own settings; --no-remote skips it".into()),
    };
    let bytes = match pipeline_files::read_at_most(path, MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let text = String::from_utf8(bytes).map_err(|_| unreadable("is not UTF-8".into()))?;
    let (mut sources, mut mistakes) = (Sources::default(), Vec::new());
    let source = sources.add_file(path, &text);
    let config = parse::document(source, &sources, &mut mistakes)
        .and_then(|tree| remote_of::<E>(tree, &sources, env, &mut mistakes));
    match mistakes.is_empty() {
        true => Ok(config),
        false => Err(refused(path, mistakes, &sources)),
    }
}

fn remote_of<E: Experiment>(
    mut tree: Node,
    sources: &Sources,
    env: Environment,
    mistakes: &mut Vec<Mistake>,
) -> Option<RemoteConfig> {
    interpolate::interpolate(&mut tree, sources, env, mistakes);
    let Value::Table(table) = &mut tree.value else {
        return None;
    };
    for entry in table.iter().filter(|entry| entry.key != REMOTE) {
        let message = format!("unknown key `{}` in the user's settings", entry.key);
        let mistake = Mistake::new(message, entry.key_origin, "unknown key");
        mistakes.push(match nearest(&entry.key, [REMOTE]) {
            Some(near) => mistake.help(format!("did you mean `{near}`?")),
            None => mistake.help("they have one table: [remote]"),
        });
    }
    let mut remote = table.remove(REMOTE)?.node;
    validate_part(REMOTE, &mut remote, Shape::new(E::schema()), mistakes);
    if !mistakes.is_empty() {
        return None;
    }
    mistakes.extend(E::remote_mistakes(&remote));
    read(REMOTE, &remote, mistakes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_s_settings_are_where_xdg_has_them() {
        let path = |config: Option<&str>, home: Option<&str>| {
            let env = |name: &str| match name {
                "XDG_CONFIG_HOME" => config.map(str::to_string),
                "HOME" => home.map(str::to_string),
                _ => None,
            };
            user_config_path(&env).map(|path| path.display().to_string())
        };
        let stated = |text: &str| Some(text.to_string());
        assert_eq!(
            path(Some("/c"), Some("/h")),
            stated("/c/pipeline/config.toml")
        );
        assert_eq!(
            path(Some("c"), Some("/h")),
            stated("/h/.config/pipeline/config.toml")
        );
        assert_eq!(path(Some(""), None), None);
    }
}
