use candle_core::Device;

use super::*;
use crate::config::{ClassifierConfig, ModelMode, Pooling};
use crate::host::{initial_parameters, to_device};
use crate::parameter::Parameters;
use crate::seqsetvae::parameter_specs;
use pipeline_data::dataset::{Dataset, Split, Stay};

fn config(fusion: Fusion, pooling: Pooling) -> ModelConfig {
    ModelConfig {
        input_dim: 4,
        reduced_dim: 4,
        latent_dim: 8,
        heads: 2,
        inducing_points: 2,
        ff_dim: 8,
        transformer_heads: 2,
        transformer_layers: 2,
        classifier: ClassifierConfig {
            fusion,
            pooling,
            ..ClassifierConfig::default()
        },
        ..ModelConfig::default()
    }
}

fn dataset() -> Dataset {
    let stay = |id: &str, sets| Stay {
        id: id.into(),
        split: Split::Train,
        label: Some(0),
        sets,
    };
    Dataset {
        variables: vec!["HR".into(), "GCS".into()],
        stays: vec![stay("1", 0..1), stay("2", 1..3)],
        set_minute: vec![0.0, 10.0, 70.0],
        set_start: vec![0, 2, 3, 5],
        event_variable: vec![0, 1, 0, 1, 0],
        event_value: vec![1.0, -0.5, 0.3, 0.2, -1.0],
        ..Dataset::default()
    }
}

fn parameters(config: &ModelConfig) -> Result<Parameters> {
    let specs = parameter_specs(config, ModelMode::Classifier)?;
    to_device(&initial_parameters(&specs, 1), &Device::Cpu).map_err(candle_core::Error::wrap)
}

fn backbone(config: &ModelConfig) -> Result<Backbone> {
    Backbone::new(&ParameterSource::given(&parameters(config)?), config)
}

fn embeddings() -> Result<Tensor> {
    Tensor::new(
        &[[1f32, 0.0, 0.5, 0.0], [0.0, -1.0, 0.0, 0.3]],
        &Device::Cpu,
    )
}

/// A step starts from what its own range would have given, to the bit.
#[test]
fn it_goes_on_from_every_step() -> Result<()> {
    let batch = Batch::new(&dataset(), &[0, 1], &Device::Cpu)?;
    let multiscale = [Fusion::Uncertainty, Fusion::Gated, Fusion::Concat]
        .map(|fusion| (fusion, Pooling::Multiscale));
    let readout = [Fusion::None, Fusion::Gated, Fusion::Concat].map(|f| (f, Pooling::Readout));
    for (fusion, pooling) in multiscale.into_iter().chain(readout) {
        let config = config(fusion, pooling);
        let backbone = backbone(&config)?;
        let whole = backbone.forward(&batch, &embeddings()?)?.features;
        assert_eq!(whole.dims(), [2, config.feature_dim()]);
        for step in backbone.steps() {
            let start = Activations::of_embeddings(&embeddings()?);
            let before = backbone.advance(start, Step::Encode..step, &batch, &Noise::Off)?;
            let features = backbone.features(before, step, &batch, &Noise::Off)?;
            assert_eq!(features.to_vec2::<f32>()?, whole.to_vec2::<f32>()?);
        }
    }
    Ok(())
}

#[test]
fn concat_puts_mean_and_last_of_the_posterior_beside_the_pooled_output() -> Result<()> {
    let batch = Batch::new(&dataset(), &[0, 1], &Device::Cpu)?;
    let backbone = backbone(&config(Fusion::Concat, Pooling::Recency))?;
    let start = Activations::of_embeddings(&embeddings()?);
    let before = backbone.advance(start, Step::Encode..Step::Fuse, &batch, &Noise::Off)?;
    let posterior = backbone.posterior(&before.rows)?;
    let features = backbone.forward(&batch, &embeddings()?)?.features;
    let part = |index: usize| features.narrow(1, 8 * index, 8)?.to_vec2::<f32>();
    let std = ((posterior.logvar * 0.5)?.exp()?).to_vec2::<f32>()?;
    let mu = posterior.mu.to_vec2::<f32>()?;
    for (index, of_sets) in [(1, &mu), (3, &std)] {
        let mean: Vec<f32> = of_sets[1]
            .iter()
            .zip(&of_sets[2])
            .map(|(a, b)| (a + b) / 2.0)
            .collect();
        assert_eq!(part(index)?, [of_sets[0].clone(), mean]);
        assert_eq!(part(index + 1)?, [of_sets[0].clone(), of_sets[2].clone()]);
    }
    Ok(())
}

/// What a step reads does not depend on its parameters, so it can be kept while they are trained.
#[test]
fn what_a_step_reads_does_not_depend_on_its_parameters() -> Result<()> {
    for pooling in [Pooling::Multiscale, Pooling::Readout] {
        reads_do_not_depend_on_parameters(&config(Fusion::Gated, pooling))?;
    }
    let later = Step::of_parameter("of_some_later_version");
    assert_eq!(later, Some(Step::Encode));
    Ok(())
}

fn reads_do_not_depend_on_parameters(config: &ModelConfig) -> Result<()> {
    let batch = Batch::new(&dataset(), &[0, 1], &Device::Cpu)?;
    let parameters = parameters(config)?;
    let read = |parameters: &Parameters, step: Step| {
        let backbone = Backbone::new(&ParameterSource::given(parameters), config)?;
        let start = Activations::of_embeddings(&embeddings()?);
        let before = backbone.advance(start, Step::Encode..step, &batch, &Noise::Off)?;
        before.rows.to_vec2::<f32>()
    };
    for name in parameters.keys() {
        let Some(step) = Step::of_parameter(name) else {
            continue;
        };
        let mut other = parameters.clone();
        other.insert(name.clone(), (&parameters[name] + 1.0)?);
        assert_eq!(read(&other, step)?, read(&parameters, step)?, "{name}");
    }
    let steps = Step::of_parameters(parameters.keys()).into_iter();
    let all = backbone(config)?.steps().collect::<Vec<_>>();
    assert_eq!(steps.collect::<Vec<_>>(), all);
    Ok(())
}
