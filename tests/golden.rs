//! The model against golden numbers of the PyTorch reference (`fixtures/seqsetvae-small`).

mod fusion;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use candle_core::{Device, Tensor, Var};
use pipeline_data::dataset::{Dataset, Split, Stay};
use pipeline_model::batch::Batch;
use pipeline_model::config::{ClassifierConfig, ModelConfig, ModelMode, ValueEncoding};
use pipeline_model::noise::Noise;
use pipeline_model::ops::in_composed_form;
use pipeline_model::parameter::{ParameterSource, Parameters};
use pipeline_model::seqsetvae::{
    ClassifierModel, PretrainModel, gradient_free_parameters, parameter_specs,
};

use pipeline_model::host::{initial_parameters, to_device};

/// By the kernels, and with every operation composed of candle's and candle-nn's.
pub fn in_both_forms(test: impl Fn() -> TestResult) -> TestResult {
    test()?;
    in_composed_form(test)
}

pub type TestResult = Result<(), Box<dyn std::error::Error>>;

pub const STAYS: usize = 3;

pub fn tensors(name: &str) -> HashMap<String, Tensor> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/seqsetvae-small")
        .join(name);
    candle_core::safetensors::load(path, &Device::Cpu).expect("a fixture that loads")
}

pub fn config() -> ModelConfig {
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
        classifier: ClassifierConfig::default(),
        ..ModelConfig::default()
    }
}

pub fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor
        .flatten_all()
        .and_then(|flat| flat.to_vec1::<f32>())
        .expect("f32 numbers")
}

pub fn assert_within(name: &str, ours: &Tensor, golden: &Tensor, tolerance: f32) {
    let (ours, golden) = (numbers(ours), numbers(golden));
    assert_eq!(ours.len(), golden.len(), "{name}");
    let worst = ours
        .iter()
        .zip(&golden)
        .map(|(a, b)| (a - b).abs())
        .fold(0f32, f32::max);
    assert!(worst <= tolerance, "{name} is off by {worst}");
}

/// The fixture's stays; every event has an embedding of its own, so each is a variable.
pub fn dataset(golden: &HashMap<String, Tensor>) -> Dataset {
    let mut dataset = Dataset {
        embedding_dim: 12,
        set_start: vec![0],
        ..Dataset::default()
    };
    for stay in 0..STAYS {
        let part = |name: &str| &golden[&format!("in.{stay}.{name}")];
        let ids = part("set_id")
            .flatten_all()
            .and_then(|ids| ids.to_vec1::<i64>())
            .expect("ids");
        let minutes = numbers(part("minute"));
        let first_set = dataset.set_minute.len();
        for (event, value) in numbers(part("val")).into_iter().enumerate() {
            if event == 0 || ids[event] != ids[event - 1] {
                if event > 0 {
                    dataset.set_start.push(dataset.event_value.len() as u32);
                }
                dataset.set_minute.push(f64::from(minutes[event]));
            }
            dataset.event_variable.push(dataset.variables.len() as u32);
            dataset
                .variables
                .push(format!("event {}", dataset.variables.len()));
            dataset.event_value.push(value);
        }
        dataset.set_start.push(dataset.event_value.len() as u32);
        dataset.embeddings.extend(numbers(part("var")));
        dataset.stays.push(Stay {
            id: stay.to_string(),
            split: Split::Train,
            label: Some(0),
            sets: first_set..dataset.set_minute.len(),
        });
    }
    dataset
}

pub fn embeddings(dataset: &Dataset) -> candle_core::Result<Tensor> {
    let shape = (dataset.variables.len(), dataset.embedding_dim);
    Tensor::from_vec(dataset.embeddings.clone(), shape, &Device::Cpu)
}

fn seeds(golden: &HashMap<String, Tensor>, stays: &[usize]) -> candle_core::Result<Vec<Tensor>> {
    (0..2)
        .map(|level| {
            let mut rows = Vec::new();
            for stay in stays {
                for set in 0.. {
                    match golden.get(&format!("seed.{stay}.set{set}.level{level}")) {
                        Some(seeds) => rows.push(seeds.clone()),
                        None => break,
                    }
                }
            }
            Tensor::cat(&rows, 0)
        })
        .collect()
}

/// The weights that the model has, as variables; all others of the fixture are left over.
pub fn variables(mode: ModelMode, file: &str) -> candle_core::Result<BTreeMap<String, Var>> {
    let weights = tensors(file);
    parameter_specs(&config(), mode)?
        .into_iter()
        .map(|spec| Ok((spec.name.clone(), Var::from_tensor(&weights[&spec.name])?)))
        .collect()
}

pub fn parameters(variables: &BTreeMap<String, Var>) -> Parameters {
    variables
        .iter()
        .map(|(name, var)| (name.clone(), var.as_tensor().clone()))
        .collect()
}

fn pretrain_model(parameters: &Parameters) -> candle_core::Result<PretrainModel> {
    PretrainModel::new(&ParameterSource::given(parameters), &config(), 0.15)
}

#[test]
fn pretraining_gives_the_references_numbers() -> TestResult {
    in_both_forms(assert_pretraining)
}

fn assert_pretraining() -> TestResult {
    let golden = tensors("pretrain.golden.safetensors");
    let dataset = dataset(&golden);
    let model = pretrain_model(&parameters(&variables(
        ModelMode::Pretrain,
        "pretrain.weights.safetensors",
    )?))?;
    let stays: Vec<usize> = (0..STAYS).collect();
    let batch = Batch::new(&dataset, &stays, &Device::Cpu)?;
    let noise = Noise::Off;
    let output = model.forward_with_seeds(
        &batch,
        &embeddings(&dataset)?,
        &seeds(&golden, &stays)?,
        &noise,
    )?;
    let levels: Vec<_> = output
        .encoding
        .aggregates
        .iter()
        .map(|aggregate| model.encoder().posterior(aggregate, &noise))
        .collect::<candle_core::Result<_>>()?;
    let recon_loss = output.reconstruction_loss()?;
    let kl_loss = output.kl_loss(0.03)?;
    for stay in 0..STAYS {
        let (first, end) = (batch.stay_starts[stay], batch.stay_starts[stay + 1]);
        let of_stay = |tensor: &Tensor| tensor.narrow(0, first, end - first);
        let check = |name: &str, ours: &Tensor| {
            let name = format!("out.{stay}.{name}");
            assert_within(&name, ours, &golden[&name], 1e-5);
        };
        check("z_seq", &of_stay(&output.sequence.input)?);
        check("h_seq", &of_stay(&output.sequence.hidden)?);
        check("recon_loss", &of_stay(&recon_loss)?.mean_all()?);
        check("kl_loss", &of_stay(&kl_loss)?.mean_all()?);
        for set in first..end {
            let (start, count) = (
                batch.set_starts[set],
                batch.set_starts[set + 1] - batch.set_starts[set],
            );
            let set_name = format!("set{}", set - first);
            check(
                &format!("{set_name}.recon"),
                &output.reconstruction.narrow(0, start, count)?,
            );
            check(
                &format!("{set_name}.target"),
                &output.encoding.target.narrow(0, start, count)?,
            );
            for (level, posterior) in levels.iter().enumerate() {
                check(
                    &format!("{set_name}.level{level}.mu"),
                    &posterior.mu.narrow(0, set, 1)?,
                );
                check(
                    &format!("{set_name}.level{level}.logvar"),
                    &posterior.logvar.narrow(0, set, 1)?,
                );
            }
        }
    }
    Ok(())
}

#[test]
fn every_gradient_equals_the_references() -> TestResult {
    in_both_forms(assert_gradients)
}

fn assert_gradients() -> TestResult {
    let golden = tensors("pretrain.golden.safetensors");
    let dataset = dataset(&golden);
    let variables = variables(ModelMode::Pretrain, "pretrain.weights.safetensors")?;
    let model = pretrain_model(&parameters(&variables))?;
    let last = STAYS - 1;
    let batch = Batch::new(&dataset, &[last], &Device::Cpu)?;
    let output = model.forward_with_seeds(
        &batch,
        &embeddings(&dataset)?,
        &seeds(&golden, &[last])?,
        &Noise::Off,
    )?;
    let weights = batch.set_weights(1)?;
    let recon = (output.reconstruction_loss()? * &weights)?.sum_all()?;
    let kl = (output.kl_loss(0.03)? * &weights)?.sum_all()?;
    let gradients = (recon + (kl * 0.05)?)?.backward()?;
    let without = gradient_free_parameters(&config());
    for (name, variable) in &variables {
        let reference = &golden[&format!("grad.{last}.{name}")];
        let largest = numbers(reference).iter().fold(0f32, |m, g| m.max(g.abs()));
        match gradients.get(variable) {
            Some(gradient) => assert_within(name, gradient, reference, 1e-4 * largest.max(1e-6)),
            None => {
                assert!(without.contains(name), "{name} has no gradient");
                assert_eq!(largest, 0.0, "{name} has a gradient in the reference");
            }
        }
    }
    let in_reference = golden
        .iter()
        .filter(|(name, gradient)| {
            name.starts_with(&format!("grad.{last}."))
                && numbers(gradient).iter().any(|g| *g != 0.0)
        })
        .map(|(name, _)| {
            name.trim_start_matches(&format!("grad.{last}."))
                .to_string()
        });
    for name in in_reference {
        assert!(
            variables.contains_key(&name),
            "{name} has a gradient in the reference and is no parameter here"
        );
    }
    Ok(())
}

/// Holds the classifier to the reference's numbers in this mode.
fn assert_classifier(mode: &str, config: &ModelConfig, parameters: &Parameters) -> TestResult {
    let golden = tensors("finetune.golden.safetensors");
    let dataset = dataset(&tensors("pretrain.golden.safetensors"));
    let model = ClassifierModel::new(&ParameterSource::given(parameters), config)?;
    let stays: Vec<usize> = (0..STAYS).collect();
    let batch = Batch::new(&dataset, &stays, &Device::Cpu)?;
    let output = model.backbone.forward(&batch, &embeddings(&dataset)?)?;
    let logits = model
        .head
        .forward(&output.features, [0.2, 0.2, 0.1], &Noise::Off)?;
    for stay in 0..STAYS {
        let (first, end) = (batch.stay_starts[stay], batch.stay_starts[stay + 1]);
        let check = |name: &str, ours: &Tensor| {
            let name = format!("{mode}.{stay}.{name}");
            assert_within(&name, ours, &golden[&name], 1e-5);
        };
        check("fused", &output.fused.narrow(0, first, end - first)?);
        check("h_seq", &output.hidden.narrow(0, first, end - first)?);
        check("features", &output.features.narrow(0, stay, 1)?);
        check("logits", &logits.narrow(0, stay, 1)?);
    }
    Ok(())
}

#[test]
fn classification_gives_the_references_numbers() -> TestResult {
    in_both_forms(assert_classification)
}

fn assert_classification() -> TestResult {
    let parameters = parameters(&variables(
        ModelMode::Classifier,
        "finetune.weights.safetensors",
    )?);
    assert_classifier("classification_only", &config(), &parameters)
}

/// A stay's numbers do not depend on the stays beside it.
#[test]
fn a_batch_gives_what_its_stays_give_alone() -> TestResult {
    in_both_forms(assert_stays_alone)
}

fn assert_stays_alone() -> TestResult {
    let golden = tensors("pretrain.golden.safetensors");
    let dataset = dataset(&golden);
    let parameters = parameters(&variables(
        ModelMode::Classifier,
        "finetune.weights.safetensors",
    )?);
    let model = ClassifierModel::new(&ParameterSource::given(&parameters), &config())?;
    let features = |stays: &[usize]| -> candle_core::Result<Tensor> {
        let batch = Batch::new(&dataset, stays, &Device::Cpu)?;
        Ok(model
            .backbone
            .forward(&batch, &embeddings(&dataset)?)?
            .features)
    };
    let together = features(&[2, 0, 1])?;
    for (row, stay) in [2, 0, 1].into_iter().enumerate() {
        assert_within(
            "features",
            &together.narrow(0, row, 1)?,
            &features(&[stay])?,
            1e-6,
        );
    }
    Ok(())
}

/// The reference's encoding loses a variable whose value is 0; the affine one keeps it.
#[test]
fn the_affine_encoding_keeps_a_variable_of_value_zero() -> TestResult {
    in_both_forms(assert_affine_encoding)
}

fn assert_affine_encoding() -> TestResult {
    let mut dataset = dataset(&tensors("pretrain.golden.safetensors"));
    dataset.event_value.fill(0.0);
    let features =
        |value_encoding, variable: u32| -> Result<Vec<f32>, Box<dyn std::error::Error>> {
            let mut dataset = dataset.clone();
            dataset.event_variable.fill(variable);
            let config = ModelConfig {
                value_encoding,
                ..config()
            };
            let specs = parameter_specs(&config, ModelMode::Classifier)?;
            let parameters = to_device(&initial_parameters(&specs, 1), &Device::Cpu)?;
            let model = ClassifierModel::new(&ParameterSource::given(&parameters), &config)?;
            let batch = Batch::new(&dataset, &[1], &Device::Cpu)?;
            Ok(numbers(
                &model
                    .backbone
                    .forward(&batch, &embeddings(&dataset)?)?
                    .features,
            ))
        };
    assert_eq!(
        features(ValueEncoding::Scale, 0)?,
        features(ValueEncoding::Scale, 5)?
    );
    assert_ne!(
        features(ValueEncoding::Affine, 0)?,
        features(ValueEncoding::Affine, 5)?
    );
    Ok(())
}
