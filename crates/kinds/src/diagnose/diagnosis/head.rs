//! The head: its weights, and which of its units ever fire.

use candle_core::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Verdict};
use super::range::Range;
use super::subject::Subject;
use pipeline_checkpoint::FloatTensor;
use pipeline_error::Error;
use pipeline_model::classifier::Head;

/// Below this share of a parameter's largest number, a number is near zero.
const NEAR_ZERO: f64 = 1e-3;
/// A matrix with a larger share of numbers near zero is a warning.
const MAX_NEAR_ZERO: f64 = 0.5;
/// A larger number is a warning.
const MAX_WEIGHT: f64 = 100.0;
/// A larger share of dead units in one layer is a fault.
const MAX_DEAD: f64 = 0.9;
/// A larger share of dead units in one layer is a warning.
const MANY_DEAD: f64 = 0.5;

/// The head, layer by layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HeadReport {
    /// Its parameters, by name.
    pub parameters: Vec<HeadParameter>,
    /// Its hidden layers, from the features on.
    pub layers: Vec<HiddenLayer>,
}

/// One parameter of the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HeadParameter {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Mean of its numbers.
    pub mean: f64,
    /// Their standard deviation.
    pub std: f64,
    /// Their largest size.
    pub max_abs: f64,
    /// Share of the numbers smaller than a thousandth of the largest.
    pub near_zero_fraction: f64,
}

/// One hidden layer of the head, on the split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HiddenLayer {
    /// Units.
    pub units: usize,
    /// Units whose ReLU fires for no stay, counted from 0.
    pub dead: Vec<usize>,
    /// Those of them that cannot fire, whatever the features: a norm over n numbers gives at most √(n − 1) times a
    /// unit's weight, and its bias is further below 0.
    pub never: Vec<usize>,
    /// Units that give the same number, not 0, for every stay.
    pub constant: Vec<usize>,
    /// Share of units and stays with a number above 0.
    pub firing_fraction: f64,
}

/// Looks at the head, on the features of the split.
pub fn look(subject: &Subject) -> Result<(HeadReport, Vec<Finding>), Error> {
    let tensors = subject.head_parameters();
    let parameters: Vec<HeadParameter> = tensors.iter().map(parameter).collect();
    let (activations, _) = (subject.head(&Device::Cpu)?).activations(&subject.features()?)?;
    let layers = activations
        .iter()
        .zip(Head::NORMS)
        .map(|(activations, norm)| {
            let part = |name: &str| tensors.get(&format!("{}.{norm}.{name}", Head::PREFIX));
            let never = match (part("weight"), part("bias")) {
                (Some(weight), Some(bias)) => cannot_fire(weight, bias),
                _ => Vec::new(),
            };
            layer(activations, never)
        });
    let layers: Vec<HiddenLayer> = layers.collect::<Result<_, Error>>()?;
    let findings = vec![weights(&parameters), units(&layers)];
    Ok((HeadReport { parameters, layers }, findings))
}

fn parameter((name, tensor): (&String, &FloatTensor)) -> HeadParameter {
    let values = tensor.values.iter().map(|value| f64::from(*value));
    let range = Range::of(values.clone());
    let max_abs = range.max.abs().max(range.min.abs());
    let near = values
        .filter(|value| value.abs() <= NEAR_ZERO * max_abs)
        .count();
    HeadParameter {
        name: name.clone(),
        shape: tensor.shape.clone(),
        mean: range.mean,
        std: range.std,
        max_abs,
        near_zero_fraction: near as f64 / tensor.values.len().max(1) as f64,
    }
}

/// Units whose output is below 0 for any input of their norm.
fn cannot_fire(weight: &FloatTensor, bias: &FloatTensor) -> Vec<usize> {
    let largest = (weight.values.len().saturating_sub(1) as f32).sqrt();
    let pairs = weight.values.iter().zip(&bias.values).enumerate();
    let never = pairs.filter(|(_, (weight, bias))| weight.abs() * largest + **bias < 0.0);
    never.map(|(unit, _)| unit).collect()
}

fn layer(activations: &Tensor, never: Vec<usize>) -> Result<HiddenLayer, Error> {
    let (stays, units) = activations.dims2()?;
    let rows = activations.to_vec2::<f32>()?;
    let column = |unit: usize| Range::of(rows.iter().map(move |row| f64::from(row[unit])));
    let ranges: Vec<Range> = (0..units).map(column).collect();
    let which = |holds: fn(&Range) -> bool| {
        let units = ranges.iter().enumerate().filter(|(_, range)| holds(range));
        units.map(|(unit, _)| unit).collect()
    };
    let firing = rows.iter().flatten().filter(|value| **value > 0.0).count();
    Ok(HiddenLayer {
        units,
        dead: which(|range| range.max <= 0.0),
        never,
        constant: which(|range| range.max > 0.0 && range.min == range.max),
        firing_fraction: firing as f64 / (stays * units) as f64,
    })
}

fn weights(parameters: &[HeadParameter]) -> Finding {
    let matrices = || {
        parameters
            .iter()
            .filter(|parameter| parameter.shape.len() == 2)
    };
    let names = |holds: &dyn Fn(&HeadParameter) -> bool| -> Vec<&str> {
        let named = matrices().filter(|parameter| holds(parameter));
        named.map(|parameter| parameter.name.as_str()).collect()
    };
    let empty = names(&|parameter| parameter.std == 0.0);
    let sparse = names(&|parameter| parameter.near_zero_fraction > MAX_NEAR_ZERO);
    let largest = parameters
        .iter()
        .max_by(|a, b| a.max_abs.total_cmp(&b.max_abs));
    let max_abs = largest.map_or(0.0, |parameter| parameter.max_abs);
    let verdict = Verdict::of(
        !empty.is_empty(),
        !sparse.is_empty() || max_abs > MAX_WEIGHT,
    );
    let what = match (empty.as_slice(), sparse.as_slice(), largest) {
        ([], [], Some(parameter)) if max_abs > MAX_WEIGHT => {
            format!("{} has a number of size {max_abs:.4}", parameter.name)
        }
        ([], [], _) => "the head's weights are of ordinary size".into(),
        ([], sparse, _) => format!("most numbers are near zero in {}", sparse.join(", ")),
        (empty, _, _) => format!("all numbers are the same in {}", empty.join(", ")),
    };
    let near_zero = matrices().map(|parameter| parameter.near_zero_fraction);
    Finding::new(
        "head_weights",
        verdict,
        what,
        "fault: all numbers of a matrix are the same; warning: more than half of them are below a thousandth of the largest, or any number is above 100",
        "lower the learning rate or the weight decay of the finetune stage",
    )
    .value("max_abs", max_abs)
    .value("near_zero_fraction", near_zero.fold(0.0, f64::max))
}

fn units(layers: &[HiddenLayer]) -> Finding {
    let share = |layer: &HiddenLayer| layer.dead.len() as f64 / layer.units as f64;
    let count = |of: fn(&HiddenLayer) -> usize| layers.iter().map(of).sum::<usize>();
    let dead = count(|layer| layer.dead.len());
    let never = count(|layer| layer.never.len());
    let constant = count(|layer| layer.constant.len());
    let worst = layers.iter().map(share).fold(0.0, f64::max);
    let verdict = Verdict::of(
        never > 0 || worst > MAX_DEAD,
        worst > MANY_DEAD || constant > 0,
    );
    let by_layer = |of: fn(&HiddenLayer) -> usize| {
        let counts = layers.iter();
        let counts = counts.map(|layer| format!("{} of {}", of(layer), layer.units));
        counts.collect::<Vec<_>>().join(", ")
    };
    let what = match (never, dead, constant) {
        _ if layers.is_empty() => "the head has no hidden layer".to_string(),
        (0, 0, 0) => "every unit fires for some stay".to_string(),
        (0, 0, _) => format!("{constant} units give the same number for every stay"),
        (0, ..) => format!(
            "units that fire for no stay, by layer: {}",
            by_layer(|layer| layer.dead.len())
        ),
        _ => format!(
            "units that cannot fire, whatever the features, by layer: {}",
            by_layer(|layer| layer.never.len())
        ),
    };
    Finding::new(
        "dead_units",
        verdict,
        what,
        "fault: a unit cannot fire (its norm's bias is further below 0 than its norm can lift it), or more than nine in ten of a layer fire for no stay of the split; warning: more than half of a layer, or a unit gives the same number for every stay",
        "lower the learning rate of the finetune stage, and look at the biases in `head.parameters`",
    )
    .value("dead", dead as f64)
    .value("never", never as f64)
    .value("constant", constant as f64)
    .value("largest_dead_fraction", worst)
}
