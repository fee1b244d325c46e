//! From a node and the results it reads to the fingerprint of its own.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use super::options::RunOptions;
use super::selection::Selected;
use pipeline_error::Error;
use pipeline_stage::{ExternalInput, StageInput};
use pipeline_store::Store;
use pipeline_store::action::{Artifact, Outputs};
use pipeline_store::digest::Digest;
use pipeline_store::external::{ExternalDigests, Seen};
use pipeline_store::fingerprint::{Fingerprint, Key};

/// What is known of a fingerprint before everything it depends on has run.
#[derive(Clone, Debug)]
pub struct KnownPart {
    /// The fingerprint, without the inputs that are not known.
    pub fingerprint: Fingerprint,
    /// Paths of those inputs (`inputs.data.events`), and the node that has to run first.
    pub unknown: BTreeMap<String, String>,
}

impl KnownPart {
    /// The whole fingerprint, if nothing is missing.
    pub fn whole(&self) -> Option<&Fingerprint> {
        self.unknown.is_empty().then_some(&self.fingerprint)
    }
}

/// A fingerprint of which everything is known.
impl From<Fingerprint> for KnownPart {
    fn from(fingerprint: Fingerprint) -> Self {
        KnownPart {
            fingerprint,
            unknown: BTreeMap::new(),
        }
    }
}

/// Knows the contents of all external inputs of a selection.
pub(super) struct Fingerprinter {
    digests: ExternalDigests,
    /// What the run started from, by path and whether it is data. A path is digested once, however many stages read it.
    external: BTreeMap<(PathBuf, bool), Seen>,
    device: String,
}

impl Fingerprinter {
    /// Digests every external input, so that a missing file is known before anything runs.
    pub(super) fn new(
        selection: &[Selected],
        options: &RunOptions,
        store: &Store,
    ) -> Result<Self, Error> {
        let digests = store.external_digests();
        let mut external = BTreeMap::new();
        for selected in selection {
            for input in &selected.external {
                if let Entry::Vacant(unknown) = external.entry(what_is_read(input)) {
                    let seen = digests.see(&input.path, input.of_data);
                    unknown.insert(seen.map_err(|error| {
                        in_stage(selected.name(), error.prefixed(&input.field))
                    })?);
                }
            }
        }
        digests.save();
        Ok(Self {
            digests,
            external,
            device: options.device_class().into(),
        })
    }

    /// The node's fingerprint, given the results of its producers in their order.
    pub(super) fn fingerprint(
        &self,
        selected: &Selected,
        produced: &[&Outputs],
    ) -> Result<Fingerprint, Error> {
        let produced: Vec<_> = produced.iter().map(|&outputs| Some(outputs)).collect();
        Ok(self.known_part(selected, &produced)?.fingerprint)
    }

    /// As much of the node's fingerprint as follows from those results that there are.
    pub(super) fn known_part(
        &self,
        selected: &Selected,
        produced: &[Option<&Outputs>],
    ) -> Result<KnownPart, Error> {
        let stage = &selected.node.stage;
        let mut inputs = BTreeMap::new();
        let mut unknown = BTreeMap::new();
        for (input, outputs) in selected.inputs.iter().zip(produced) {
            let Some(outputs) = outputs else {
                for name in &input.artifacts {
                    let path = format!("inputs.{}.{name}", input.role);
                    unknown.insert(path, input.stage.clone());
                }
                continue;
            };
            for (name, artifact) in artifacts_read(input, outputs)? {
                if inputs
                    .insert(
                        Fingerprint::artifact_input(&input.role, name),
                        artifact.digest,
                    )
                    .is_some()
                {
                    return Err(Error::stage(format!(
                        "the input {}.{name} is declared twice",
                        input.role
                    )));
                }
            }
        }
        for input in &selected.external {
            let seen = self.external.get(&what_is_read(input));
            let seen = seen.ok_or_else(|| Error::file(&input.path, "was not digested"))?;
            if inputs
                .insert(Fingerprint::external_input(&input.field), seen.digest)
                .is_some()
            {
                return Err(Error::stage(format!(
                    "the external input {} is declared twice",
                    input.field
                )));
            }
        }
        let fingerprint = Fingerprint {
            format: Fingerprint::FORMAT,
            kind: stage.kind().into(),
            code_version: stage.code_version(),
            fields: stage.fields(),
            inputs,
            seed: stage.seed(),
            device: self.device.clone(),
        };
        Ok(KnownPart {
            fingerprint,
            unknown,
        })
    }

    /// The key of the node's fingerprint with names of producers in place of what they gave:
    /// known before anything ran.
    pub(super) fn settings(&self, selected: &Selected) -> Result<Key, Error> {
        let mut fingerprint = self.fingerprint(selected, &[])?;
        for input in &selected.inputs {
            for name in &input.artifacts {
                let digest = Digest::of_bytes(input.stage.as_bytes());
                let input = Fingerprint::artifact_input(&input.role, name);
                fingerprint.inputs.insert(input, digest);
            }
        }
        Ok(fingerprint.key())
    }

    /// Fails if an external input is no longer what the fingerprint says, or was something else meanwhile: the stage
    /// may have read that.
    pub(super) fn check_unchanged(&self, selected: &Selected) -> Result<(), Error> {
        for input in &selected.external {
            let before = self.external.get(&what_is_read(input));
            let now = self.digests.see(&input.path, input.of_data).ok();
            let same_contents = now.map(|now| now.digest) == before.map(|before| before.digest);
            // A program may give its input another name, which is not writing to it.
            let renamed = now.map(|now| now.names) != before.map(|before| before.names);
            if before != now.as_ref() && !(same_contents && renamed) {
                let how = match same_contents {
                    true => "was written to or replaced while the run was going on, and set back",
                    false => "changed while the run was going on",
                };
                let what = format!("({}) {how}", input.field);
                return Err(Error::file(&input.path, what)
                    .with_hint("the result was discarded; run again when the input is complete"));
            }
        }
        Ok(())
    }
}

fn what_is_read(input: &ExternalInput) -> (PathBuf, bool) {
    (input.path.clone(), input.of_data)
}

/// The artifacts that an input reads of its producer's result.
pub(super) fn artifacts_read<'a>(
    input: &'a StageInput,
    outputs: &Outputs,
) -> Result<Vec<(&'a str, Artifact)>, Error> {
    let find = |name: &'a String| match outputs.get(name) {
        Some(artifact) => Ok((name.as_str(), *artifact)),
        None => Err(Error::stage(format!(
            "`{}` has no artifact `{name}`, which is read here as {}.{name}",
            input.stage, input.role
        ))),
    };
    input.artifacts.iter().map(find).collect()
}

/// The same failure, its message naming the stage.
pub(super) fn in_stage(name: &str, error: Error) -> Error {
    error.prefixed(&format!("stage `{name}`"))
}
