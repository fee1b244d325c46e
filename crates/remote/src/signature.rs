//! Who vouches for a result: Ed25519 over its action, byte for byte.
//!
//! Ed25519 and not an HMAC: who may only check cannot sign, so that the secret key stays where results are made. It
//! needs no crate beside that of TLS (`ring`). A signature is a line behind the action:
//!
//! ```text
//! signature ed25519 PUBLIC-KEY SIGNATURE
//! ```

use std::path::{Path, PathBuf};

use pipeline_error::Error;

#[cfg(feature = "s3")]
pub use with_ring::{SigningKey, generate};
#[cfg(feature = "s3")]
use with_ring::{check_public, holds};

#[cfg(not(feature = "s3"))]
pub use without_ring::{SigningKey, generate};
#[cfg(not(feature = "s3"))]
use without_ring::{check_public, holds};

/// What a line behind an action begins with.
const LINE: &[u8] = b"\nsignature ed25519 ";

/// What is signed begins so: no signature of something else is one of an action.
#[cfg(feature = "s3")]
const DOMAIN: &[u8] = b"pipeline action v1\n";

/// How the files of keys begin.
const PUBLIC: &str = "pipeline-public-key ed25519 ";
#[cfg(feature = "s3")]
const SECRET: &str = "pipeline-secret-key ed25519 ";

/// Somebody whose signature counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    path: PathBuf,
    text: String,
}

/// A line behind an action: the key in Base64, and what it signed with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature<'a> {
    key: &'a str,
    #[cfg_attr(
        not(feature = "s3"),
        allow(dead_code, reason = "nothing can be checked")
    )]
    signature: &'a str,
}

impl PublicKey {
    /// Reads the file that `cache keygen` has written.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = key_text(path, PUBLIC, "public")?;
        check_public(path, &text)?;
        Ok(Self {
            path: path.to_path_buf(),
            text,
        })
    }
}

fn key_text(path: &Path, begin: &str, which: &str) -> Result<String, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| unreadable(path, which, &error.to_string()))?;
    let key = text.trim().strip_prefix(begin);
    let key = key.ok_or_else(|| unreadable(path, which, "is none"));
    Ok(key?.to_string())
}

fn unreadable(path: &Path, which: &str, what: &str) -> Error {
    Error::Usage {
        message: format!("{}: the {which} key {what}", path.display()),
        hint: Some("`pipeline cache keygen FILE` writes FILE and, for all others, FILE.pub".into()),
    }
}

/// An action and its signatures.
pub(crate) fn split(bytes: &[u8]) -> (&[u8], Vec<Signature<'_>>) {
    let mut rest = bytes;
    let mut signatures = Vec::new();
    while let Some(at) = rest.windows(LINE.len()).rposition(|part| part == LINE) {
        let line = std::str::from_utf8(&rest[at + LINE.len()..]).unwrap_or_default();
        let Some((key, signature)) = line.trim_end_matches('\n').split_once(' ') else {
            break;
        };
        signatures.push(Signature { key, signature });
        rest = &rest[..at];
    }
    (rest, signatures)
}

/// Fails unless one of those who are `trusted` has signed; if there are none, nobody need have.
pub(crate) fn check(
    bytes: &[u8],
    signatures: &[Signature],
    trusted: &[PublicKey],
) -> Result<(), String> {
    if trusted.is_empty() {
        return Ok(());
    }
    let files: Vec<String> = trusted
        .iter()
        .map(|key| key.path.display().to_string())
        .collect();
    let files = files.join(", ");
    let mut wrong = None;
    for key in trusted {
        for signature in signatures.iter().filter(|it| it.key == key.text) {
            if holds(bytes, key, signature) {
                return Ok(());
            }
            wrong = Some(key.path.display().to_string());
        }
    }
    Err(match (wrong, signatures.is_empty()) {
        (Some(file), _) => format!("its signature by the key of {file} is wrong"),
        (None, true) => {
            format!("it is not signed, and a signature by the key of {files} is required")
        }
        (None, false) => format!("it is signed, but not by the key of {files}, which is required"),
    })
}

#[cfg(feature = "s3")]
mod with_ring {
    use std::fmt;
    use std::fs::OpenOptions;
    use std::io::{ErrorKind, Write};
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::{Path, PathBuf};

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ring::rand::{SecureRandom, SystemRandom};
    use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

    use super::{DOMAIN, LINE, PUBLIC, PublicKey, SECRET, Signature, key_text, unreadable};
    use pipeline_error::Error;

    /// Bytes of either key.
    const LENGTH: usize = 32;

    /// Who signs.
    pub struct SigningKey(Ed25519KeyPair);

    impl fmt::Debug for SigningKey {
        fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            formatter.write_str("SigningKey")
        }
    }

    impl SigningKey {
        /// Reads the file that `cache keygen` has written.
        pub fn read(path: &Path) -> Result<Self, Error> {
            let text = key_text(path, SECRET, "secret")?;
            let seed = bytes(&text, LENGTH).map_err(|what| unreadable(path, "secret", &what))?;
            let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
            pair.map(Self)
                .map_err(|_| unreadable(path, "secret", "is none of Ed25519"))
        }

        /// The line that stands behind what it has signed.
        pub(crate) fn trailer(&self, bytes: &[u8]) -> Vec<u8> {
            let signature = self.0.sign(&[DOMAIN, bytes].concat());
            let key = STANDARD.encode(self.0.public_key());
            let signature = STANDARD.encode(signature);
            [LINE, format!("{key} {signature}\n").as_bytes()].concat()
        }
    }

    /// Fails unless the text can be a public key.
    pub(super) fn check_public(path: &Path, text: &str) -> Result<(), Error> {
        match bytes(text, LENGTH) {
            Ok(_) => Ok(()),
            Err(what) => Err(unreadable(path, "public", &what)),
        }
    }

    fn bytes(text: &str, length: usize) -> Result<Vec<u8>, String> {
        let bytes = STANDARD.decode(text).ok();
        let bytes = bytes.filter(|bytes| bytes.len() == length);
        bytes.ok_or_else(|| format!("is not {length} bytes in Base64"))
    }

    pub(super) fn holds(bytes: &[u8], key: &PublicKey, signature: &Signature) -> bool {
        let decoded = STANDARD.decode(&key.text);
        let decoded = decoded.and_then(|key| Ok((key, STANDARD.decode(signature.signature)?)));
        decoded.is_ok_and(|(key, signature)| {
            let key = UnparsedPublicKey::new(&ED25519, key);
            key.verify(&[DOMAIN, bytes].concat(), &signature).is_ok()
        })
    }

    /// Makes a pair of keys: the secret one at `path`, for its owner's eyes alone, and the public one beside it, at the
    /// path that is returned. Neither may be there yet.
    pub fn generate(path: &Path) -> Result<PathBuf, Error> {
        let mut seed = [0; LENGTH];
        let no_keys = || Error::stage("the system gives no random numbers");
        SystemRandom::new().fill(&mut seed).map_err(|_| no_keys())?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| no_keys())?;
        let mut public = path.as_os_str().to_os_string();
        public.push(".pub");
        let public = PathBuf::from(public);
        if public.exists() {
            return Err(there(&public));
        }
        write(path, SECRET, &seed, 0o600)?;
        write(&public, PUBLIC, pair.public_key().as_ref(), 0o644)?;
        Ok(public)
    }

    fn there(path: &Path) -> Error {
        Error::Usage {
            message: format!("{}: there is a file already", path.display()),
            hint: Some("a key that was replaced could not sign again: name another file".into()),
        }
    }

    fn write(path: &Path, begin: &str, bytes: &[u8], mode: u32) -> Result<(), Error> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(mode).open(path);
        let written = file.and_then(|mut file| {
            file.write_all(format!("{begin}{}\n", STANDARD.encode(bytes)).as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => there(path),
            _ => Error::file(path, error),
        })
    }
}

#[cfg(not(feature = "s3"))]
mod without_ring {
    use std::path::{Path, PathBuf};

    use pipeline_error::Error;

    use super::{PublicKey, Signature};
    use crate::remote::without_feature;

    pub(super) fn check_public(_path: &Path, _text: &str) -> Result<(), Error> {
        Err(without_feature("signatures"))
    }

    pub(super) fn holds(_bytes: &[u8], _key: &PublicKey, _signature: &Signature) -> bool {
        false
    }

    /// Nobody signs in this build.
    #[derive(Debug)]
    pub enum SigningKey {}

    impl SigningKey {
        /// Always an error.
        pub fn read(_path: &Path) -> Result<Self, Error> {
            Err(without_feature("signatures"))
        }

        pub(crate) fn trailer(&self, _bytes: &[u8]) -> Vec<u8> {
            match *self {}
        }
    }

    /// Always an error.
    pub fn generate(_path: &Path) -> Result<PathBuf, Error> {
        Err(without_feature("signatures"))
    }
}

#[cfg(all(test, feature = "s3"))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn keys(folder: &Path, name: &str) -> (SigningKey, PublicKey) {
        let path = folder.join(name);
        let public = generate(&path).unwrap();
        (
            SigningKey::read(&path).unwrap(),
            PublicKey::read(&public).unwrap(),
        )
    }

    #[test]
    fn what_somebody_trusted_signed_is_taken_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (signer, public) = keys(folder.path(), "team");
        let (_, stranger) = keys(folder.path(), "stranger");
        let action = b"{\n  \"key\": 1\n}";
        let document = [&action[..], &signer.trailer(action)].concat();
        let (bytes, signatures) = split(&document);
        assert_eq!((bytes, signatures.len()), (&action[..], 1));
        let told = |trusted: &[PublicKey]| check(bytes, &signatures, trusted);
        told(&[]).unwrap();
        told(&[stranger.clone(), public.clone()]).unwrap();
        let error = told(&[stranger]).unwrap_err();
        assert!(error.contains("stranger.pub"), "{error}");
        let trusted = [public];
        let error = check(action, &[], &trusted).unwrap_err();
        assert!(
            error.contains("not signed") && error.contains("team.pub"),
            "{error}"
        );
        for at in 0..document.len() {
            let mut other = document.clone();
            other[at] ^= 1;
            let (bytes, signatures) = split(&other);
            let held = check(bytes, &signatures, &trusted).is_ok();
            // The last character of the Base64 of 64 bytes has bits that say nothing; the decoder wants them zero. The
            // end of the line may be anything.
            assert!(!held || at + 1 == document.len(), "{at}");
        }
    }

    #[test]
    fn the_secret_key_is_its_owner_s_and_no_key_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        keys(folder.path(), "team");
        let path = folder.path().join("team");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let before = std::fs::read(&path).unwrap();
        assert_eq!(generate(&path).unwrap_err().exit_code(), 2);
        assert_eq!(std::fs::read(&path).unwrap(), before);
        // The one for the other.
        let error = PublicKey::read(&path).unwrap_err().to_string();
        assert!(error.contains("the public key"), "{error}");
        assert!(SigningKey::read(&folder.path().join("team.pub")).is_err());
    }
}
