//! A remote cache: results of a store in a bucket or a folder that machines share.
//!
//! ```text
//! actions/v1/KEY        what a key gave, as the store that made it wrote it; signed, if somebody signs
//! blobs/v1/ab/DIGEST    contents
//! ```
//!
//! Blobs are put there before the action that names them, and an action only where there is none: the first one stays.
//! Nothing that comes from there is believed: an action must have the fingerprint of its key, a blob the bytes of its
//! digest, and where keys are trusted, an action their signature. A key says what a result *should* be of; only who
//! signs says that it is.
//!
//! ```
//! use pipeline_remote::Remote;
//!
//! # fn main() -> Result<(), pipeline_error::Error> {
//! # let folder = tempfile::tempdir().unwrap();
//! let config = Remote::plain_config(format!("file://{}", folder.path().display()));
//! let remote = Remote::open(&config)?;
//! assert!(remote.list()?.actions == 0);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "s3")]
mod aws;
mod folder;
#[cfg(feature = "s3")]
mod ini;
mod listing;
mod objects;
#[cfg(feature = "s3")]
mod patience;
mod pull;
mod push;
mod remote;
mod retry;
#[cfg(feature = "s3")]
mod s3;
pub mod signature;
mod trouble;

pub use listing::Listing;
pub use pull::Pulled;
pub use push::Pushed;
pub use remote::Remote;
pub use trouble::Trouble;
