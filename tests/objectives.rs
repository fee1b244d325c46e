//! What the objectives of pretraining ask of the model.

use candle_core::{Device, Tensor};
use pipeline_data::dataset::Dataset;
use pipeline_model::batch::Batch;
use pipeline_model::config::{DecoderQueries, ModelConfig, ModelMode, TimeBiasKind};
use pipeline_model::host::{initial_parameters, to_device};
use pipeline_model::noise::Noise;
use pipeline_model::objective::Objective;
use pipeline_model::parameter::ParameterSource;
use pipeline_model::seqsetvae::{PretrainModel, PretrainOutput, parameter_specs};
use pipeline_random::Stream;

use crate::golden::{TestResult, config, dataset, embeddings, numbers, tensors, variables};
use crate::golden::{assert_within, parameters};

const FREE_BITS: f64 = 0.03;

fn data() -> Dataset {
    dataset(&tensors("pretrain.golden.safetensors"))
}

fn model(config: &ModelConfig) -> candle_core::Result<PretrainModel> {
    let specs = parameter_specs(config, ModelMode::Pretrain)?;
    let host = initial_parameters(&specs, 7);
    let parameters = to_device(&host, &Device::Cpu).expect("parameters on the processor");
    PretrainModel::new(&ParameterSource::given(&parameters), config, 0.0)
}

/// The stay that has the most sets.
fn longest(dataset: &Dataset) -> usize {
    let sets = |stay: &usize| dataset.stays[*stay].sets.len();
    (0..dataset.stays.len())
        .max_by_key(sets)
        .expect("the fixture has stays")
}

/// One pass in evaluation mode over the longest stay.
fn pass(
    model: &PretrainModel,
    dataset: &Dataset,
    objective: Objective,
) -> candle_core::Result<PretrainOutput> {
    let batch = Batch::new(dataset, &[longest(dataset)], &Device::Cpu)?;
    let seeds = Stream::new(1, "seeds");
    let noise = Noise::Evaluation { seeds: &seeds };
    model.forward(&batch, &embeddings(dataset)?, objective, &noise)
}

fn rows(tensor: &Tensor, from: usize, count: usize) -> candle_core::Result<Vec<f32>> {
    tensor.narrow(0, from, count)?.flatten_all()?.to_vec1()
}

#[test]
fn a_forecast_decodes_every_set_but_the_first_from_the_sets_before_it() -> TestResult {
    for queries in [DecoderQueries::Noise, DecoderQueries::Variables] {
        let model = model(&ModelConfig {
            decoder_queries: queries,
            ..config()
        })?;
        let mut dataset = data();
        let sets = dataset.stays[longest(&dataset)].sets.clone();
        assert!(sets.len() > 2);
        let start = |set: usize| dataset.set_start[set] as usize;
        let first = start(sets.start + 1);
        let (last, end) = (start(sets.end - 1), start(sets.end));
        let before = pass(&model, &dataset, Objective::Forecast)?;
        assert_eq!(before.target.dim(0)?, end - first);
        let values: Vec<f32> = dataset.event_value[first..end].to_vec();
        let norms = before.target.sqr()?.sum(1)?.sqrt()?.to_vec1::<f32>()?;
        for (norm, value) in norms.iter().zip(&values) {
            assert!((norm - value.abs()).abs() < 1e-5, "{norm} is not |{value}|");
        }
        assert_eq!(before.reconstruction_loss()?.dim(0)?, sets.len() - 1);

        // Neither what is forecast in the last set nor anything before it may know the last set's values.
        for event in last..end {
            dataset.event_value[event] += 1.0;
        }
        let after = pass(&model, &dataset, Objective::Forecast)?;
        assert_eq!(
            numbers(&before.reconstruction),
            numbers(&after.reconstruction)
        );
        assert_ne!(numbers(&before.target), numbers(&after.target));

        // What is forecast for the last set does know the set before it.
        let set_before = dataset.set_start[sets.end - 2] as usize;
        dataset.event_value[set_before] += 1.0;
        let other = pass(&model, &dataset, Objective::Forecast)?;
        let count = end - last;
        assert_ne!(
            rows(&after.reconstruction, last - first, count)?,
            rows(&other.reconstruction, last - first, count)?
        );
    }
    Ok(())
}

/// The largest gradient of the reconstruction alone on the rows of `mu_logvar.4.weight` that make logvar, and on
/// the reduction of the embeddings.
fn reconstruction_gradients(objective: Objective) -> candle_core::Result<(f32, Option<f32>)> {
    let dataset = data();
    let variables = variables(ModelMode::Pretrain, "pretrain.weights.safetensors")?;
    let given = parameters(&variables);
    let model = PretrainModel::new(&ParameterSource::given(&given), &config(), 0.0)?;
    let output = pass(&model, &dataset, objective)?;
    let gradients = output.reconstruction_loss()?.sum_all()?.backward()?;
    let largest = |tensor: &Tensor| numbers(tensor).iter().fold(0f32, |m, g| m.max(g.abs()));
    let posterior = &variables["set_encoder.mu_logvar.4.weight"];
    let width = config().latent_dim;
    let posterior = gradients.get(posterior).expect("mu has a gradient");
    let logvar = largest(&posterior.narrow(0, width, width)?);
    // With the target held still and nothing else in the loss, only the encoder's input is left.
    let target = output.target.sum_all()?.backward()?;
    let reducer = &variables["set_encoder.dim_reducer.weight"];
    Ok((logvar, target.get(reducer).map(largest)))
}

#[test]
fn only_a_drawn_latent_lets_the_data_speak_to_the_variance() -> TestResult {
    let (logvar, target) = reconstruction_gradients(Objective::Reference)?;
    assert_eq!(logvar, 0.0);
    assert!(target.is_some_and(|gradient| gradient > 0.0));
    let (logvar, target) = reconstruction_gradients(Objective::Elbo)?;
    assert!(logvar > 1e-6, "{logvar}");
    assert_eq!(
        target, None,
        "the target of an evidence lower bound is held still"
    );
    let (logvar, target) = reconstruction_gradients(Objective::Forecast)?;
    assert_eq!((logvar, target), (0.0, None));
    Ok(())
}

#[test]
fn an_evidence_lower_bound_counts_the_divergence_of_every_level() -> TestResult {
    let dataset = data();
    let model = model(&config())?;
    let elbo = pass(&model, &dataset, Objective::Elbo)?;
    let mut expected: Option<Tensor> = None;
    for aggregate in &elbo.encoding.aggregates {
        let posterior = model.encoder().posterior(aggregate, &Noise::Off)?;
        let (mu, logvar) = (posterior.mu, posterior.logvar);
        let terms = (((logvar.exp()? + mu.sqr()?)? - 1.0)? - &logvar)?;
        let divergence = (terms.sum(1)? * 0.5)?;
        let floor = FREE_BITS * config().latent_dim as f64;
        let floored = divergence.maximum(floor)?;
        expected = Some(match expected {
            Some(sum) => (sum + floored)?,
            None => floored,
        });
    }
    let expected = expected.expect("a model has levels");
    assert_within("KL", &elbo.kl_loss(FREE_BITS)?, &expected, 1e-5);

    let forecast = pass(&model, &dataset, Objective::Forecast)?.kl_loss(FREE_BITS)?;
    let reference = pass(&model, &dataset, Objective::Reference)?;
    let reward = (reference.posterior.logvar.mean(1)? * 0.1)?;
    let difference = (forecast - reference.kl_loss(FREE_BITS)?)?;
    assert_within("reward of variance", &difference, &reward, 1e-5);
    Ok(())
}

#[test]
fn a_normalised_latent_is_as_large_as_positions_whatever_its_scale() -> TestResult {
    let dataset = data();
    let normalised = model(&ModelConfig {
        latent_norm: true,
        ..config()
    })?;
    let plain = model(&config())?;
    let of = |model: &PretrainModel| -> candle_core::Result<Tensor> {
        Ok(pass(model, &dataset, Objective::Reference)?.sequence.input)
    };
    assert_ne!(numbers(&of(&normalised)?), numbers(&of(&plain)?));
    Ok(())
}

#[test]
fn an_elapsed_time_bias_of_slope_0_is_none_and_any_other_looks_at_the_clock() -> TestResult {
    let dataset = data();
    let given = parameters(&variables(
        ModelMode::Pretrain,
        "pretrain.weights.safetensors",
    )?);
    let hidden = |time_bias, slope: f32| -> candle_core::Result<Vec<f32>> {
        let mut given = given.clone();
        given.insert("alibi_slope".into(), Tensor::new(slope, &Device::Cpu)?);
        given.insert("time_tau".into(), Tensor::new(60f32, &Device::Cpu)?);
        let config = ModelConfig {
            time_bias,
            ..config()
        };
        let model = PretrainModel::new(&ParameterSource::given(&given), &config, 0.0)?;
        let output = pass(&model, &dataset, Objective::Reference)?;
        Ok(numbers(&output.sequence.hidden))
    };
    let without = hidden(TimeBiasKind::Zero, 1.0)?;
    assert_eq!(hidden(TimeBiasKind::Elapsed, 0.0)?, without);
    assert_ne!(hidden(TimeBiasKind::Elapsed, 1.0)?, without);
    Ok(())
}
