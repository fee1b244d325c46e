use std::path::PathBuf;

use super::folder::SharedFolder;
use super::objects::Objects;
use super::signature::{PublicKey, SigningKey};
use pipeline_error::Error;
use pipeline_recipe::remote_config::RemoteConfig;
use pipeline_store::digest::Digest;
use pipeline_store::fingerprint::Key;

/// Where actions are.
pub(crate) const ACTIONS: &str = "actions/v1";
/// Where blobs are.
pub(crate) const BLOBS: &str = "blobs/v1";

/// A remote cache.
#[derive(Debug)]
pub struct Remote {
    url: String,
    pub(crate) objects: Box<dyn Objects>,
    /// Whether a run looks there before it executes a stage.
    pub pulls: bool,
    /// Whether a run puts there what it has made.
    pub pushes: bool,
    kinds: Option<Vec<String>>,
    /// Whose signatures are needed; none: nobody's.
    pub(crate) trusted: Vec<PublicKey>,
    pub(crate) signer: Option<SigningKey>,
}

impl Remote {
    /// The cache that a table describes. Keys and credentials are looked for now; the cache itself is not asked yet.
    pub fn open(config: &RemoteConfig) -> Result<Self, Error> {
        let url = config.url.trim_end_matches('/').to_string();
        let objects: Box<dyn Objects> = match url.split_once("://") {
            Some(("file", path)) => Box::new(SharedFolder::new(folder_of(&url, path)?)?),
            #[cfg(feature = "s3")]
            Some(("s3", place)) => Box::new(super::s3::Bucket::open(place, &url)?),
            #[cfg(not(feature = "s3"))]
            Some(("s3", _)) => return Err(without_feature(&format!("{url}: buckets"))),
            _ => {
                return Err(Error::Usage {
                    message: format!("{url} is no remote cache"),
                    hint: Some("one looks like s3://BUCKET/PREFIX or file:///FOLDER".into()),
                });
            }
        };
        let keys = config.trusted_keys.iter();
        Ok(Self {
            objects,
            pulls: config.pull,
            pushes: config.push,
            kinds: config.kinds.clone(),
            trusted: keys
                .map(|path| PublicKey::read(path))
                .collect::<Result<_, _>>()?,
            signer: match &config.signing_key {
                Some(path) => Some(SigningKey::read(path)?),
                None => None,
            },
            url,
        })
    }

    /// A table with nothing but an address.
    pub fn plain_config(url: String) -> RemoteConfig {
        RemoteConfig {
            url,
            pull: false,
            push: false,
            kinds: None,
            trusted_keys: Vec::new(),
            signing_key: None,
        }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether results of this kind of stage are put there.
    pub fn takes(&self, kind: &str, may_hold_patients: bool) -> bool {
        match &self.kinds {
            Some(kinds) => kinds.iter().any(|named| named == kind),
            None => !may_hold_patients,
        }
    }
}

fn folder_of(url: &str, path: &str) -> Result<PathBuf, Error> {
    match path.starts_with('/') {
        true => Ok(PathBuf::from(path)),
        false => Err(Error::Usage {
            message: format!("{url}: a folder on another host cannot be reached"),
            hint: Some("an absolute folder has three slashes: file:///shared/cache".into()),
        }),
    }
}

/// The error of a build that can do less.
#[cfg(not(feature = "s3"))]
pub(crate) fn without_feature(what: &str) -> Error {
    Error::Usage {
        message: format!("{what} are not in this build"),
        hint: Some("build it with its default features (`remote`)".into()),
    }
}

pub(crate) fn action_name(key: &Key) -> String {
    format!("{ACTIONS}/{key}")
}

pub(crate) fn blob_name(digest: &Digest) -> String {
    let digest = digest.to_string();
    format!("{BLOBS}/{}/{digest}", &digest[..2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(kinds: Option<&[&str]>) -> Remote {
        let mut config = Remote::plain_config("file:///nowhere".into());
        config.kinds = kinds.map(|kinds| kinds.iter().map(|kind| (*kind).into()).collect());
        Remote::open(&config).unwrap()
    }

    #[test]
    fn what_may_hold_patients_is_put_there_only_if_it_is_named() {
        let usual = remote(None);
        assert!(usual.takes("pretrain", false) && !usual.takes("data", true));
        let named = remote(Some(&["data"]));
        assert!(!named.takes("pretrain", false) && named.takes("data", true));
        assert!(!remote(Some(&[])).takes("pretrain", false));
    }

    #[test]
    fn an_address_of_nothing_is_refused() {
        for url in [
            "file://host/folder",
            "gs://bucket",
            "s3:/bucket",
            "s3://",
            "/folder",
            "",
        ] {
            let error = Remote::open(&Remote::plain_config(url.into())).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{url}");
        }
    }
}
