//! The small model whose numbers the PyTorch reference wrote.

use std::collections::{BTreeMap, HashMap};

use candle_core::{Device, Tensor, Var};

use crate::{Check, larger, worst};
use pipeline_data::dataset::{Dataset, Split, Stay};
use pipeline_error::Error;
use pipeline_model::batch::Batch;
use pipeline_model::config::{ModelConfig, ModelMode};
use pipeline_model::noise::Noise;
use pipeline_model::ops;
use pipeline_model::parameter::{ParameterSource, Parameters};
use pipeline_model::seqsetvae::{PretrainModel, gradient_free_parameters, parameter_specs};

const WEIGHTS: &[u8] =
    include_bytes!("../../../tests/fixtures/seqsetvae-small/pretrain.weights.safetensors");
const NUMBERS: &[u8] =
    include_bytes!("../../../tests/fixtures/seqsetvae-small/pretrain.golden.safetensors");
const VALUE_TOLERANCE: f64 = 2e-5;
const GRADIENT_TOLERANCE: f64 = 5e-4;
/// A gradient below this is compared with this.
const LEAST_GRADIENT: f32 = 1e-5;

type Tensors = HashMap<String, Tensor>;

fn config() -> ModelConfig {
    ModelConfig {
        input_dim: 12,
        reduced_dim: 8,
        latent_dim: 16,
        levels: 2,
        heads: 2,
        inducing_points: 3,
        ff_dim: 24,
        transformer_heads: 4,
        transformer_layers: 2,
        ..ModelConfig::default()
    }
}

/// The last of the fixture's stays: the one with gradients. Every event has an embedding of its own.
fn dataset(golden: &Tensors, stay: usize) -> candle_core::Result<Dataset> {
    let part = |name: &str| golden[&format!("in.{stay}.{name}")].flatten_all();
    let ids = part("set_id")?.to_vec1::<i64>()?;
    let minutes = part("minute")?.to_vec1::<f32>()?;
    let mut dataset = Dataset {
        embedding_dim: config().input_dim,
        embeddings: part("var")?.to_vec1()?,
        event_value: part("val")?.to_vec1()?,
        variables: (0..ids.len()).map(|event| event.to_string()).collect(),
        event_variable: (0..ids.len() as u32).collect(),
        ..Dataset::default()
    };
    for event in 0..ids.len() {
        if event == 0 || ids[event] != ids[event - 1] {
            dataset.set_start.push(event as u32);
            dataset.set_minute.push(f64::from(minutes[event]));
        }
    }
    dataset.set_start.push(ids.len() as u32);
    dataset.stays.push(Stay {
        id: stay.to_string(),
        split: Split::Train,
        label: Some(0),
        sets: 0..dataset.set_minute.len(),
    });
    Ok(dataset)
}

fn seeds(golden: &Tensors, stay: usize, device: &Device) -> candle_core::Result<Vec<Tensor>> {
    let level = |level: usize| {
        let name = |set: usize| format!("seed.{stay}.set{set}.level{level}");
        let rows: Vec<&Tensor> = (0..).map_while(|set| golden.get(&name(set))).collect();
        Tensor::cat(&rows, 0)?.to_device(device)
    };
    (0..config().levels).map(level).collect()
}

/// Outputs, losses and gradients on `device`.
pub fn checks(device: &Device) -> Result<Vec<Check>, Error> {
    let mut checks = ops::in_composed_form(|| compare(device, "composed"))?;
    checks.extend(compare(device, "kernel")?);
    Ok(checks)
}

fn compare(device: &Device, form: &'static str) -> Result<Vec<Check>, Error> {
    let cpu = Device::Cpu;
    let golden: Tensors = candle_core::safetensors::load_buffer(NUMBERS, &cpu)?;
    let weights: Tensors = candle_core::safetensors::load_buffer(WEIGHTS, &cpu)?;
    let stay = golden
        .keys()
        .filter(|name| name.ends_with(".recon_loss"))
        .count()
        - 1;
    let variables: BTreeMap<String, Var> = parameter_specs(&config(), ModelMode::Pretrain)?
        .into_iter()
        .map(|spec| {
            let weight = weights[&spec.name].to_device(device)?;
            Ok((spec.name, Var::from_tensor(&weight)?))
        })
        .collect::<Result<_, Error>>()?;
    let tensors = variables
        .iter()
        .map(|(name, v)| (name.clone(), v.as_tensor().clone()));
    let parameters: Parameters = tensors.collect();
    let model = PretrainModel::new(&ParameterSource::given(&parameters), &config(), 0.0)?;
    let dataset = dataset(&golden, stay)?;
    let shape = (dataset.variables.len(), dataset.embedding_dim);
    let embeddings = Tensor::from_slice(&dataset.embeddings, shape, device)?;
    let batch = Batch::new(&dataset, &[0], device)?;
    let seeds = seeds(&golden, stay, device)?;
    let output = model.forward_with_seeds(&batch, &embeddings, &seeds, &Noise::Off)?;

    let mut checks = Vec::new();
    let mut check = |name: &str, apart: f64, tolerance: f64| {
        checks.push(Check {
            name: format!("reference: {name}"),
            form,
            worst: apart,
            tolerance,
        });
    };
    let reconstruction = output.reconstruction_loss()?;
    let kl = output.kl_loss(0.03)?;
    for (name, ours) in [
        ("z_seq", &output.sequence.input),
        ("h_seq", &output.sequence.hidden),
        ("recon_loss", &reconstruction.mean_all()?),
        ("kl_loss", &kl.mean_all()?),
    ] {
        let theirs = &golden[&format!("out.{stay}.{name}")];
        check(name, worst(ours, theirs, 1.0)?, VALUE_TOLERANCE);
    }
    let weights = batch.set_weights(1)?;
    let weigh = |losses: &Tensor| (losses * &weights)?.sum_all();
    let gradients = (weigh(&reconstruction)? + (weigh(&kl)? * 0.05)?)?.backward()?;
    let without = gradient_free_parameters(&config());
    let mut apart = 0f64;
    for (name, variable) in &variables {
        let theirs = &golden[&format!("grad.{stay}.{name}")];
        let own = match gradients.get(variable) {
            Some(gradient) => worst(gradient, theirs, LEAST_GRADIENT)?,
            None if without.contains(name) => 0.0,
            None => f64::INFINITY,
        };
        apart = larger(apart, own);
    }
    check(
        &format!("{} gradients", variables.len()),
        apart,
        GRADIENT_TOLERANCE,
    );
    Ok(checks)
}
