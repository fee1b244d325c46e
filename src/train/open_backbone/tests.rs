use super::*;
use crate::model::backbone::tests::{config, dataset, embeddings, parameters};
use crate::model::config::{Fusion, Pooling};
use crate::train::watch::Unwatched;

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A backbone in which the parameters that start with `prefix` are trained.
fn open<'a>(
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
        dataset,
        embeddings: embeddings()?,
        seed: 1,
        device: &Device::Cpu,
        watch: &Unwatched,
    };
    let open = OpenBackbone::new(opening, &variables, &[0, 1])?;
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
        let stays = open.stays(&[0, 1]);
        let features = stays.evaluated()?.features;
        assert_eq!(features.to_vec2::<f32>()?, wanted.to_vec2::<f32>()?);
        let step = stays.batch(&[1, 0], 0)?;
        assert_eq!(step.labels, [0, 0]);
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
        let stays = open.stays(&[0, 1]);
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
