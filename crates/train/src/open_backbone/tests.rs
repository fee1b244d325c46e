use super::*;
use crate::watch::Unwatched;
use pipeline_data::dataset::{Split, Stay};
use pipeline_model::config::{Fusion, ModelMode, Pooling};
use pipeline_model::host::{initial_parameters, to_device};
use pipeline_model::precision::Precision;
use pipeline_model::seqsetvae::parameter_specs;

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn config(fusion: Fusion, pooling: Pooling) -> ModelConfig {
    let mut config = ModelConfig {
        input_dim: 4,
        reduced_dim: 4,
        latent_dim: 8,
        heads: 2,
        inducing_points: 2,
        ff_dim: 8,
        transformer_heads: 2,
        transformer_layers: 2,
        ..ModelConfig::default()
    };
    (config.classifier.fusion, config.classifier.pooling) = (fusion, pooling);
    config
}

/// One stay of one set, and one of two.
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

fn parameters(config: &ModelConfig) -> Result<Parameters, Error> {
    let specs = parameter_specs(config, ModelMode::Classifier)?;
    to_device(&initial_parameters(&specs, 1), &Device::Cpu)
}

fn embeddings() -> Result<Tensor, Error> {
    let rows = [[1f32, 0.0, 0.5, 0.0], [0.0, -1.0, 0.0, 0.3]];
    Ok(Tensor::new(&rows, &Device::Cpu)?)
}

/// A backbone in which the parameters that start with `prefix` are trained.
fn open<'a>(
    dataset: &'a Dataset,
    model: &'a ModelConfig,
    prefix: &str,
    dropout: f64,
) -> Result<(OpenBackbone<'a>, Variables), Error> {
    open_keeping(MAX_KEPT_BYTES, dataset, model, prefix, dropout)
}

fn open_keeping<'a>(
    max_bytes: usize,
    dataset: &'a Dataset,
    model: &'a ModelConfig,
    prefix: &str,
    dropout: f64,
) -> Result<(OpenBackbone<'a>, Variables), Error> {
    let (mut frozen, mut variables) = (Parameters::new(), Variables::new());
    for (name, tensor) in parameters(model)? {
        match name.starts_with(prefix) {
            true => drop(variables.insert(name, Var::from_tensor(&tensor)?)),
            false => drop(frozen.insert(name, tensor)),
        }
    }
    let opening = Opening {
        model,
        frozen,
        dropout,
        precision: Precision::F32,
        dataset,
        embeddings: embeddings()?,
        seed: 1,
        device: &Device::Cpu,
        watch: &Unwatched,
    };
    let open = OpenBackbone::keeping(max_bytes, opening, &variables, &[0, 1])?;
    Ok((open, variables))
}

#[test]
fn it_trains_what_is_open_on_the_features_of_the_whole_backbone() -> TestResult {
    let (dataset, model) = (dataset(), config(Fusion::Concat, Pooling::Recency));
    let whole = Backbone::new(&ParameterSource::given(&parameters(&model)?), &model)?;
    let batch = Batch::new(&dataset, &[0, 1], &Device::Cpu)?;
    let wanted = whole.forward(&batch, &embeddings()?)?.features;
    for (prefix, kept) in [
        ("transformer.layers.1.", 2),
        ("post_transformer_norm.", 2),
        ("setvae.setvae.mu_logvar.4.", 2),
        ("setvae.setvae.encoder_layers.1.", 0),
    ] {
        let (open, variables) = open(&dataset, &model, prefix, 0.0)?;
        assert_eq!(open.kept.len(), kept, "{prefix}");
        let stays = open.stays(&[0, 1], Truth::Classes(vec![0, 0]));
        let features = stays.evaluated()?.features;
        assert_eq!(features.to_vec2::<f32>()?, wanted.to_vec2::<f32>()?);
        let step = stays.batch(&[1, 0], 0)?;
        assert_eq!(step.truth, Truth::Classes(vec![0, 0]));
        let gradients = step.shards[0].sqr()?.sum_all()?.backward()?;
        for (name, variable) in &variables {
            assert!(gradients.get(variable).is_some(), "{name}");
        }
    }
    Ok(())
}

#[test]
fn only_what_is_trained_has_dropout() -> TestResult {
    let (dataset, model) = (dataset(), config(Fusion::Gated, Pooling::Multiscale));
    for (prefix, dropout, differs) in [
        ("transformer.layers.0.", 0.5, true),
        ("transformer.layers.0.", 0.0, false),
        ("vae_feature_fusion.", 0.5, false),
        ("feature_projection.", 0.0, true),
    ] {
        let (open, _) = open(&dataset, &model, prefix, dropout)?;
        let stays = open.stays(&[0, 1], Truth::Classes(vec![0, 0]));
        let at = |step: u64| {
            stays
                .batch(&[0, 1], step)?
                .features
                .to_vec2::<f32>()
                .map_err(Error::from)
        };
        let still = stays.evaluated()?.features.to_vec2::<f32>()?;
        let mut steps = (0..8)
            .map(at)
            .collect::<Result<Vec<_>, Error>>()?
            .into_iter();
        assert_eq!(
            steps.any(|features| features != still),
            differs,
            "{prefix} {dropout}"
        );
        assert_eq!(at(3)?, at(3)?, "the same step draws the same");
    }
    Ok(())
}

#[test]
fn a_head_alone_opens_no_backbone() -> TestResult {
    let (dataset, model) = (dataset(), config(Fusion::None, Pooling::Recency));
    let error = open(&dataset, &model, "cls_head.", 0.0)
        .map(|_| ())
        .unwrap_err();
    assert!(
        error.to_string().contains("no parameter of the backbone"),
        "{error}"
    );
    Ok(())
}

#[test]
fn features_that_are_not_finite_name_their_stay() {
    let values = [1.0, 2.0, f32::NAN, 0.0];
    let error = check_finite(&values, 2, &dataset(), &[0, 1]).unwrap_err();
    assert!(error.to_string().contains("stay 2"), "{error}");
}

#[test]
fn what_is_too_large_to_keep_is_computed_again_to_the_same_numbers() -> TestResult {
    let (dataset, model) = (dataset(), config(Fusion::Gated, Pooling::Multiscale));
    // Three sets, μ and logvar of eight numbers each.
    let bytes = 3 * 2 * 8 * 4;
    let of = |max_bytes| -> Result<_, Box<dyn std::error::Error>> {
        let prefix = "vae_feature_fusion.";
        let (open, variables) = open_keeping(max_bytes, &dataset, &model, prefix, 0.0)?;
        let batch = open
            .stays(&[0, 1], Truth::Classes(vec![0, 0]))
            .batch(&[0, 1], 0)?;
        let gradients = batch.shards[0].sum_all()?.backward()?;
        let gradients = variables.values().map(|variable| {
            let gradient = gradients.get(variable).expect("a gradient");
            gradient.flatten_all()?.to_vec1::<f32>()
        });
        let gradients = gradients.collect::<candle_core::Result<Vec<_>>>()?;
        let features = batch.features.to_vec2::<f32>()?;
        Ok((open.kept.len(), features, gradients))
    };
    let (kept, again) = (of(bytes)?, of(bytes - 1)?);
    assert_eq!((kept.0, again.0), (2, 0));
    assert_eq!((kept.1, kept.2), (again.1, again.2));
    Ok(())
}
