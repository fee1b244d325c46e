//! What is looked at in the numbers of each pair.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rayon::prelude::*;

use super::offences::Kind;
use super::{Flag, ImportRules, Loaded, Pair};
use crate::Checkpoint;
use crate::float_tensor::tensor_digest;
use crate::source_tensor::Conversion;
use crate::statistics::Statistics;

type Offence = (Kind, String);
type Checked = Result<Loaded, Offence>;

/// Looks at the numbers of all pairs.
pub(super) fn check_all(
    pairs: &[Pair],
    checkpoint: &Checkpoint,
    rules: &ImportRules,
) -> Vec<Checked> {
    let pairs = pairs.par_iter();
    pairs.map(|pair| check(pair, checkpoint, rules)).collect()
}

fn check(pair: &Pair, checkpoint: &Checkpoint, rules: &ImportRules) -> Checked {
    let (values, conversion) = converted(pair, rules)?;
    let statistics = Statistics::of_list(&values);
    all_finite(pair, &values, &statistics, conversion)?;
    Ok(Loaded {
        source: pair.source.to_string(),
        target: pair.target.to_string(),
        shape: pair.shape.to_vec(),
        dtype: pair.tensor.dtype(),
        trained: (checkpoint.trained.as_ref()).map(|names| names.contains(pair.source)),
        digest: tensor_digest(pair.shape, &values),
        flags: flags(pair, conversion, &statistics, checkpoint.trained.as_ref()),
        statistics,
    })
}

/// The pair's numbers as f32, if it has the shape and the type.
fn converted<'a>(
    pair: &Pair<'a>,
    rules: &ImportRules,
) -> Result<(Cow<'a, [f32]>, Conversion), Offence> {
    let found = pair.tensor.shape();
    if found != pair.shape {
        let line = format!(
            "{}: {found:?} in the checkpoint, {:?} in the model",
            pair.name(),
            pair.shape
        );
        return Err((Kind::Shape, line));
    }
    let converted = pair.tensor.to_f32(rules.allow_narrowing);
    converted.map_err(|why| (Kind::Type, format!("{} {found:?}: {why}", pair.name())))
}

fn all_finite(
    pair: &Pair,
    values: &[f32],
    statistics: &Statistics,
    conversion: Conversion,
) -> Result<(), Offence> {
    if statistics.finite {
        return Ok(());
    }
    let Some(at) = values.iter().position(|value| !value.is_finite()) else {
        return Ok(());
    };
    let wrong = values.iter().filter(|value| !value.is_finite()).count();
    let first = match conversion {
        Conversion::Narrowed => pair.tensor.numbers().nth(at).filter(|n| n.is_finite()),
        Conversion::None | Conversion::Widened => None,
    };
    let first = match first {
        Some(number) => format!("{number:e}, too large for F32,"),
        None => values[at].to_string(),
    };
    let line = format!(
        "{} {:?}: {wrong} of {} numbers, the first is {first} at {at}",
        pair.name(),
        pair.shape,
        values.len(),
    );
    Err((Kind::NotFinite, line))
}

fn flags(
    pair: &Pair,
    conversion: Conversion,
    statistics: &Statistics,
    trained: Option<&BTreeSet<String>>,
) -> Vec<Flag> {
    let numbers: usize = pair.shape.iter().product();
    let all = [
        (conversion == Conversion::Widened, Flag::Widened),
        (conversion == Conversion::Narrowed, Flag::Narrowed),
        (statistics.is_zero(), Flag::AllZero),
        (
            statistics.is_constant() && !statistics.is_zero() && numbers > 1,
            Flag::Constant,
        ),
        (
            trained.is_some_and(|names| !names.contains(pair.source)),
            Flag::NeverTrained,
        ),
    ];
    let raised = all.into_iter().filter(|(raised, _)| *raised);
    raised.map(|(_, flag)| flag).collect()
}
