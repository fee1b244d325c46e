use std::io::{self, Read};

use rayon::prelude::*;
use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::hyper_parameters::stated;
use super::state_dict;
use super::storages::Storages;
use super::trained::trained;
use crate::bytes::Buffer;
use crate::contents::Contents;
use crate::pickle::{AGAIN, load};
use crate::refusal::Refusal;
use crate::source::Source;

/// Pickles are metadata: tensors lie beside them. A larger one is no checkpoint.
const MAX_PICKLE: u64 = 256 << 20;

/// Reads a PyTorch zip of `length` bytes. Every entry is read, so that every checksum is checked,
/// also of what is not needed: a damaged file is not half believed. All threads read.
pub(crate) fn read(file: impl Source, length: u64) -> Result<Contents, Refusal> {
    // Told where the archive starts, the crate does not guess. Its guess takes the second entry for the
    // first when the first one's is as long as the zip64 records that torch.save always writes.
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let mut archive = ZipArchive::with_config(config, file).map_err(|error| damaged(&error))?;
    refuse_other_archives(&archive)?;
    let names = entry_names(&mut archive, length)?;
    refuse_unchecked(&archive)?;
    let prefix = prefix(&names)?;
    let at = |name: &str| {
        names
            .iter()
            .position(|n| n.strip_prefix(prefix) == Some(name))
    };

    if let Some(entry) = at("byteorder") {
        let order = read_entry(&mut archive, entry, 16)?;
        if order != b"little" {
            let order = String::from_utf8_lossy(&order).into_owned();
            return Err(Refusal::new(format!(
                "its numbers are {order}-endian, not little"
            )));
        }
    }
    let pickle = at("data.pkl").ok_or_else(no_pickle)?;
    let pickle = read_entry(&mut archive, pickle, MAX_PICKLE)?;
    let pickle = load(&pickle)?;
    let state_dict = state_dict::find(&pickle)?;

    let mut storages = Storages::new(&state_dict.tensors, length)?;
    let wanted = |name: &str| {
        let key = name.strip_prefix(prefix)?.strip_prefix("data/")?;
        storages.wants(key).then(|| key.to_string())
    };
    let entries: Vec<_> = names.iter().map(|name| wanted(name)).collect();
    let read: Vec<_> = entries
        .into_par_iter()
        .enumerate()
        .map_with(archive, |archive, (entry, key)| match key {
            Some(key) => Ok(Some((key, read_storage(archive, entry, length)?))),
            None => check_entry(archive, entry).map(|()| None),
        })
        .collect();
    // In the file's order, so that of several faults the same one is told.
    for read in read {
        if let Some((key, storage)) = read? {
            storages.supply(&key, storage)?;
        }
    }
    let (stated, more) = stated(&pickle, state_dict.holder);
    Ok(Contents {
        trained: trained(&pickle, &state_dict),
        stated,
        tensors: storages.finish()?,
        elsewhere: state_dict.elsewhere,
        notes: state_dict.notes.into_iter().chain(more).collect(),
    })
}

fn damaged(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(format!("damaged zip: {error}"))
}

fn no_pickle() -> Refusal {
    Refusal::new("a zip, but without the data.pkl of torch.save")
        .with_hint("if checkpoints lie in it, unpack it: unzip FILE")
}

/// What torch and others write as a zip that is no checkpoint.
fn refuse_other_archives(archive: &ZipArchive<impl Source>) -> Result<(), Refusal> {
    let names: Vec<String> = archive
        .file_names()
        .filter_map(|name| Some(name.ok()?.into_owned()))
        .collect();
    // Below the one folder that torch puts everything into.
    let inner = names.iter().filter_map(|name| name.split_once('/'));
    let inner: Vec<&str> = inner.map(|(_, rest)| rest).collect();
    let has = |wanted: &dyn Fn(&str) -> bool| inner.iter().any(|name| wanted(name));
    if has(&|name| name == "constants.pkl" || name.starts_with("code/")) {
        return Err(Refusal::new("a TorchScript archive: a program with its weights, written by torch.jit.save")
            .with_hint("save its weights alone: python3 -c \"import torch; torch.save(torch.jit.load('FILE', map_location='cpu').state_dict(), 'weights.pt')\""));
    }
    if has(&|name| name == "archive_format" || name.starts_with("models/")) {
        return Err(Refusal::new("a program with its weights, written by torch.export.save")
            .with_hint("save its weights alone: python3 -c \"import torch; torch.save(dict(torch.export.load('FILE').state_dict), 'weights.pt')\""));
    }
    if !names.is_empty() && names.iter().all(|name| name.ends_with(".npy")) {
        return Err(Refusal::new("an archive of numpy arrays, written by numpy.savez")
            .with_hint("convert it: python3 -c \"import numpy, safetensors.numpy; safetensors.numpy.save_file(dict(numpy.load('FILE')), 'weights.safetensors')\""));
    }
    Ok(())
}

/// Names of all entries, each plain: stored, not encrypted, no larger than the file, alone.
fn entry_names(archive: &mut ZipArchive<impl Source>, length: u64) -> Result<Vec<String>, Refusal> {
    archive
        .validate_header_consistency()
        .map_err(|error| damaged(&error))?;
    let mut names = Vec::with_capacity(archive.len());
    for entry in 0..archive.len() {
        let data = archive
            .by_index_data(entry)
            .map_err(|error| damaged(&error))?;
        let name = data.name().map_err(|error| damaged(&error))?.into_owned();
        if data.encrypted() || data.compression() != CompressionMethod::Stored {
            return Err(Refusal::new(format!(
                "{name} is compressed or encrypted, which torch.save never does"
            ))
            .with_hint(AGAIN));
        }
        if data.size() > length || data.size() != data.compressed_size() {
            return Err(damaged(&format!("{name} claims {} bytes", data.size())));
        }
        names.push(name);
    }
    Ok(names)
}

/// Refuses an archive whose checksums were left out, which torch does on demand: damage would go unseen.
fn refuse_unchecked(archive: &ZipArchive<impl Source>) -> Result<(), Refusal> {
    let entries = (0..archive.len()).filter_map(|entry| archive.by_index_data(entry).ok());
    let mut filled = entries.filter(|entry| entry.size() > 0).peekable();
    match filled.peek().is_some() && filled.all(|entry| entry.crc32() == 0) {
        true => Err(Refusal::new(
            "has no checksums, as torch.save leaves them out after torch.serialization.set_crc32_options(False): damage would go unseen",
        )
        .with_hint(AGAIN)),
        false => Ok(()),
    }
}

/// The folder, with its slash, that holds the one data.pkl.
fn prefix(names: &[String]) -> Result<&str, Refusal> {
    let mut prefixes = names
        .iter()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|prefix| prefix.ends_with('/') && prefix.matches('/').count() == 1);
    match (prefixes.next(), prefixes.next()) {
        (Some(prefix), None) => Ok(prefix),
        (None, _) => Err(no_pickle()),
        (Some(_), Some(_)) => Err(Refusal::new("has more than one data.pkl")),
    }
}

/// An entry's bytes, with its checksum checked.
fn read_entry(
    archive: &mut ZipArchive<impl Source>,
    entry: usize,
    limit: u64,
) -> Result<Vec<u8>, Refusal> {
    let storage = read_storage(archive, entry, limit)?;
    Ok(storage.as_slice().to_vec())
}

/// As [`read_entry`], in memory that tensors can use.
fn read_storage(
    archive: &mut ZipArchive<impl Source>,
    entry: usize,
    limit: u64,
) -> Result<Buffer, Refusal> {
    let mut reader = archive.by_index(entry).map_err(|error| damaged(&error))?;
    let (name, size) = (lossy(reader.name_raw()), reader.size());
    let length = usize::try_from(size).ok().filter(|_| size <= limit);
    let length = length.ok_or_else(|| damaged(&format!("{name} has {size} bytes")))?;
    let read = Buffer::read(length, &mut reader);
    // The checksum is checked where the end is come across.
    let after = read.and_then(|storage| Ok((storage, reader.read(&mut [0])?)));
    match after {
        Ok((storage, 0)) => Ok(storage),
        Ok(_) => Err(damaged(&format!("{name} is longer than it says"))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(damaged(&format!("{name} is cut off")))
        }
        Err(error) => Err(damaged(&format!("{name}: {error}"))),
    }
}

fn check_entry(archive: &mut ZipArchive<impl Source>, entry: usize) -> Result<(), Refusal> {
    let mut reader = archive.by_index(entry).map_err(|error| damaged(&error))?;
    let (name, size) = (lossy(reader.name_raw()), reader.size());
    match io::copy(&mut reader, &mut io::sink()) {
        Ok(read) if read == size => Ok(()),
        Ok(_) => Err(damaged(&format!("{name} is cut off"))),
        Err(error) => Err(damaged(&format!("{name}: {error}"))),
    }
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
