//! What weights know of their inputs, and the comparison with the data that they are given.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json::as_json;
use pipeline_checkpoint::{
    Checkpoint, FloatTensor, ImportRules, SourceTensor, without_those_before,
};
use pipeline_data::contract::{Difference, InputContract, InputField};
use pipeline_error::{Code, Error};
use pipeline_stage::StageContext;

/// The tensor beside the parameters that holds the embeddings, [variables, numbers in an embedding].
pub const EMBEDDINGS: &str = "inputs.embeddings";

/// Where the rest stands in the metadata.
const METADATA: &str = "inputs";
/// Where the metadata name the parts that may differ.
const CHANGES: &str = "input_changes";
/// What the metadata say of weights of unknown inputs.
const UNKNOWN: &str = "unknown";

/// What weights know of their inputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// This.
    Known {
        /// What they mean.
        contract: InputContract,
        /// What may be otherwise in the data that the weights are given.
        changes: Vec<InputField>,
    },
    /// Nothing, as the recipe says.
    Unknown,
}

impl Inputs {
    /// Those of weights that were trained on this.
    pub fn of(contract: InputContract) -> Self {
        Self::Known {
            contract,
            changes: Vec::new(),
        }
    }

    /// What they mean, if it is known.
    pub fn contract(&self) -> Option<&InputContract> {
        match self {
            Self::Known { contract, .. } => Some(contract),
            Self::Unknown => None,
        }
    }

    /// What stands in the metadata of a file whose tensors hold the [embeddings](Self::embeddings), too.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let Self::Known { contract, changes } = self else {
            return BTreeMap::from([(METADATA.into(), UNKNOWN.into())]);
        };
        let mut metadata = BTreeMap::from([(METADATA.into(), as_json(contract).to_string())]);
        if !changes.is_empty() {
            metadata.insert(CHANGES.into(), as_json(changes).to_string());
        }
        metadata
    }

    /// The tensor that stands beside the parameters.
    pub fn embeddings(&self) -> Option<FloatTensor> {
        let Self::Known { contract, .. } = self else {
            return None;
        };
        Some(FloatTensor {
            shape: vec![contract.variables.len(), contract.embedding_dim],
            values: contract.embeddings.clone(),
        })
    }

    /// What stands in the metadata of a file that may hold no tensor but parameters.
    pub fn metadata_alone(&self) -> BTreeMap<String, String> {
        let mut metadata = self.metadata();
        if let Some(tensor) = self.embeddings() {
            let bytes = tensor.values.iter().flat_map(|number| number.to_le_bytes());
            let text = STANDARD.encode(bytes.collect::<Vec<u8>>());
            metadata.insert(EMBEDDINGS.into(), text);
        }
        metadata
    }

    /// Takes them out of a file that has been read; none: it says nothing of its inputs.
    pub fn take(checkpoint: &mut Checkpoint) -> Result<Option<Self>, Error> {
        let path = checkpoint.path.clone();
        let damaged = |what: String| Error::Audit {
            message: format!("{}: {what}", path.display()),
            hint: Some(
                "the file was written by another program, or another version of this one".into(),
            ),
        };
        let metadata = &checkpoint.stated.metadata;
        let Some(text) = metadata.get(METADATA) else {
            // Saved again by a program that keeps tensors alone: see [`compare_embeddings`].
            return Ok(None);
        };
        if text == UNKNOWN {
            return Ok(Some(Self::Unknown));
        }
        let unread =
            |name: &str, error| damaged(format!("the metadata {name} cannot be read: {error}"));
        let mut contract: InputContract =
            serde_json::from_str(text).map_err(|error| unread(METADATA, error))?;
        let changes = match metadata.get(CHANGES) {
            None => Vec::new(),
            Some(text) => serde_json::from_str(text).map_err(|error| unread(CHANGES, error))?,
        };
        let shape = [contract.variables.len(), contract.embedding_dim];
        let as_text = metadata.get(EMBEDDINGS).map(|text| numbers_of(text));
        let as_tensor = take_embeddings(checkpoint);
        let as_tensor = as_tensor.map(|tensor| SourceTensor::into_f32(tensor, true));
        let numbers = as_tensor.or(as_text).transpose();
        let numbers = numbers.map_err(|what| damaged(format!("{EMBEDDINGS}: {what}")))?;
        let numbers =
            numbers.filter(|numbers| Some(numbers.len()) == shape[0].checked_mul(shape[1]));
        contract.embeddings = numbers.ok_or_else(|| {
            damaged(format!(
                "has no {EMBEDDINGS} of shape {shape:?}, which its metadata speak of"
            ))
        })?;
        if let Some(at) = contract
            .embeddings
            .iter()
            .position(|number| !number.is_finite())
        {
            let number = contract.embeddings[at];
            return Err(damaged(format!("{EMBEDDINGS} has {number} at {at}")));
        }
        Ok(Some(Self::Known { contract, changes }))
    }

    /// Fails unless the data stage that is read has inputs of this meaning, but for what may differ. Says what does,
    /// and what is not known, and returns it.
    pub fn check(&self, context: &StageContext) -> Result<Vec<String>, Error> {
        self.check_with(&contract_of_data(context)?, context)
    }

    /// The same, of a data stage whose contract has been read.
    pub fn check_with(
        &self,
        data: &InputContract,
        context: &StageContext,
    ) -> Result<Vec<String>, Error> {
        let said = self.compare(data)?;
        said.iter().for_each(|line| context.reporter.note(line));
        Ok(said)
    }

    /// What differs and may, and what is not known.
    fn compare(&self, data: &InputContract) -> Result<Vec<String>, Error> {
        let Self::Known { contract, changes } = self else {
            return Ok(vec![UNKNOWN_INPUTS.into()]);
        };
        let differences = contract.differences(data);
        let may_differ = |difference: &&Difference| changes.contains(&difference.field);
        let (meant, refused): (Vec<_>, Vec<_>) = differences.iter().partition(may_differ);
        let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
        if refused.is_empty() {
            let unchanged = changes
                .iter()
                .filter(|change| meant.iter().all(|difference| difference.field != **change));
            let unchanged = unchanged.map(|change| {
                format!(
                    "`input_changes` of the import names {}, in which nothing differs here",
                    change.name()
                )
            });
            let meant = meant.iter();
            let meant = meant.map(|line| format!("{line}, as `input_changes` allows"));
            return Ok(meant.chain(unchanged).collect());
        }
        Err(Error::Audit {
            message: format!(
                "the data stage's inputs differ from the inputs that the weights were trained on:\n  {}",
                refused.join("\n  ")
            ),
            hint: Some(
                "a data stage with `like = \"STAGE\"` makes the inputs of the data stage STAGE from another source; \
                 intended differences are listed in `input_changes` of the import that the weights come from; \
                 a finetuned model gets an import of its own"
                    .into(),
            ),
        }
        .coded(Code::ChangedInputs))
    }
}

/// The contract of the data stage that a stage reads.
pub fn contract_of_data(context: &StageContext) -> Result<InputContract, Error> {
    InputContract::read(context.input("data", "variables")?)
}

/// What a checkpoint says of the inputs of its weights; none where it says nothing or that nobody knows.
pub fn contract_of(checkpoint: &Checkpoint) -> Result<Option<InputContract>, Error> {
    Ok(match Inputs::take(&mut checkpoint.clone())? {
        Some(Inputs::Known { contract, .. }) => Some(contract),
        Some(Inputs::Unknown) | None => None,
    })
}

/// Numbers that were written as Base64 of their bytes.
fn numbers_of(text: &str) -> Result<Vec<f32>, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    match rest {
        [] => Ok(numbers
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect()),
        _ => Err(format!("{} bytes are no numbers of 4", bytes.len())),
    }
}

/// What is said of weights of unknown inputs, wherever they are used.
pub const UNKNOWN_INPUTS: &str = "warning: nobody knows whether the weights' inputs mean what the data's do: their import says \
     inputs = \"unknown\"";

/// What is said of embeddings where the data stage that they are compared with is not read.
pub fn compared_by_a_run(stage: &str) -> String {
    format!("{EMBEDDINGS} is not compared here: a run compares it with that of `{stage}`")
}

/// What the embeddings are called in a file: they have a wrapper's prefix, or one that all tensors have. A tensor of the
/// model may be called so behind another.
fn embeddings_in(checkpoint: &Checkpoint) -> Option<String> {
    if checkpoint.tensors.contains_key(EMBEDDINGS) {
        return Some(EMBEDDINGS.into());
    }
    let tensors = &checkpoint.tensors;
    let is_before_all = |prefix: &str| tensors.keys().all(|name| name.starts_with(prefix));
    let are_embeddings = |name: &&String| {
        let prefix = name.strip_suffix(EMBEDDINGS);
        let prefix = prefix.filter(|prefix| prefix.ends_with('.'));
        without_those_before(name) == EMBEDDINGS || prefix.is_some_and(is_before_all)
    };
    let mut names = tensors.keys().filter(are_embeddings);
    let name = names.next()?;
    names.next().is_none().then(|| name.clone())
}

fn take_embeddings(checkpoint: &mut Checkpoint) -> Option<SourceTensor> {
    let name = embeddings_in(checkpoint)?;
    checkpoint.tensors.remove(&name)
}

/// Whether an import ignores the embeddings, by their name with or without the parts before it.
fn are_ignored(name: &str, rules: &ImportRules) -> bool {
    let parts = name.match_indices('.').map(|(dot, _)| &name[dot + 1..]);
    let mut names = std::iter::once(name).chain(parts);
    names.any(|name| name.ends_with(EMBEDDINGS) && rules.ignores(name))
}

/// Takes the embeddings out of a file that says nothing else of its inputs, and fails unless they are those of
/// `contract`, which the recipe says its weights were trained with. Returns a note where they are not compared.
fn compare_embeddings(
    checkpoint: &mut Checkpoint,
    contract: Option<&InputContract>,
) -> Result<Option<String>, Error> {
    let Some(tensor) = take_embeddings(checkpoint) else {
        return Ok(None);
    };
    let Some(contract) = contract else {
        return Ok(Some(format!(
            "{EMBEDDINGS} is not read: nothing says which variables its rows are of"
        )));
    };
    let (shape, wanted) = (
        tensor.shape().to_vec(),
        [contract.variables.len(), contract.embedding_dim],
    );
    let numbers = SourceTensor::into_f32(tensor, true).unwrap_or_default();
    let same = |(ours, theirs): (&f32, &f32)| ours.to_bits() == theirs.to_bits();
    if shape == wanted && contract.embeddings.iter().zip(&numbers).all(same) {
        return Ok(None);
    }
    Err(Error::Audit {
        message: format!(
            "{}: its {EMBEDDINGS} {shape:?} are others than those of the data stage that the import's `inputs` names {wanted:?}",
            checkpoint.path.display()
        ),
        hint: Some(
            "the weights were trained on other variables, or with other embeddings of them: name the data stage that they \
             were trained on, or list the tensor in the import's `ignore`"
                .into(),
        ),
    }
    .coded(Code::ChangedInputs))
}

/// What a recipe says of the inputs of weights that it imports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeclaredInputs {
    /// What their file does not say.
    pub stated: Option<Inputs>,
    /// What may be otherwise in the data that they are given.
    pub changes: Vec<InputField>,
}

impl DeclaredInputs {
    /// Settles embeddings in a file that says nothing else of its inputs, unless the import ignores them: see
    /// [`compare_embeddings`].
    pub fn compare_embeddings(
        &self,
        checkpoint: &mut Checkpoint,
        found: &Option<Inputs>,
        rules: &ImportRules,
    ) -> Result<Option<String>, Error> {
        let ignored = |name: String| are_ignored(&name, rules);
        if found.is_some() || embeddings_in(checkpoint).is_some_and(ignored) {
            return Ok(None);
        }
        compare_embeddings(checkpoint, self.stated.as_ref().and_then(Inputs::contract))
    }

    /// The inputs of the weights in the file at `path`, which says `found` of them.
    pub fn resolve(&self, path: &Path, found: Option<Inputs>) -> Result<Inputs, Error> {
        let refused = |what: &str, hint: &str| Error::Audit {
            message: format!("{}: {what}", path.display()),
            hint: Some(hint.into()),
        };
        let inputs = match (found, self.stated.clone()) {
            (Some(Inputs::Known { .. }), Some(_)) => {
                return Err(refused(
                    "the file says what its weights' inputs mean, and the import's `inputs` says it again",
                    "leave `inputs` out: it is for files that do not say it",
                ));
            }
            (None | Some(Inputs::Unknown), Some(stated)) => stated,
            (Some(found), None) => found,
            (None, None) => {
                return Err(refused(
                    "the file does not say what its weights' inputs mean: variables, embeddings, statistics, window",
                    "if they are those of a data stage of the recipe, the import says: inputs = { data = \"STAGE\" }; \
                     if nobody knows: inputs = \"unknown\"",
                ));
            }
        };
        match inputs {
            Inputs::Known {
                contract,
                mut changes,
            } => {
                changes.extend(&self.changes);
                changes.sort();
                changes.dedup();
                Ok(Inputs::Known { contract, changes })
            }
            Inputs::Unknown if !self.changes.is_empty() => Err(refused(
                "`input_changes` allows differences from inputs that are unknown",
                "leave `input_changes` out, or state `inputs = { data = \"STAGE\" }`",
            )),
            Inputs::Unknown => Ok(Inputs::Unknown),
        }
    }
}

#[cfg(test)]
mod tests;
