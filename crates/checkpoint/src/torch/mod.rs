//! What `torch.save` writes: the zip since 1.6 and the stream of pickles before.

mod dicts;
pub(super) mod distributed;
mod elsewhere;
mod hyper_parameters;
mod legacy_file;
mod likeness;
mod state_dict;
mod storages;
mod trained;
mod walk;
mod zip_file;

pub(super) use legacy_file::{is_legacy, read as read_legacy};
pub(super) use zip_file::read as read_zip;

#[cfg(test)]
mod tests;
