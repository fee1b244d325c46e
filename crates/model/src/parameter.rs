//! Named parameters: what a model needs, how each starts, and where the layers get them from.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use candle_core::{DType, Device, Result, Tensor, bail};

use super::precision::Precision;
use pipeline_random::Stream;

/// Parameters by name, in the order of their names.
pub type Parameters = BTreeMap<String, Tensor>;

/// A parameter that a model has.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// Its name, as the reference calls it.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How it starts where no weights are loaded.
    pub init: Init,
}

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All zero.
    Zeros,
    /// All one.
    Ones,
    /// All this number.
    Constant(f32),
    /// N(0, 1).
    Normal,
    /// N(0, σ²).
    ScaledNormal(f32),
    /// These numbers over and over along every row of the last dimension.
    Cycle(&'static [f32]),
    /// U(−a, a), a = √(6 / (fan in + fan out)) (Glorot and Bengio 2010).
    XavierUniform,
    /// U(−a, a), a = 1/√(fan in): what torch's Linear does for weight and bias.
    TorchLinear {
        /// Inputs of the layer.
        fan_in: usize,
    },
}

impl ParameterSpec {
    /// The numbers the parameter starts with; they depend on `seed` and the name alone.
    pub fn initial_values(&self, seed: u64) -> Vec<f32> {
        let count = self.shape.iter().product();
        let mut draws = Stream::new(seed, &format!("init/{}", self.name)).at(&[]);
        let mut uniform = |bound: f64| -> Vec<f32> {
            (0..count)
                .map(|_| (bound * (2.0 * draws.uniform() - 1.0)) as f32)
                .collect()
        };
        match self.init {
            Init::Zeros => vec![0.0; count],
            Init::Ones => vec![1.0; count],
            Init::Constant(value) => vec![value; count],
            Init::TorchLinear { fan_in } => uniform(1.0 / (fan_in as f64).sqrt()),
            Init::XavierUniform => {
                let fans: usize = self.shape.iter().take(2).sum();
                uniform((6.0 / fans as f64).sqrt())
            }
            Init::Normal => (0..count).map(|_| draws.normal() as f32).collect(),
            Init::ScaledNormal(std) => (0..count)
                .map(|_| (f64::from(std) * draws.normal()) as f32)
                .collect(),
            Init::Cycle(numbers) => {
                let columns = self.shape.last().copied().unwrap_or(1).max(1);
                (0..count)
                    .map(|index| numbers[index % columns % numbers.len()])
                    .collect()
            }
        }
    }
}

/// Hands parameters to layers as they are built, or only records which ones they ask for.
///
/// One description of the model serves both, so that its parameters and its layers cannot disagree.
#[derive(Clone)]
pub struct ParameterSource<'a> {
    prefix: String,
    origin: Origin<'a>,
    precision: Precision,
}

#[derive(Clone)]
enum Origin<'a> {
    Given(&'a Parameters),
    Witnessed(&'a Parameters, Rc<RefCell<Parameters>>),
    Recorded(Rc<RefCell<Vec<ParameterSpec>>>),
}

impl<'a> ParameterSource<'a> {
    /// Layers get the tensors of `parameters`.
    pub fn given(parameters: &'a Parameters) -> Self {
        Self {
            prefix: String::new(),
            origin: Origin::Given(parameters),
            precision: Precision::F32,
        }
    }

    /// The same for layers whose products have this precision.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// How exact the products of the layers are that are built from it.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The parameters that `build` asks for, sorted by name.
    pub fn record<T>(
        build: impl FnOnce(&ParameterSource) -> Result<T>,
    ) -> Result<Vec<ParameterSpec>> {
        let specs = Rc::new(RefCell::new(Vec::new()));
        build(&Self {
            prefix: String::new(),
            origin: Origin::Recorded(specs.clone()),
            precision: Precision::F32,
        })?;
        let mut specs = specs.take();
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(specs)
    }

    /// Lets `build` make a model of `parameters`, and returns the tensors that its layers took, by name.
    pub fn witness<T>(
        parameters: &Parameters,
        build: impl FnOnce(&ParameterSource) -> Result<T>,
    ) -> Result<Parameters> {
        let taken = Rc::new(RefCell::new(Parameters::new()));
        let origin = Origin::Witnessed(parameters, taken.clone());
        build(&ParameterSource {
            prefix: String::new(),
            origin,
            precision: Precision::F32,
        })?;
        Ok(taken.take())
    }

    /// The source for a part called `name`.
    #[must_use]
    pub fn part(&self, name: impl std::fmt::Display) -> Self {
        let prefix = if self.prefix.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.prefix)
        };
        Self {
            prefix,
            origin: self.origin.clone(),
            precision: self.precision,
        }
    }

    /// The parameter `name` of this part.
    pub fn get(&self, name: &str, shape: &[usize], init: Init) -> Result<Tensor> {
        let name = self.part(name).prefix;
        match &self.origin {
            Origin::Given(parameters) => find(parameters, &name, shape),
            Origin::Witnessed(parameters, taken) => {
                let tensor = find(parameters, &name, shape)?;
                taken.borrow_mut().insert(name, tensor.clone());
                Ok(tensor)
            }
            Origin::Recorded(specs) => {
                specs.borrow_mut().push(ParameterSpec {
                    name,
                    shape: shape.to_vec(),
                    init,
                });
                Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(shape)
            }
        }
    }
}

fn find(parameters: &Parameters, name: &str, shape: &[usize]) -> Result<Tensor> {
    match parameters.get(name) {
        Some(tensor) if tensor.dims() == shape => Ok(tensor.clone()),
        Some(tensor) => bail!(
            "{name} has shape {:?}, the model wants {shape:?}",
            tensor.dims()
        ),
        None => bail!("the model wants {name}, and it was not loaded"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, init: Init) -> ParameterSpec {
        ParameterSpec {
            name: name.into(),
            shape: vec![40, 60],
            init,
        }
    }

    #[test]
    fn initial_values_depend_on_seed_and_name_alone() {
        let weight = spec("a.weight", Init::XavierUniform);
        assert_eq!(weight.initial_values(1), weight.initial_values(1));
        assert_ne!(weight.initial_values(1), weight.initial_values(2));
        assert_ne!(
            weight.initial_values(1),
            spec("b.weight", Init::XavierUniform).initial_values(1)
        );
    }

    #[test]
    fn xavier_stays_within_its_bound_and_fills_it() {
        let bound = (6.0f32 / 100.0).sqrt();
        let values = spec("a.weight", Init::XavierUniform).initial_values(1);
        let largest = values.iter().fold(0f32, |m, v| m.max(v.abs()));
        assert!(largest <= bound && largest > 0.95 * bound);
    }

    #[test]
    fn a_missing_or_misshapen_parameter_is_named() {
        let mut parameters = Parameters::new();
        let source = ParameterSource::given(&parameters).part("encoder");
        let error = source
            .get("weight", &[2], Init::Zeros)
            .unwrap_err()
            .to_string();
        assert!(error.contains("encoder.weight"), "{error}");
        let tensor = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
        parameters.insert("encoder.weight".into(), tensor);
        let source = ParameterSource::given(&parameters).part("encoder");
        let error = source
            .get("weight", &[2], Init::Zeros)
            .unwrap_err()
            .to_string();
        assert!(error.contains("[3]") && error.contains("[2]"), "{error}");
    }
}
